"""What an empty poll writes to the database: nothing.

A process tells its statistics late, but at its end at the latest. So they are read before a server starts and
after it has ended, once for a life without polls and once for one with many.
"""

from collections.abc import Mapping, Sequence

import asyncpg
import uvloop

from tests.bench.connections import connections_to
from tests.bench.figures import Detail, Figure, Outcome, Target
from tests.bench.fleet import Fleet
from tests.bench.instance import Ground, ground, running
from tests.bench.load import saturate
from tests.bench.options import Options, Tell
from tests.bench.scenarios import EMPTY_POLL

POLLS = 5_000
REHEARSED = 500
TARGET = Target(0, at_most=True)
# What the database does by itself would be counted too.
DATABASE = {"checkpoint_timeout": "1h"}

Written = Mapping[str, int]


def measure_empty_polls(options: Options, tell: Tell) -> Outcome:
    """Rows and WAL that some thousands of empty polls write.

    Raises:
        WrongAnswer: An answer was not the expected one.
    """
    with ground(durable=options.durable, database=DATABASE) as prepared:
        polls = uvloop.run(_prepare(options, prepared))
        # What only the first of its kind writes is none of the polls' doing: pages noted as seen after the
        # checkpoint, say.
        _life(options, prepared, polls[:REHEARSED])
        tell("a life without polls")
        without = _life(options, prepared, [])
        tell(f"a life with {POLLS:,} polls")
        with_polls = _life(options, prepared, polls[REHEARSED:])
    rows, wal = (
        sum(with_polls[key] - without[key] for key in keys)
        for keys in (("inserted", "updated", "deleted"), ("WAL bytes",))
    )
    return Outcome(
        figures=[
            Figure(f"written by {POLLS:,} empty polls", rows, "rows", TARGET),
            Figure(f"written by {POLLS:,} empty polls", wal, "bytes of WAL", TARGET),
        ],
        details=[
            Detail(
                "What is written to the database",
                ("", *without),
                [
                    [name, *(f"{value:,}" for value in written.values())]
                    for name, written in (
                        ("a server's life without polls", without),
                        (f"a life with {POLLS:,} empty polls", with_polls),
                    )
                ],
                "Rows by pg_stat_database; WAL by pg_stat_wal, and by its position.",
            )
        ],
        raw={"polls": POLLS, "without": without, "with_polls": with_polls},
    )


def _life(options: Options, prepared: Ground, polls: Sequence[bytes]) -> Written:
    """What was written from before a server started until after it had ended."""
    before = uvloop.run(_written(prepared))
    with running(prepared, options.log) as server:
        if polls:
            with connections_to(server.address, options.connections) as connections:
                saturate(connections, polls, EMPTY_POLL.expected)
    after = uvloop.run(_written(prepared))
    return {key: after[key] - before[key] for key in after}


async def _prepare(options: Options, prepared: Ground) -> list[bytes]:
    async with Fleet.enrolled(
        prepared.settings, prepared.database_url, options.phones, options.keys[0]
    ) as fleet:
        requests = list(await EMPTY_POLL.prepare(fleet, REHEARSED + POLLS))
        await fleet.settle()
        return requests


async def _written(prepared: Ground) -> Written:
    conn = await asyncpg.connect(prepared.database_url)
    try:
        row = await conn.fetchrow(
            """
            SELECT d.tup_inserted AS inserted, d.tup_updated AS updated, d.tup_deleted AS deleted,
                   w.wal_records AS "WAL records", w.wal_bytes::bigint AS "WAL bytes",
                   pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS "WAL position"
              FROM pg_stat_database AS d, pg_stat_wal AS w
             WHERE d.datname = current_database()
            """
        )
    finally:
        await conn.close()
    assert row is not None
    return dict(row)
