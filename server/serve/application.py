"""What a process serves: an ASGI application that can be told that its end is near."""

from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any, Protocol, cast

from server.base.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

FACTORY = "server.app:create_app"


class Application(Protocol):
    """An ASGI 3 application with lifespan."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""

    def begin_shutdown(self) -> None:
        """From now on nothing waits: requests that wait are answered, new ones do not begin to."""


class Factory(Protocol):
    """Makes the application of one process."""

    def __call__(self, settings: Settings, *, database_url: str) -> Application:
        """The application; nothing is opened before its lifespan begins."""


def load_factory(name: str) -> Factory:
    """The factory that *name* (`module:function`) names."""
    module, _, function = name.partition(":")
    return cast(Factory, getattr(import_module(module), function))
