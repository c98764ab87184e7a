"""Requests per second of each operation, measured in turns with the echoes: they share the weather."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from statistics import median

from tests.bench.cpu import cpu_seconds
from tests.bench.fleet import Fleet
from tests.bench.instance import Ground, Running
from tests.bench.load import Expected, saturate
from tests.bench.scenarios import ECHOES, Scenario

MICROSECONDS = 1_000_000
WARM_UP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Slice:
    """A short time of nothing but one kind of request.

    Args:
        per_second: Requests answered.
        server_us: Processor time of the server for each, in microseconds; None where it is not known.
        database_us: Likewise of the database.
        load_share: How much of its one core the load generator used.
    """

    per_second: float
    server_us: float | None
    database_us: float | None
    load_share: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """An operation's slices, and those of the echoes around it, turn by turn.

    Args:
        echoes: By the echo's name.
    """

    name: str
    slices: Sequence[Slice]
    echoes: Mapping[str, Sequence[Slice]]

    @property
    def per_second(self) -> float:
        """The median."""
        return median(each.per_second for each in self.slices)

    def ratio(self, echo: str) -> float:
        """The median of what it is, turn by turn, as a multiple of *echo*."""
        return median(
            mine.per_second / its.per_second for mine, its in zip(self.slices, self.echoes[echo], strict=True)
        )


def median_of(slices: Iterable[Slice], figure: Callable[[Slice], float | None]) -> float | None:
    """The median of one figure of *slices*; None where it is not known."""
    known = [value for each in slices if (value := figure(each)) is not None]
    return median(known) if known else None


class Course:
    """Where operations are measured.

    Args:
        prepared: The instance.
        server: Its server.
        fleet: The phones.
        connections: How many are busy at a time.
        seconds: The length of a slice.
        rounds: How many slices of each kind.
    """

    def __init__(
        self,
        prepared: Ground,
        server: Running,
        fleet: Fleet,
        *,
        connections: int,
        seconds: float,
        rounds: int,
    ) -> None:
        self._server = server
        self._database_process = prepared.database_process
        self._fleet = fleet
        self._connections = connections
        self._seconds = seconds
        self._rounds = rounds

    async def run(self, scenario: Scenario) -> Throughput:
        """*scenario* and the echoes, in turns, after everything was warmed up.

        Raises:
            WrongAnswer: An answer was not the expected one.
            OSError: A connection was refused or lost.
        """
        await self._warm_up(scenario)
        slices: list[Slice] = []
        echoes: dict[str, list[Slice]] = {echo.name: [] for echo in ECHOES}
        for _ in range(self._rounds):
            requests = await scenario.prepare(self._fleet)
            for echo in ECHOES:
                echoes[echo.name].append(await self._slice(repeat(echo.request), echo.expected))
            slices.append(await self._slice(scenario.stream(requests), scenario.expected))
        return Throughput(scenario.name, slices, echoes)

    async def _warm_up(self, scenario: Scenario) -> None:
        """Every phone was there once: their keys are loaded, statements prepared on all connections."""
        for echo in ECHOES:
            await saturate(
                self._server.address,
                repeat(echo.request),
                echo.expected,
                connections=self._connections,
                seconds=WARM_UP_SECONDS,
            )
        requests = await scenario.prepare(self._fleet)
        await saturate(
            self._server.address,
            islice(requests, len(self._fleet.phones)),
            scenario.expected,
            connections=self._connections,
        )

    async def _slice(self, requests: Iterable[bytes], expected: Expected) -> Slice:
        before = self._used()
        measured = await saturate(
            self._server.address,
            requests,
            expected,
            connections=self._connections,
            seconds=self._seconds,
        )
        load, server, database = (
            None if start is None or end is None else end - start
            for start, end in zip(before, self._used(), strict=True)
        )
        return Slice(
            per_second=measured.per_second,
            server_us=_each(server, measured.answers),
            database_us=_each(database, measured.answers),
            load_share=(load or 0.0) / measured.seconds,
        )

    def _used(self) -> tuple[float, float | None, float | None]:
        return time.process_time(), cpu_seconds(self._server.process), cpu_seconds(self._database_process)


def _each(seconds: float | None, answers: int) -> float | None:
    return None if seconds is None else seconds * MICROSECONDS / answers
