"""How long it takes to read what was counted, where very much was."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import perf_counter

import uvloop

from server.core.usage.store import PARTS
from tests.bench.connections import OK, ask, connections_to
from tests.bench.cpu import Usage
from tests.bench.figures import Detail, Figure, Outcome, Target
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.options import Options, Tell
from tests.bench.people import People
from tests.bench.spread import Spread
from tests.bench.wire import Expected, request_bytes

DAYS = 90
WINDOWS = (1, 7, 30, DAYS)
READS = 15
LOGINS_A_DAY_EACH = 3
TOKENS_A_DAY_EACH = 10
TARGETS = {30: Target(100, at_most=True)}
MIB = 2**20
# Filling must not be held up by checkpoints.
DATABASE = {"max_wal_size": "8GB", "checkpoint_timeout": "1h"}


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was counted before: as many people on each day, each of them several times."""

    people: int
    mib: float
    seconds: float

    @property
    def events(self) -> int:
        return self.people * DAYS * (LOGINS_A_DAY_EACH + TOKENS_A_DAY_EACH)


def measure_usage(options: Options, tell: Tell) -> Outcome:
    """`GET /v1/usage` of a day to a quarter, in which somebody was active on `options.active_days` days.

    Raises:
        WrongAnswer: It is not what was counted.
    """
    with (
        ground(durable=options.durable, database=DATABASE) as prepared,
        running(prepared, options.log) as server,
    ):
        spreads, counted, others_share = uvloop.run(_measure(options, tell, prepared, server))
    return Outcome(
        figures=[
            Figure(f"usage of {_days(days)}", spread.p50, "ms", TARGETS.get(days))
            for days, spread in spreads.items()
        ],
        details=[
            Detail(
                "Reading usage, in milliseconds",
                ("", "p50", "p99"),
                [[_days(days), *spread.cells] for days, spread in spreads.items()],
                f"{counted.events:,} logins and tokens of {counted.people:,} people, all active on {DAYS} "
                f"days: {counted.mib:,.0f} MiB with indexes, filled in "
                f"{counted.seconds:.0f} s.",
            )
        ],
        raw={
            "people": counted.people,
            "events": counted.events,
            "mib": counted.mib,
            **{_days(days): {"p50_ms": spread.p50, "p99_ms": spread.p99} for days, spread in spreads.items()},
        },
        others_share=others_share,
    )


async def _measure(
    options: Options, tell: Tell, prepared: Ground, server: Running
) -> tuple[Mapping[int, Spread], _Counted, float | None]:
    today = datetime.now(UTC).date()
    async with People.registered(prepared.settings, prepared.database_url, 1) as people:
        tell("counting")
        counted = await _count(people, options.active_days // DAYS, today)
        with connections_to(server.address, 1) as (connection,):
            token = _management_token(connection, people)
            spreads = {}
            before = Usage.until_now(server.process, server.database_process)
            for days in WINDOWS:
                tell(f"reading {_days(days)}")
                spreads[days] = _reads(connection, token, days, counted, today)
            after = Usage.until_now(server.process, server.database_process)
    return spreads, counted, after.others_share(before)


async def _count(people: People, count: int, today: date) -> _Counted:
    """As much as if *count* people had been active on every day until yesterday. Nobody was today."""
    began = perf_counter()
    realm_id, last = people.project.realm_id, today - timedelta(days=1)
    await people.conn.execute("DELETE FROM usage_active_months")
    await people.conn.execute("DELETE FROM usage_days")
    # As it comes to be: day after day, whoever comes first.
    await people.conn.execute(
        """
        INSERT INTO usage_active_months (realm_id, month, principal_id, days)
        SELECT $1, month, person, days
          FROM (SELECT gen_random_uuid() AS person FROM generate_series(1, $4::int)) AS people,
               (SELECT date_trunc('month', day)::date AS month,
                       bit_or(1 << extract(day FROM day)::int - 1) AS days
                  FROM (SELECT $2::date - $3::int + d AS day FROM generate_series(1, $3::int) AS d) AS each
                 GROUP BY 1) AS months
         ORDER BY month, random()
        """,
        realm_id,
        last,
        DAYS,
        count,
        timeout=None,
    )
    await people.conn.execute(
        """
        INSERT INTO usage_days (realm_id, day, part, logins, tokens_issued)
        SELECT $1, $2::date - $3::int + d, part, $4::bigint / $6::int, $5::bigint / $6::int
          FROM generate_series(1, $3::int) AS d, generate_series(0, $6::int - 1) AS part
        """,
        realm_id,
        last,
        DAYS,
        count * LOGINS_A_DAY_EACH,
        count * TOKENS_A_DAY_EACH,
        PARTS,
    )
    await people.conn.execute("VACUUM (FREEZE, ANALYZE) usage_active_months, usage_days", timeout=None)
    await people.conn.execute("CHECKPOINT", timeout=None)
    size = await people.conn.fetchval("SELECT pg_total_relation_size('usage_active_months')")
    return _Counted(count, size / MIB, perf_counter() - began)


def _management_token(connection: socket.socket, people: People) -> str:
    answer = ask(connection, people.owner_signing_in())
    OK.check(answer)
    token: str = json.loads(answer.body)["management_token"]
    return token


def _reads(connection: socket.socket, token: str, days: int, counted: _Counted, today: date) -> Spread:
    last = today - timedelta(days=1)
    path = f"/v1/usage?from={last - timedelta(days=days - 1)}&to={last}"
    request = request_bytes("GET", path, headers={"authorization": f"Bearer {token}"})
    expected = Expected(200, b'"mau":%d' % counted.people)
    durations = []
    for _ in range(READS):
        began = perf_counter()
        answer = ask(connection, request)
        expected.check(answer)
        durations.append(answer.at - began)
    return Spread.of(durations)


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
