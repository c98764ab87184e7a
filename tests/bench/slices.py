"""Slices of one kind of request each, measured in turns: whoever is compared shares the weather."""

import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.cpu import MICROSECONDS, Usage, microseconds_each
from tests.bench.fleet import Fleet
from tests.bench.instance import Running
from tests.bench.load import saturate
from tests.bench.options import Options, Tell
from tests.bench.scenarios import Echo, Scenario
from tests.bench.wire import Expected

# What is not signed is warm after so many.
WARM_UP_REQUESTS = 500
# A slice that goes better than the one before it must not run out of requests.
SPARE = 1.25

Prepare = Callable[[int], Awaitable[Sequence[bytes]]]


@dataclass(frozen=True, slots=True)
class Slice:
    """A short time of nothing but one kind of request.

    Args:
        per_second: Requests answered.
        server_us: Processor time of the server for each, in microseconds; None where it is not known.
        database_us: Likewise of the database.
        load_us: Likewise of the load generator.
        others_share: How much of the machine all other programs used; None where it is not known.
    """

    per_second: float
    server_us: float | None
    database_us: float | None
    load_us: float
    others_share: float | None

    @property
    def load_share(self) -> float:
        """How much of one core the load generator used."""
        return self.per_second * self.load_us / MICROSECONDS


@dataclass(frozen=True, slots=True)
class Contender:
    """One of those that are measured in turns.

    Args:
        connections: To its server.
        prepare: Gives so many of its requests, or fewer.
        warm_up: How many requests make the server warm for it.
    """

    name: str
    server: Running
    connections: Sequence[socket.socket]
    prepare: Prepare
    expected: Expected
    warm_up: int = WARM_UP_REQUESTS


Slices = Mapping[str, Sequence[Slice]]


def echo_contender(name: str, echo: Echo, server: Running, connections: Sequence[socket.socket]) -> Contender:
    """A trivial route."""

    async def prepare(count: int) -> Sequence[bytes]:
        return [echo.request] * count

    return Contender(name, server, connections, prepare, echo.expected)


def contender(
    name: str, scenario: Scenario, fleet: Fleet, server: Running, connections: Sequence[socket.socket]
) -> Contender:
    """An operation, done by a fleet."""

    async def prepare(count: int) -> Sequence[bytes]:
        return await scenario.prepare(fleet, count)

    warm_up = len(fleet.phones) if scenario.signed else WARM_UP_REQUESTS
    return Contender(name, server, connections, prepare, scenario.expected, warm_up)


async def in_turns(contenders: Sequence[Contender], options: Options, tell: Tell) -> Slices:
    """The slices of each of *contenders*, by its name, after everything was warmed up.

    Raises:
        WrongAnswer: An answer was not the expected one.
        NoAnswer: None came.
        OSError: A connection was lost.
    """
    per_second = {}
    for each in contenders:
        tell(f"warming up {each.name}")
        requests = await each.prepare(each.warm_up)
        per_second[each.name] = saturate(each.connections, requests, each.expected).per_second
    slices: dict[str, list[Slice]] = {each.name: [] for each in contenders}
    for number in range(options.rounds):
        # There and back, so that nobody is always the one after somebody else.
        for each in contenders if number % 2 == 0 else reversed(contenders):
            tell(f"round {number + 1} of {options.rounds}: {each.name}")
            count = int(per_second[each.name] * options.seconds * SPARE) + len(each.connections)
            measured = _slice(each, await each.prepare(count), options.seconds)
            slices[each.name].append(measured)
            per_second[each.name] = measured.per_second
    return slices


def ratios(mine: Iterable[Slice], theirs: Iterable[Slice]) -> list[float]:
    """What *mine* is as a multiple of *theirs*, turn by turn."""
    return [my.per_second / their.per_second for my, their in zip(mine, theirs, strict=True)]


def median_of(slices: Iterable[Slice], figure: Callable[[Slice], float | None]) -> float | None:
    """The median of one figure of *slices*; None where it is not known."""
    known = [value for each in slices if (value := figure(each)) is not None]
    return median(known) if known else None


def others_share(slices: Iterable[Slice]) -> float | None:
    """How much of the machine other programs used in the median slice; None where it is not known."""
    return median_of(slices, lambda each: each.others_share)


def _slice(contender: Contender, requests: Sequence[bytes], seconds: float) -> Slice:
    server = contender.server
    before = Usage.until_now(server.process, server.database_process)
    measured = saturate(contender.connections, requests, contender.expected, seconds=seconds)
    after = Usage.until_now(server.process, server.database_process)
    return Slice(
        per_second=measured.per_second,
        server_us=microseconds_each(before.server, after.server, measured.answers),
        database_us=microseconds_each(before.database, after.database, measured.answers),
        load_us=measured.load_seconds * MICROSECONDS / measured.answers,
        others_share=after.others_share(before),
    )
