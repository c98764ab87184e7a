"""Request lines as JSON, for microseconds: nearly every line of a busy process is one.

They read as if they had gone through the chain of `server.serve.logs`, and are as free of secrets.
"""

import os
import time
from functools import lru_cache
from json.encoder import encode_basestring_ascii as encode

from server.serve.log_stream import LogStream
from server.serve.redaction import mask_secrets
from server.surfaces.kit.access_log import LOGGER

# The cache is not for methods as long as anybody likes.
MAX_METHOD_CHARACTERS = 16


class RequestLines:
    """Writes request lines; those of one turn of the event loop together.

    Args:
        stream: Where they go.
    """

    def __init__(self, stream: LogStream) -> None:
        self._gather = stream.gather
        self._origin = f'"pid": {os.getpid()}, "logger": {encode(LOGGER)}'
        self._second = -1
        self._date = ""

    def write(
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
        """The line is gathered for the log's stream. It says what `WritesRequests` describes."""
        begin = _beginning if len(method) <= MAX_METHOD_CHARACTERS else _beginning.__wrapped__
        second, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second, self._date = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        self._gather(
            f'{begin(method, route, surface, status, error, cause)}, "duration_ms": {duration_ms!r}'
            f', "address": {_quoted(address)}, "request_id": {_quoted(request_id)}'
            f', "caller": {_quoted(caller)}, "caller_id": {_shown(caller_id)}, "proved": {_shown(proved)}'
            f', "event": "request", "level": "info"'
            f', "timestamp": "{self._date}.{nanoseconds // 1000:06d}Z", {self._origin}}}'
        )


@lru_cache(maxsize=2048)
def _beginning(
    method: str, route: str, surface: str, status: int, error: str | None, cause: str | None
) -> str:
    return (
        f'{{"method": {_shown(method)}, "route": {_quoted(route)}, "surface": {_quoted(surface)}'
        f', "status": {status}, "error": {_quoted(error)}, "cause": {_quoted(cause)}'
    )


def _shown(value: str | None) -> str:
    """*value*, which somebody else wrote, or may one day, without secrets."""
    return "null" if value is None else mask_secrets(encode(value))


def _quoted(value: str | None) -> str:
    """*value*, which nobody else wrote."""
    return "null" if value is None else encode(value)
