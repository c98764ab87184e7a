"""The product without a server around it: for counting and profiling what one request does."""

import asyncio
from typing import Self

from server.base.settings import Settings
from server.serve.application import Application, Message
from tests.bench.echo import create_app
from tests.bench.wire import Answer, Expected

Scope = dict[str, object]


class Direct:
    """One process's application, called in this one."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self._application: Application = create_app(
            settings.model_copy(update={"run_jobs": False}), database_url=database_url
        )
        self._life: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._life = asyncio.create_task(
            self._application({"type": "lifespan"}, self._lifespan_messages, self._lifespan_answers)
        )
        waiting = asyncio.create_task(self._begun.wait())
        await asyncio.wait((self._life, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        if self._life is not None:
            await self._life

    async def ask(self, request: bytes, expected: Expected) -> None:
        """*request*, as it would go over the wire, is answered as expected.

        Raises:
            WrongAnswer: It is not.
        """
        await self.call(*scope_and_body(request), expected)

    async def call(self, scope: Scope, body: bytes, expected: Expected) -> None:
        """As `ask`, with the request taken apart before; *scope* may be used again."""
        status = 0
        answered = b""
        received = False

        async def receive() -> Message:
            nonlocal received
            if received:
                await asyncio.Future()
            received = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                answered += message["body"]

        await self._application(dict(scope), receive, send)
        expected.check(Answer(status, answered, 0.0))

    async def _lifespan_messages(self) -> Message:
        if not self._begun.is_set():
            return {"type": "lifespan.startup"}
        await self._ended.wait()
        return {"type": "lifespan.shutdown"}

    async def _lifespan_answers(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            raise RuntimeError(message["message"])
        self._begun.set()


def scope_and_body(request: bytes) -> tuple[Scope, bytes]:
    """*request* as uvicorn would hand it to the application."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    method, target, _ = first.decode("ascii").split(" ")
    path, _, query = target.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 40_000),
        "scheme": "http",
        "method": method,
        "root_path": "",
        "path": path,
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "headers": [(name, value) for name, _, value in (line.partition(b": ") for line in lines)],
        "state": {},
    }
    return scope, body
