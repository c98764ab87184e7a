"""The whole exchange by many users at once: create, wait, poll, approve, and the wait returns."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

import uvloop

from tests.bench.callers import Caller
from tests.bench.connections import connections_to
from tests.bench.cpu import MICROSECONDS, Usage, microseconds_each
from tests.bench.figures import Detail, Figure, Outcome
from tests.bench.fleet import Fleet, approval, poll
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.load import undisturbed
from tests.bench.options import Options, Tell
from tests.bench.rows import Question
from tests.bench.scenarios import APPROVED, CREATED, FOUND, WAITED
from tests.bench.spread import Spread
from tests.support.phone import Phone

WARM_UP_SECONDS = 1.5
SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One, in seconds.

    Args:
        create: From sending it to its answer.
        pending: Likewise; the wait was sent just before.
        respond: Likewise.
        wait: From sending `respond` to the answer of the wait.
        whole: From sending `create` until both sides have their last answer.
    """

    create: float
    pending: float
    respond: float
    wait: float
    whole: float


STEPS = ("create", "pending", "respond", "wait", "whole")


@dataclass(frozen=True, slots=True)
class _Measured:
    exchanges: Sequence[Exchange]
    seconds: float
    server_us: float | None
    load_us: float
    others_share: float | None


def measure_exchange(options: Options, tell: Tell) -> Outcome:
    """`options.users` users, each of whom begins again as soon as it is done, on one worker.

    Raises:
        WrongAnswer: An answer was not the expected one.
    """
    with (
        ground(durable=options.durable) as prepared,
        running(prepared, options.log) as server,
    ):
        measured = uvloop.run(_measure(options, tell, prepared, server))
    exchanges = measured.exchanges
    spreads = {step: Spread.of([getattr(each, step) for each in exchanges]) for step in STEPS}
    per_second = len(exchanges) / measured.seconds
    name = f"exchange, {options.users} users"
    return Outcome(
        figures=[
            Figure(f"{name}, rate", per_second, "a second"),
            Figure(f"{name}, p50", spreads["whole"].p50, "ms"),
            Figure(f"{name}, p99", spreads["whole"].p99, "ms"),
        ],
        details=[
            Detail(
                f"The whole exchange at {options.users} users, in milliseconds",
                ("", "p50", "p99"),
                [[step, *spread.cells] for step, spread in spreads.items()],
                f"{len(exchanges):,} exchanges. wait: from `respond` sent to the wait's answer. An exchange "
                f"takes {_microseconds(measured.server_us)} of the server's processor time, and "
                f"{_microseconds(measured.load_us)} of the users'.",
            )
        ],
        raw={
            "exchanges": len(exchanges),
            "per_second": per_second,
            "server_us": measured.server_us,
            "load_us": measured.load_us,
            **{step: {"p50_ms": spread.p50, "p99_ms": spread.p99} for step, spread in spreads.items()},
        },
        others_share=measured.others_share,
    )


async def _measure(options: Options, tell: Tell, prepared: Ground, server: Running) -> _Measured:
    async with (
        Fleet.enrolled(prepared.settings, prepared.database_url, options.users, options.keys[0]) as fleet,
        users_of(fleet, server) as users,
    ):
        tell(f"{options.users} users")
        await exchange_all(users, WARM_UP_SECONDS)
        before = Usage.until_now(server.process, server.database_process)
        exchanges = await exchange_all(users, SECONDS)
        after = Usage.until_now(server.process, server.database_process)
        return _Measured(
            exchanges,
            after.at - before.at,
            microseconds_each(before.server, after.server, len(exchanges)),
            (after.own - before.own) * MICROSECONDS / len(exchanges),
            after.others_share(before),
        )


@asynccontextmanager
async def users_of(fleet: Fleet, server: Running) -> AsyncIterator[Sequence["User"]]:
    """A user for each phone of *fleet*."""
    await fleet.ask_nobody()
    with connections_to(server.address, 2 * len(fleet.phones)) as connections:
        callers = [await Caller.over(each) for each in connections]
        yield [
            User(fleet, phone, phone_line, relying_party)
            for phone, phone_line, relying_party in zip(
                fleet.phones, callers[::2], callers[1::2], strict=True
            )
        ]


async def exchange_all(users: Sequence["User"], seconds: float) -> list[Exchange]:
    """All of *users* exchanged at the same time, for so long."""
    with undisturbed():
        end = perf_counter() + seconds
        found = await asyncio.gather(*(user.exchange_until(end) for user in users))
    return [each for mine in found for each in mine]


class User:
    """A person with a phone, and their relying party, each on a connection."""

    def __init__(self, fleet: Fleet, phone: Phone, phone_line: Caller, relying_party: Caller) -> None:
        self._fleet = fleet
        self._phone = phone
        self._phone_line = phone_line
        self._relying_party = relying_party

    async def exchange_until(self, end: float) -> list[Exchange]:
        """One exchange after the other, until *end* on `perf_counter`."""
        exchanges = []
        while perf_counter() < end:
            exchanges.append(await self._exchange())
        return exchanges

    async def _exchange(self) -> Exchange:
        polling = poll(self._phone)
        began = perf_counter()
        created = await self._relying_party.ask(self._fleet.creation(self._phone))
        CREATED.check(created)
        attempt_id: int = json.loads(created.body)["authAttemptId"]
        waiting = self._relying_party.ask(self._fleet.wait(attempt_id))
        polled = perf_counter()
        found = await self._phone_line.ask(polling)
        FOUND.check(found)
        proof_token: str = json.loads(found.body)["authAttemptProofToken"]
        approving = approval(Question(attempt_id, proof_token, self._phone))
        sent = perf_counter()
        answered = await self._phone_line.ask(approving)
        APPROVED.check(answered)
        woken = await waiting
        WAITED.check(woken)
        return Exchange(
            create=created.at - began,
            pending=found.at - polled,
            respond=answered.at - sent,
            wait=woken.at - sent,
            whole=max(answered.at, woken.at) - began,
        )


def _microseconds(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f} µs"
