"""Talks to an ASGI application without a server, so that a test decides when bytes come and who leaves."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from server.surfaces.kit.asgi import Message, Scope
from server.surfaces.kit.gateway import Gateway

PEER = "192.0.2.10"


async def never() -> Message:
    """What a request receives that nobody reads."""
    raise AssertionError("nothing is received here")


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The header's value; None without it. There must not be two."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:  # noqa: ANN401 - whatever the body says
        """The body, read as JSON."""
        return json.loads(self.body)


class Request:
    """A request under way."""

    def __init__(self, gateway: Gateway, scope: Scope, chunks: Sequence[bytes], *, complete: bool) -> None:
        self.answer = Answer()
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        for index, chunk in enumerate(chunks):
            more = index < len(chunks) - 1 or not complete
            self._incoming.put_nowait({"type": "http.request", "body": chunk, "more_body": more})
        self._task = asyncio.create_task(self._run(gateway, scope))

    async def _run(self, gateway: Gateway, scope: Scope) -> Answer:
        await gateway(scope, self._incoming.get, self._take)
        return self.answer

    async def _take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.answer.status = message["status"]
            self.answer.headers = [(key.decode(), value.decode()) for key, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self.answer.body += message.get("body", b"")

    def leave(self) -> None:
        """The client closes the connection."""
        self._incoming.put_nowait({"type": "http.disconnect"})

    @property
    def is_over(self) -> bool:
        """Whether the application is done with it."""
        return self._task.done()

    async def finish(self, timeout_seconds: float = 5) -> Answer:
        """The answer, once it is complete."""
        async with asyncio.timeout(timeout_seconds):
            return await self._task


async def waits_held(gateway: Gateway, count: int) -> None:
    """Exactly *count* requests wait."""
    for _ in range(5000):
        if gateway.serving.waits.held == count:
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"{gateway.serving.waits.held} requests wait")


class Client:
    """A client of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def start(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes | Sequence[bytes] = b"",
        json_body: object = None,
        complete: bool = True,
        peer: str | None = PEER,
        port: int = 8080,
    ) -> Request:
        """The request is sent to *port*; its answer is awaited elsewhere."""
        raw_path, _, query = target.partition("?")
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        if all(name.lower() != "host" for name, _ in pairs):
            pairs.insert(0, ("host", "testserver"))
        if json_body is not None:
            body = json.dumps(json_body).encode()
            pairs.append(("content-type", "application/json"))
        chunks = [body] if isinstance(body, bytes) else body
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw_path),
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in pairs],
            "client": (peer, 40000) if peer else None,
            "server": ("127.0.0.1", port),
        }
        return Request(self.gateway, scope, chunks, complete=complete)

    async def send(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes | Sequence[bytes] = b"",
        json_body: object = None,
        peer: str | None = PEER,
        port: int = 8080,
    ) -> Answer:
        """The answer to one request."""
        request = self.start(
            method, target, headers=headers, body=body, json_body=json_body, peer=peer, port=port
        )
        return await request.finish()
