"""The line that a request leaves in the log: what it says, which requests leave one, and where it goes."""

from random import random
from typing import Protocol

import structlog

LOGGER = "countersign.http"
FIRST_REFUSAL = 400


class WritesRequests(Protocol):
    """Writes the line of one request."""

    def __call__(
        self,
        *,
        method: str,
        route: str,
        surface: str,
        status: int,
        error: str | None,
        cause: str | None,
        duration_ms: float,
        address: str | None,
        request_id: str,
        caller: str | None,
        caller_id: str | None,
        proved: str | None,
    ) -> None:
        """The line says all of this, in this order.

        Args:
            method: As the client sent it.
            route: The template, never the path; `(none)` where no route was found.
            surface: The one that answered.
            status: The answer's; 499 if the client went before there was one.
            error: The code of the refusal.
            cause: The name of the exception behind it, where there was one.
            duration_ms: From the request's headers to its answer, waiting included; three decimals.
            address: The client's in canonical form, trusted proxies taken off; None where it is not known.
            request_id: The id that the answer carries too.
            caller: What kind of caller the guard found.
            caller_id: Its id.
            proved: Whose possession of a key was proved, such as `enrollment:7`.
        """


def write_with_structlog(**members: object) -> None:
    """The line is logged like any other."""
    structlog.get_logger(LOGGER).info("request", **members)


class AccessLog:
    """Where the request lines of this process go.

    Whoever configures the process's logs says so, in `write`: None for nowhere. Until then they are logged
    like any other line.
    """

    def __init__(self) -> None:
        self.write: WritesRequests | None = write_with_structlog


access_log = AccessLog()


def leaves_line(status: int, share: float) -> bool:
    """Whether a request that was answered with *status* is logged.

    Refusals and failures always are, of the others only a *share* (from 0 to 1), by chance: among callers
    that take turns, every tenth request may well be the same caller's.
    """
    return status >= FIRST_REFUSAL or share >= 1 or random() < share  # noqa: S311 - no secret depends on it
