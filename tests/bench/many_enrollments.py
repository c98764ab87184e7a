"""What a poll costs where very many are enrolled."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter

import uvloop

from tests.bench.connections import connections_to
from tests.bench.figures import Detail, Figure, Outcome, Target
from tests.bench.fleet import Fleet
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.options import Options, Tell
from tests.bench.scenarios import EMPTY_POLL
from tests.bench.slices import Slices, contender, in_turns, others_share, ratios
from tests.bench.tables import HEADINGS, NOTE, cells, raw

TARGET = Target(1.15, at_most=True)
FEW = 1_000
# Of those that very many are, so many are phones that poll; of few all are.
PHONES_AMONG_MANY = 5_000
BATCHES = 10
MIB = 2**20
# Filling must not be held up by checkpoints.
DATABASE = {"max_wal_size": "8GB", "checkpoint_timeout": "1h"}


@dataclass(frozen=True, slots=True)
class _Filled:
    enrollments: int
    mib: float
    seconds: float


def measure_many_enrollments(options: Options, tell: Tell) -> Outcome:
    """Empty polls where `options.enrollments` are enrolled, in turns with the same where 1,000 are.

    Raises:
        WrongAnswer: An answer was not the expected one.
    """
    with (
        ground(durable=options.durable, database=DATABASE) as small,
        ground(durable=options.durable, database=DATABASE) as large,
        running(small, options.log) as few,
        running(large, options.log) as many,
    ):
        slices, filled = uvloop.run(_measure(options, tell, (small, few), (large, many)))
    few_name, many_name = slices
    dearer = ratios(slices[few_name], slices[many_name])
    return Outcome(
        figures=[
            Figure.median(f"{EMPTY_POLL.name}, {many_name}", dearer, f"x the time with {FEW:,}", TARGET)
        ],
        details=[
            Detail(
                "Very many enrollments",
                ("", *HEADINGS),
                [[name, *cells(its)] for name, its in slices.items()],
                f"{NOTE} {filled.enrollments:,} rows, {filled.mib:,.0f} MiB with indexes, "
                f"filled in {filled.seconds:.0f} s.",
            )
        ],
        raw={
            "ratios": dearer,
            "rows": filled.enrollments,
            "mib": filled.mib,
            "fill_seconds": filled.seconds,
            **{name: raw(its) for name, its in slices.items()},
        },
        others_share=others_share(each for its in slices.values() for each in its),
    )


async def _measure(
    options: Options, tell: Tell, small: tuple[Ground, Running], large: tuple[Ground, Running]
) -> tuple[Slices, _Filled]:
    async with AsyncExitStack() as open_:
        contenders = []
        filled = _Filled(0, 0, 0)
        for (prepared, server), phones, enrollments in (
            (small, FEW, FEW),
            (large, PHONES_AMONG_MANY // BATCHES, options.enrollments),
        ):
            fleet = await open_.enter_async_context(
                Fleet.enrolled(prepared.settings, prepared.database_url, phones, options.keys[0])
            )
            if enrollments > FEW:
                filled = await _fill(fleet, enrollments, tell)
            connections = open_.enter_context(connections_to(server.address, options.connections))
            name = f"{enrollments:,} enrollments"
            contenders.append(contender(name, EMPTY_POLL, fleet, server, connections))
        return await in_turns(contenders, options, tell), filled


async def _fill(fleet: Fleet, enrollments: int, tell: Tell) -> _Filled:
    """Phones and strangers are enrolled in turns, so that phones are everywhere in the table."""
    began = perf_counter()
    strangers = (enrollments - PHONES_AMONG_MANY) // BATCHES
    for batch in range(BATCHES):
        tell(f"enrolling {enrollments * (batch + 1) // BATCHES:,} of {enrollments:,}")
        await fleet.surround(batch * strangers, strangers)
        if batch:
            await fleet.enroll(PHONES_AMONG_MANY // BATCHES)
    tell("VACUUM ANALYZE")
    await fleet.settle()
    return _Filled(
        await fleet.conn.fetchval("SELECT count(*) FROM enrollments"),
        await fleet.conn.fetchval("SELECT pg_total_relation_size('enrollments')") / MIB,
        perf_counter() - began,
    )
