"""A web server on a port of this machine that answers as the test says, and notes what it was asked."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

CLOSED = -1
"""Instead of a status: the connection is closed without an answer."""


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form, each of which was there once."""
        fields = parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=True)
        assert all(len(values) == 1 for values in fields.values())
        return {name: values[0] for name, values in fields.items()}


@dataclass
class Said:
    """One answer.

    Args:
        status: `CLOSED` for none at all.
        body: Bytes, or what is sent as JSON.
        headers: Others than the length.
        seconds: How long to wait before.
    """

    status: int
    body: object = b""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0


@dataclass
class WebServer:
    """A server.

    Args:
        origin: Its URL without a path.
        answers: What it says, one after the other; the last again and again.
        asked: What it was asked.
        first_asked: Set once it was asked anything.
    """

    origin: str
    answers: list[Said]
    asked: list[Asked] = field(default_factory=list)
    first_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of one connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.asked.append(Asked(method, path, headers, body))
            self.first_asked.set()
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            await asyncio.sleep(said.seconds)
            if said.status != CLOSED:
                writer.write(_whole(said))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def _whole(said: Said) -> bytes:
    body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
    headers = {"Content-Length": str(len(body)), "Connection": "close", **said.headers}
    lines = [f"HTTP/1.1 {said.status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def a_web_server(*answers: Said, tls: ssl.SSLContext | None = None) -> AsyncIterator[WebServer]:
    """Inside, a server listens at 127.0.0.1 that gives these answers."""
    web = WebServer("", list(answers))
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    web.origin = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    async with server:
        yield web
