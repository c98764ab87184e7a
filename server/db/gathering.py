"""Requests of one kind that arrive together share one statement.

A statement for sixty polls costs little more than one for a single poll, here and in the database. Whoever
asks waits until the event loop has let everybody ask who is ready to; while statements of the same kind are
under way the next ones gather. So the busier the process, the more share one, and a lone request waits for
nobody.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, NamedTuple, TypeVar

from server.base.errors import Unavailable

MOST_ITEMS = 64
MOST_UNDER_WAY = 2

Conn = TypeVar("Conn")
Run = Callable[[Any, Sequence[Any]], Awaitable[Sequence[Any]]]


class _Asked(NamedTuple):
    item: Any
    key: Hashable
    answer: asyncio.Future[Any]


class Gatherings(Generic[Conn]):
    """What is asked together in one process, by what it runs.

    Args:
        acquire: Lends a connection for the length of a block.
    """

    def __init__(self, acquire: Callable[[], AbstractAsyncContextManager[Conn]]) -> None:
        self._acquire = acquire
        self._by_run: dict[Run, _Gathering[Conn]] = {}

    def ask(self, run: Run, item: object, key: Hashable) -> asyncio.Future[Any]:
        """The answer to *item* among the answers of *run*, once it is there.

        Raises:
            Unavailable: When awaited: the database did not answer.
        """
        gathering = self._by_run.get(run)
        if gathering is None:
            gathering = self._by_run[run] = _Gathering(run, self._acquire)
        return gathering.ask(item, key)


class _Gathering(Generic[Conn]):
    """Those who ask for the same thing."""

    __slots__ = ("_acquire", "_context", "_loop", "_run", "_stirred", "_tasks", "_waiting")

    def __init__(self, run: Run, acquire: Callable[[], AbstractAsyncContextManager[Conn]]) -> None:
        self._run = run
        self._acquire = acquire
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Asked] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stirred = False
        # Not the context of whoever happens to ask first: it would live on, and be logged from, for others.
        self._context = contextvars.Context()

    def ask(self, item: object, key: Hashable) -> asyncio.Future[Any]:
        answer = self._loop.create_future()
        self._waiting.append(_Asked(item, key, answer))
        if not self._stirred and len(self._tasks) < MOST_UNDER_WAY:
            self._stirred = True
            # Whoever is ready to run at this moment comes before it, and may ask too.
            self._loop.call_soon(self._begin, context=self._context)
        return answer

    def _begin(self) -> None:
        self._stirred = False
        while len(self._tasks) < MOST_UNDER_WAY and (batch := self._next()):
            task = self._loop.create_task(self._answer(batch), context=self._context)
            self._tasks.add(task)
            task.add_done_callback(self._ended, context=self._context)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._begin()

    def _next(self) -> list[_Asked]:
        """Those who come first, each key once. Who went away in the meantime is left out."""
        taken: dict[Hashable, _Asked] = {}
        later: list[_Asked] = []
        for asked in self._waiting:
            if asked.answer.done():
                continue
            if asked.key in taken or len(taken) == MOST_ITEMS:
                later.append(asked)
            else:
                taken[asked.key] = asked
        self._waiting = later
        return list(taken.values())

    async def _answer(self, batch: list[_Asked]) -> None:
        try:
            async with self._acquire() as conn:
                found = await self._run(conn, [asked.item for asked in batch])
        except Unavailable as outage:
            for asked in batch:
                _fail(asked, _again(outage))
        except Exception as failure:  # noqa: BLE001 - it belongs to those who asked
            if len(batch) == 1:
                _fail(batch[0], failure)
            else:
                await self._answer_each(batch)
        else:
            for asked, answer in zip(batch, found, strict=True):
                if not asked.answer.done():
                    asked.answer.set_result(answer)
        finally:
            # Only when this task was interrupted is anybody left, and nobody else will answer.
            for asked in batch:
                asked.answer.cancel()

    async def _answer_each(self, batch: list[_Asked]) -> None:
        """One of them may be to blame for a statement that failed, which has changed nothing."""
        for asked in batch:
            if not asked.answer.done():
                await self._answer([asked])


def _fail(asked: _Asked, failure: Exception) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(failure)


def _again(outage: Unavailable) -> Unavailable:
    """The same, for another who asked: an exception that is raised twice mixes up its tracebacks."""
    another = Unavailable()
    another.__cause__ = outage.__cause__
    return another
