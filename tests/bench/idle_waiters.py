"""What idle waiters cost the process that holds them: memory, and the rate of the polls beside them."""

from contextlib import AsyncExitStack

import uvloop

from tests.bench.connections import connections_to
from tests.bench.figures import Detail, Figure, Outcome, Target
from tests.bench.fleet import Fleet
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.load import saturate
from tests.bench.memory import resident_kib
from tests.bench.options import Options, Tell
from tests.bench.scenarios import EMPTY_POLL
from tests.bench.slices import Slices, contender, in_turns, others_share, ratios
from tests.bench.tables import HEADINGS, NOTE, cells, raw
from tests.bench.waiting import insist_on_waiting, wait_for_all

KIB_TARGET = Target(15, at_most=True)
RATE_TARGET = Target(0.8)
BESIDE, ALONE = "beside waiters", "without waiters"


def measure_idle_waiters(options: Options, tell: Tell) -> Outcome:
    """Waiters held by one process, and empty polls there, in turns with the same where nobody waits.

    Raises:
        WrongAnswer: An answer was not the expected one.
        NotWaiting: Not everybody came to wait.
    """
    with (
        ground(durable=options.durable) as prepared,
        running(prepared, options.log) as holding,
        running(prepared, options.log) as other,
    ):
        slices, before, after = uvloop.run(_measure(options, tell, prepared, holding, other))
    beside = ratios(slices[BESIDE], slices[ALONE])
    kib_each = (after - before) / options.waiters
    name = f"{options.waiters:,} idle waiters"
    return Outcome(
        figures=[
            Figure(f"{name}, memory", kib_each, "KiB each", KIB_TARGET),
            Figure.median(f"{name}, {EMPTY_POLL.name} beside them", beside, "x without", RATE_TARGET),
        ],
        details=[
            Detail(
                f"{name} in one process",
                ("", *HEADINGS),
                [[f"{EMPTY_POLL.name} {each}", *cells(its)] for each, its in slices.items()],
                f"{NOTE} The process was {before / 1024:,.0f} MiB before they came, {after / 1024:,.0f} MiB "
                "with them.",
            )
        ],
        raw={
            "resident_kib_before": before,
            "resident_kib_with_waiters": after,
            "ratios": beside,
            **{each: raw(its) for each, its in slices.items()},
        },
        others_share=others_share(each for its in slices.values() for each in its),
    )


async def _measure(
    options: Options, tell: Tell, prepared: Ground, holding: Running, other: Running
) -> tuple[Slices, int, int]:
    async with AsyncExitStack() as open_:
        asked = await open_.enter_async_context(
            Fleet.enrolled(prepared.settings, prepared.database_url, options.waiters, options.keys[0])
        )
        polling = await open_.enter_async_context(
            Fleet.enrolled(prepared.settings, prepared.database_url, options.phones, options.keys[0])
        )
        here = open_.enter_context(connections_to(holding.address, options.connections))
        there = open_.enter_context(connections_to(other.address, options.connections))
        # What polls need is there before, so that only the waiters and their connections come.
        saturate(here, await EMPTY_POLL.prepare(polling, options.phones), EMPTY_POLL.expected)
        questions = await asked.questions(options.waiters, read=False)
        before = resident_kib(holding.process)
        tell("connecting")
        waiting = open_.enter_context(connections_to(holding.address, options.waiters))
        ends = await wait_for_all(holding.address, asked, waiting, questions, tell)
        after = resident_kib(holding.process)
        contenders = [
            contender(BESIDE, EMPTY_POLL, polling, holding, here),
            contender(ALONE, EMPTY_POLL, polling, other, there),
        ]
        slices = await in_turns(contenders, options, tell)
        insist_on_waiting(ends)
        return slices, before, after
