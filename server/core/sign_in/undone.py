"""The same work whether or not anything comes of it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from server.core.work import Work


class _UndoneError(Exception):
    """What was done is taken back."""


async def done_if(work: Work, do: Callable[[], Awaitable[None]], *, wanted: bool) -> None:
    """*do* is done if *wanted*; otherwise it is done as well, and taken back.

    So whoever has a message sent to an address cannot tell by the time that it takes whether it is anybody's.
    """
    wakes, events = len(work.wakes), len(work.events)
    with suppress(_UndoneError):
        async with work.conn.transaction():
            await do()
            if not wanted:
                raise _UndoneError
    if not wanted:
        del work.wakes[wakes:]
        del work.events[events:]
