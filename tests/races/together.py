"""Doing things at the same moment, and looking at what came of it."""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Generic, TypeVar

from server.base.errors import AppError
from server.core.work import Core
from tests.support.scene import Scene

PATIENCE_SECONDS = 60

Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcomes(Generic[Result]):
    """What came of things that were done at the same moment. Whatever is no refusal has been raised."""

    results: list[Result]
    refusals: list[AppError]

    @property
    def refused_as(self) -> set[type[AppError]]:
        """The kinds of refusals."""
        return {type(refusal) for refusal in self.refusals}

    @property
    def result(self) -> Result:
        """That of the only one who was not refused."""
        (only,) = self.results
        return only


async def at_once(*deeds: Awaitable[Result]) -> Outcomes[Result]:
    """All *deeds* are done at the same moment.

    Raises:
        Exception: One of them failed otherwise than by a refusal, such as in a deadlock: on the wire a 500.
    """
    async with asyncio.timeout(PATIENCE_SECONDS):
        outcomes = await asyncio.gather(*deeds, return_exceptions=True)
    results: list[Result] = []
    refusals: list[AppError] = []
    for outcome in outcomes:
        if isinstance(outcome, AppError):
            refusals.append(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            results.append(outcome)
    return Outcomes(results, refusals)


@dataclass(frozen=True)
class Processes:
    """The same relying party and phones, at two processes."""

    one: Scene
    other: Scene

    @classmethod
    async def of(cls, one: Core, other: Core) -> "Processes":
        """A new relying party at both."""
        first = await Scene.on(one)
        return cls(first, replace(first, core=other))

    def each(self, times: int) -> Iterator[Scene]:
        """The two in turn, so many times."""
        for scene, _ in zip(cycle((self.one, self.other)), range(times), strict=False):
            yield scene
