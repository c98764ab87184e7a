"""How soon a waiting relying party knows: from the phone's answer to the end of `wait`."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from time import perf_counter

from tests.bench.echo import PROCESS_PATH
from tests.bench.fleet import Fleet, Question, approval
from tests.bench.load import Address, Caller, Expected, request_bytes
from tests.bench.scenarios import ECHOES, WAITED

APPROVED = Expected(200, b'"APPROVED"')
OK = Expected(200)

SETTLE_SECONDS = 20.0
# So many connections are tried for one to each of two processes.
MOST_TRIES = 200

_WAITING = re.compile(rb"^countersign_http_waiting_requests(?:\{[^}]*\})? ([0-9.]+)$", re.MULTILINE)


class NotWaiting(Exception):
    """The waiters, or the processes, are not there. The text says what is missing."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Some durations, in milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        """The median and the 99th percentile of at least two."""
        percentiles = quantiles(seconds, n=100, method="inclusive")
        return cls(percentiles[49] * 1000, percentiles[98] * 1000)


@dataclass(frozen=True, slots=True)
class WakeUp:
    """What was measured.

    Args:
        waiters: How many waited at a time.
        answers: How many of them were answered, over all rounds.
        across: Whether they waited in another process than the one that was answered to.
        from_sent: From sending `respond` to the waiter's answer.
        from_answered: From the answer to `respond` to the waiter's; below zero when the waiter was first.
        echoes: By the echo's name, from sending it to its answer, one at a time, beside the same waiters.
    """

    waiters: int
    answers: int
    across: bool
    from_sent: Spread
    from_answered: Spread
    echoes: dict[str, Spread]


@dataclass(slots=True)
class _Seconds:
    from_sent: list[float] = field(default_factory=list)
    from_answered: list[float] = field(default_factory=list)
    echoes: dict[str, list[float]] = field(default_factory=lambda: {echo.name: [] for echo in ECHOES})


async def measure_wake_up(
    address: Address, fleet: Fleet, *, waiters: int, rounds: int, workers: int
) -> WakeUp:
    """Each of *waiters* waits for an attempt of its own; the owners approve one after the other.

    With several workers all wait in one process, and all answers arrive at another.

    Raises:
        WrongAnswer: An answer was not the expected one.
        NotWaiting: The waiters did not come to wait.
    """
    seconds = _Seconds()
    phone, waiting = await _callers(address, waiters, across=workers > 1)
    try:
        for _ in range(rounds):
            questions = await fleet.questions(fleet.phones[:waiters])
            await _round(address, fleet, phone, list(zip(waiting, questions, strict=True)), seconds)
    finally:
        for caller in (phone, *waiting):
            caller.close()
    return WakeUp(
        waiters=waiters,
        answers=len(seconds.from_sent),
        across=workers > 1,
        from_sent=Spread.of(seconds.from_sent),
        from_answered=Spread.of(seconds.from_answered),
        echoes={name: Spread.of(each) for name, each in seconds.echoes.items()},
    )


async def _round(
    address: Address,
    fleet: Fleet,
    phone: Caller,
    waiting: Sequence[tuple[Caller, Question]],
    seconds: _Seconds,
) -> None:
    """Everybody waits, and is answered."""
    approvals = [approval(question) for _, question in waiting]
    ends = [caller.ask(fleet.wait(question)) for caller, question in waiting]
    await _until_waiting(address, len(ends))
    for request, end in zip(approvals, ends, strict=True):
        for echo in ECHOES:
            began = perf_counter()
            echoed = await phone.ask(echo.request)
            echo.expected.check(echoed)
            seconds.echoes[echo.name].append(echoed.at - began)
        sent = perf_counter()
        answered = await phone.ask(request)
        APPROVED.check(answered)
        woken = await end
        WAITED.check(woken)
        seconds.from_sent.append(woken.at - sent)
        seconds.from_answered.append(woken.at - answered.at)


async def _until_waiting(address: Address, count: int) -> None:
    caller = await Caller.open(address)
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                metrics = await caller.ask(request_bytes("GET", "/metrics"))
                OK.check(metrics)
                found = _WAITING.search(metrics.raw)
                if found is not None and float(found[1]) == count:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise NotWaiting(f"{count} requests should wait, and do not") from None
    finally:
        caller.close()


async def _callers(address: Address, waiters: int, *, across: bool) -> tuple[Caller, list[Caller]]:
    """The phones' connection and the waiters'; if *across*, these to one process and that to another."""
    by_process: dict[int, list[Caller]] = {}
    surplus: list[Caller] = []
    try:
        for _ in range(waiters + 1 + MOST_TRIES):
            caller = await Caller.open(address)
            process = await _process_of(caller)
            by_process.setdefault(process, []).append(caller)
            # The process with the most connections is waited in, any other one is answered to.
            waited_in, *others = sorted(by_process.values(), key=len, reverse=True)
            if not across and len(waited_in) > waiters:
                return waited_in[0], waited_in[1:]
            if across and len(waited_in) >= waiters and others:
                surplus = [*waited_in[waiters:], *others[0][1:], *(c for other in others[1:] for c in other)]
                return others[0][0], waited_in[:waiters]
    finally:
        for caller in surplus:
            caller.close()
    raise NotWaiting("one process took all connections, so nothing can be said about two")


async def _process_of(caller: Caller) -> int:
    answer = await caller.ask(request_bytes("GET", PROCESS_PATH))
    OK.check(answer)
    process: int = json.loads(answer.body)["process"]
    return process
