"""HTTP/1.1 as far as the bench speaks it: requests as bytes, and what an answer is and must be."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "


class WrongAnswer(Exception):
    """An answer is not the expected one, so the measurement is worth nothing."""


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


class Answer(NamedTuple):
    """An answer that arrived.

    Args:
        raw: Head and body.
        at: When it was complete, on `perf_counter`.
    """

    status: int
    raw: bytes
    at: float

    @property
    def body(self) -> bytes:
        """What follows the head."""
        return self.raw.partition(_END_OF_HEAD)[2]


@dataclass(frozen=True, slots=True)
class Expected:
    """What every answer must be.

    Args:
        status: Its status.
        part: What its head or body holds: that an answer is 200 does not say that it is an approval.
    """

    status: int
    part: bytes = b""

    @property
    def beginning(self) -> bytes:
        """How such an answer begins."""
        return b"HTTP/1.1 %d " % self.status

    def check(self, answer: Answer) -> None:
        """*answer* is as expected.

        Raises:
            WrongAnswer: It is not.
        """
        if answer.status != self.status or self.part not in answer.raw:
            raise self.missed_by(answer.raw)

    def missed_by(self, raw: bytes) -> WrongAnswer:
        """What is raised when *raw* came instead."""
        return WrongAnswer(f"expected {self.status} with {self.part!r}, got {raw[:2000]!r}")


def request_bytes(
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    credentials: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A whole HTTP/1.1 request, ready to be sent.

    Args:
        body: JSON; None for none.
        credentials: User and password of HTTP Basic.
        headers: More of them, their names in lower case.
    """
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "accept: application/json"]
    if credentials is not None:
        lines.append(f"authorization: Basic {b64encode(':'.join(credentials).encode()).decode()}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")


def is_whole(data: bytes) -> bool:
    """Whether *data*, the beginning of an answer, is all of it."""
    end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
    if end < len(_END_OF_HEAD):
        return False
    at = data.find(_LENGTH, 0, end)
    if at >= 0:
        end += int(data[at + len(_LENGTH) : data.index(b"\r\n", at)])
    return len(data) >= end


def read_answer(raw: bytes, at: float) -> Answer:
    """The whole answer *raw*, complete *at* this moment."""
    return Answer(int(raw[9:12]), raw, at)
