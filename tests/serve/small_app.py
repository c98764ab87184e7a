"""An application as small as one can be that does what matters here: it waits, and it can be told to stop.

    /pid     the process's id
    /wait    answered when the shutdown begins
    /slow    answered after most of a second
    /port    the port that the request came in at
    /body    as many bytes as came

Run as a module it is served as `countersign serve` serves the real one, with the settings of the
environment.
"""

import asyncio
import os
import sys

import structlog

from server.base.settings import Settings, load_settings
from server.serve.application import Message, Receive, Send
from server.serve.workers import serve

log = structlog.stdlib.get_logger(__name__)


class SmallApp:
    """The application."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            body = await self._answer(scope, receive)
            headers = [(b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def begin_shutdown(self) -> None:
        """Who waits is answered."""
        self._stopping.set()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        if os.environ.get("SMALL_APP_FAILS"):
            await send({"type": "lifespan.startup.failed", "message": "the moon is in the wrong phase"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        log.info("ended", password="open sesame", url="https://me:open-sesame@there")
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Message, receive: Receive) -> bytes:
        match scope["path"]:
            case "/port":
                return str(scope["server"][1]).encode()
            case "/pid":
                return str(os.getpid()).encode()
            case "/wait":
                log.info("waiting")
                await self._stopping.wait()
                return b"stopping"
            case "/slow":
                log.info("working")
                await asyncio.sleep(0.8)
                return b"done"
            case _:
                log.info("reading")
                message = await receive()
                count = len(message["body"])
                while message.get("more_body", False):
                    message = await receive()
                    count += len(message["body"])
                return str(count).encode()


def create_app(settings: Settings, *, database_url: str) -> SmallApp:
    """The application of one process."""
    assert database_url
    return SmallApp()


if __name__ == "__main__":
    sys.exit(serve(load_settings(), factory="tests.serve.small_app:create_app"))
