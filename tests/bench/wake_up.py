"""How soon a waiting relying party knows: from the commit of the phone's answer to the end of its `wait`.

The instant of a commit is PostgreSQL's own (`track_commit_timestamp`), on the clock of the machine, which is
ours too. PostgreSQL takes it before it writes the commit to the disk, so the disk's time counts as well.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter, time

import uvloop

from tests.bench.callers import Caller
from tests.bench.connections import connections_by_process
from tests.bench.cpu import Usage
from tests.bench.figures import Detail, Figure, Outcome, Target
from tests.bench.fleet import Fleet, approval
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.load import undisturbed
from tests.bench.options import Options, Tell
from tests.bench.scenarios import APPROVED, WAITED
from tests.bench.spread import Spread
from tests.bench.waiting import wait_for_all

P50_TARGET = Target(3, at_most=True)
P99_TARGET = Target(10, at_most=True)
PROCESSES = 2
# Of so many answers one goes to the process that its waiter is in.
ONE_NEAR_OF = 3
# The first are slower: statements are prepared.
WARM_UP_ANSWERS = 60
DATABASE = {"track_commit_timestamp": "on"}


@dataclass(frozen=True, slots=True)
class Woken:
    """One answer, in seconds.

    Args:
        across: Whether its waiter was in another process than the one that took it.
        committed: From its commit to the waiter's answer.
        sent: From sending it to the waiter's answer.
        answered: From the answer to the phone to the waiter's; below zero when the waiter was first.
    """

    across: bool
    committed: float
    sent: float
    answered: float


def measure_wake_up(options: Options, tell: Tell) -> Outcome:
    """Waiters spread over two processes, and owners who approve one after the other.

    Raises:
        WrongAnswer: An answer was not the expected one.
        NotWaiting: Not everybody came to wait.
        OneSided: They did not spread over both processes.
    """
    with (
        ground(durable=options.durable, database=DATABASE) as prepared,
        running(prepared, options.log, workers=PROCESSES) as server,
    ):
        woken, others_share = uvloop.run(_measure(options, tell, prepared, server))
    across = [each for each in woken if each.across]
    committed = Spread.of([each.committed for each in across])
    name = f"commit to wait's answer, {options.waiters:,} waiters, across processes"
    return Outcome(
        figures=[
            Figure(f"{name}, p50", committed.p50, "ms", P50_TARGET),
            Figure(f"{name}, p99", committed.p99, "ms", P99_TARGET),
        ],
        details=[_detail(across, [each for each in woken if not each.across])],
        raw={
            "answers": [
                {
                    "across": each.across,
                    "committed_ms": each.committed * 1000,
                    "sent_ms": each.sent * 1000,
                    "answered_ms": each.answered * 1000,
                }
                for each in woken
            ],
        },
        others_share=others_share,
    )


async def _measure(
    options: Options, tell: Tell, prepared: Ground, server: Running
) -> tuple[list[Woken], float | None]:
    async with AsyncExitStack() as open_:
        fleet = await open_.enter_async_context(
            Fleet.enrolled(prepared.settings, prepared.database_url, options.waiters, options.keys[0])
        )
        tell("connecting")
        phones = open_.enter_context(connections_by_process(server.address, 1, processes=PROCESSES))
        asked_by = {process: await Caller.over(mine[0]) for process, mine in phones.items()}
        waiting = open_.enter_context(
            connections_by_process(server.address, options.waiters // PROCESSES, processes=PROCESSES)
        )
        places = [
            place
            for turn in zip(
                *([(process, each) for each in mine] for process, mine in waiting.items()), strict=True
            )
            for place in turn
        ]
        questions = await fleet.questions(len(places), read=True)
        ends = await wait_for_all(server.address, fleet, [each for _, each in places], questions, tell)
        answers = min(options.answers + WARM_UP_ANSWERS, len(places))
        tell(f"{answers} owners approve")
        approvals = [approval(question) for question in questions[:answers]]
        moments: list[tuple[bool, float, float, float]] = []
        before = Usage.until_now(server.process, server.database_process)
        with undisturbed():
            for number, request in enumerate(approvals):
                process, _ = places[number]
                across = number // PROCESSES % ONE_NEAR_OF != 0
                taker = next(caller for its, caller in asked_by.items() if (its != process) is across)
                sent = perf_counter()
                answered = await taker.ask(request)
                APPROVED.check(answered)
                ended = await ends[number]
                WAITED.check(ended)
                wall = time() - (perf_counter() - ended.at)
                moments.append((across, wall, ended.at - sent, ended.at - answered.at))
        after = Usage.until_now(server.process, server.database_process)
        commits = await _commits(fleet, [question.attempt_id for question in questions[:answers]])
    woken = [
        Woken(across, wall - commit, sent, answered)
        for (across, wall, sent, answered), commit in zip(moments, commits, strict=True)
    ]
    return woken[WARM_UP_ANSWERS:], after.others_share(before)


async def _commits(fleet: Fleet, attempt_ids: Sequence[int]) -> list[float]:
    """When each of the attempts was changed last, as `time()` gives it."""
    rows = await fleet.conn.fetch(
        """
        SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
          FROM auth_attempts
         WHERE id = ANY($1::int[])
        """,
        attempt_ids,
    )
    by_id = {row["id"]: row["at"] for row in rows}
    return [by_id[attempt_id] for attempt_id in attempt_ids]


def _detail(across: Sequence[Woken], near: Sequence[Woken]) -> Detail:
    rows = []
    for where, woken in (("in another process", across), ("in the same process", near)):
        for what, seconds in (
            ("committed", [each.committed for each in woken]),
            ("respond sent", [each.sent for each in woken]),
            ("respond answered", [each.answered for each in woken]),
        ):
            spread = Spread.of(seconds)
            rows.append([f"{what} to wait's answer, {where}", str(spread.count), *spread.cells])
    return Detail(
        "Wake-up of a waiter, in milliseconds",
        ("", "answers", "p50", "p99"),
        rows,
        f"The waiters are spread evenly over {PROCESSES} processes; one answer at a time.",
    )
