"""Answers of uvicorn whose body is known when their head is: one write for both.

uvicorn writes the head when the application sends it, and the body when that comes: two system calls, and
the client wakes twice. Here the head waits for the body, which nearly every answer has at once.
"""

from collections.abc import Awaitable
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from server.serve.application import Application, Message, Receive, Send

_BODILESS = frozenset({204, 304})
# What decides how a message ends; uvicorn itself looks after answers that say more than their length.
_FRAMING = frozenset({b"transfer-encoding", b"connection"})


class WholeAnswers:
    """An application whose short answers leave in one piece.

    Args:
        application: What answers.
        cycle: The one request that it will answer.
    """

    __slots__ = ("_application", "_cycle", "_head")

    def __init__(self, application: Application, cycle: RequestResponseCycle) -> None:
        self._application = application
        self._cycle = cycle
        self._head: Message | None = None

    def __call__(self, scope: Message, receive: Receive, _: Send) -> Awaitable[None]:
        """The request is answered once this was awaited."""
        return self._application(scope, receive, self._send)

    async def _send(self, message: Message) -> None:
        cycle = self._cycle
        if self._head is None:
            if message["type"] == "http.response.start" and not cycle.response_started:
                self._head = message
                return
        else:
            head, self._head = self._head, None
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                whole = _whole(cycle, head, message.get("body", b""))
                if whole is not None:
                    _answer(cycle, whole)
                    return
            await cycle.send(cast(Any, head))
        await cycle.send(cast(Any, message))


def _whole(cycle: RequestResponseCycle, head: Message, body: bytes) -> bytes | None:
    """The answer as it goes on the wire; None where there is more to it than a head and a body."""
    status = head["status"]
    flow: FlowControl = cycle.flow
    if cycle.disconnected or not cycle.keep_alive or flow.write_paused or cycle.scope["method"] == "HEAD":
        return None
    length = -1
    parts = [STATUS_LINE[status]]
    headers = [*cycle.default_headers, *head["headers"]]
    for name, value in headers:
        if name in _FRAMING:
            return None
        if name == b"content-length":
            length = int(value)
        parts += (name, b": ", value, b"\r\n")
    if length != len(body) and not (status in _BODILESS and not body and length < 0):
        return None
    parts.append(b"\r\n")
    lines = b"".join(parts)
    # A line more than there are headers would be one that somebody smuggled into a value.
    if lines.count(b"\n") != len(headers) + 2 or lines.count(b"\r") != len(headers) + 2 or b"\0" in lines:
        return None
    return lines + body


def _answer(cycle: RequestResponseCycle, whole: bytes) -> None:
    """What `RequestResponseCycle.send` does with a head and a body, in one step."""
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(whole)
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
