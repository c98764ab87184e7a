"""In a busy hour each step reads a handful of rows, although statistics and plans are of a quiet one.

PostgreSQL itself says how many rows of a table a transaction has read. Statistics are taken while nobody is
verified, invited or asked; then thousands are.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any, TypeAlias

import asyncpg
import pytest

from server.core.audit.events import Origin
from server.core.auth_attempts import store as attempts
from server.core.auth_attempts.model import AttemptStatus, DenyReason
from server.core.auth_attempts.store import Answer, NewAttempt, Poll
from server.core.enrollments import store as enrollments
from server.db.pool import SERVER_SETTINGS, Connection, Database
from tests.bench.rows import insert_strangers, select_row
from tests.support.database import DatabaseServer
from tests.support.factories import a_name
from tests.support.rolled_back import a_core_rolled_back
from tests.support.scene import Scene
from tests.support.work import a_core

Together: TypeAlias = Callable[[Connection, Sequence[Any]], Awaitable[Sequence[Any]]]

MANY = 3000
TOGETHER = 16
# Of one table, for one who asks; foreign keys are looked up too.
HANDFUL = 20

HISTORY = (
    """
    INSERT INTO auth_attempts (id, organization_id, integration_id, enrollment_id, status, proof_token_sealed,
                               created_at, expires_at, ended_at)
    SELECT row_number() OVER (), organization_id, integration_id, id, 'EXPIRED', '', now(), now(), now()
      FROM enrollments
    """,
    "INSERT INTO spent_device_proofs SELECT id, sha256(id::text::bytea), now() FROM enrollments",
    """
    INSERT INTO idempotency_keys (integration_id, key_digest, request_digest, attempt_id, created_at)
    SELECT integration_id, sha256(id::text::bytea), sha256(''), id, now() FROM auth_attempts
    """,
)
QUIET = "UPDATE enrollments SET status = 'REVOKED', active = false"
BUSY = (
    "UPDATE enrollments SET status = 'VERIFIED', active = true",
    f"""
    INSERT INTO auth_attempts (id, organization_id, integration_id, enrollment_id, status, proof_token_sealed,
                               created_at, expires_at, read_at)
    SELECT {2 * MANY} + row_number() OVER (ORDER BY id), organization_id, integration_id, id, 'READ', '',
           now(), now() + interval '10 minutes', now()
      FROM enrollments
    """,
    """
    INSERT INTO enrollments (id, organization_id, integration_id, name, proof_token_digest,
                             proof_token_sealed, challenge_sealed, status, expires_at, created_at, updated_at)
    SELECT row_number() OVER (), organization_id, integration_id, name, sha256(name::bytea),
           '', '', 'CREATED', now() + interval '1 day', now(), now()
      FROM enrollments
    """,
)


@pytest.fixture(scope="module")
async def quiet_url(postgres: DatabaseServer, worker_id: str) -> AsyncIterator[str]:
    """A database whose statistics are of a quiet hour."""
    url = await postgres.create_database(f"{worker_id}_quiet")
    db = await Database.open(url, connections=1, application_name="tests")
    scene = await Scene.on(a_core(db))
    phone = await scene.enrolled_phone(user_identifier="somebody")
    async with db.acquire() as conn:
        await insert_strangers(conn, await select_row(conn, "enrollments", phone.enrollment_id), 0, MANY)
        for statement in HISTORY:
            await conn.execute(statement)
        for table in ("enrollments", "auth_attempts", "spent_device_proofs", "idempotency_keys"):
            await conn.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        await conn.execute(QUIET)
        await conn.execute("ANALYZE")
    await db.close()
    yield url
    await postgres.drop_database(url)


@asynccontextmanager
async def connection_to(url: str, **settings: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the product opens it, with further settings."""
    conn = await asyncpg.connect(url, server_settings={**SERVER_SETTINGS, **settings})
    try:
        yield conn
    finally:
        await conn.close()


@asynccontextmanager
async def undone(conn: asyncpg.Connection) -> AsyncIterator[None]:
    """What is done inside is undone; plans stay."""
    transaction = conn.transaction()
    await transaction.start()
    yield
    await transaction.rollback()


class Readings:
    """What steps on one connection read, inside one transaction."""

    def __init__(self, conn: asyncpg.Connection) -> None:
        self.conn = conn
        self.of: dict[str, Mapping[str, float]] = {}

    @asynccontextmanager
    async def step(self, name: str, *, askers: int = 1) -> AsyncIterator[None]:
        """What is done inside is one step: rows by table, for each who asks."""
        before = await self._rows_read()
        yield
        read = await self._rows_read() - before
        self.of[name] = {table: rows / askers for table, rows in read.items()}

    async def _rows_read(self) -> Counter[str]:
        """Of each table until now, whether there was a use for them or not."""
        rows = await self.conn.fetch(
            "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS read FROM pg_stat_xact_user_tables"
        )
        return Counter({row["relname"]: row["read"] for row in rows})


@pytest.mark.parametrize("planned", ["in the quiet hour", "in the busy hour"])
async def test_a_step_reads_a_handful_of_rows(quiet_url: str, planned: str) -> None:
    async with connection_to(quiet_url, plan_cache_mode="force_generic_plan") as conn:
        if planned == "in the quiet hour":
            async with undone(conn):
                await take_each_step(Readings(conn))
                await run_the_job(Readings(conn))
        async with undone(conn):
            for statement in BUSY:
                await conn.execute(statement)
            readings = Readings(conn)
            await take_each_step(readings)
            await run_the_job(readings)

    assert {name: read for name, read in readings.of.items() if max(read.values(), default=0) > HANDFUL} == {}


async def test_a_step_is_not_planned_each_time(quiet_url: str) -> None:
    """PostgreSQL plans a statement for its parameters five times, and then for all."""
    async with connection_to(quiet_url) as conn:
        for _ in range(7):
            async with undone(conn):
                await conn.execute(BUSY[0])
                await take_each_step(Readings(conn))
        planned_again = await conn.fetch(
            "SELECT statement FROM pg_prepared_statements WHERE custom_plans > 5"
        )

    assert [row["statement"] for row in planned_again] == []


async def take_each_step(readings: Readings) -> None:
    """What phones and relying parties do, one after the other, and many together."""
    step = readings.step
    scene = await Scene.on(a_core_rolled_back(readings.conn))
    user = a_name("user")
    phone, other = [await scene.enrolled_phone(user_identifier=user) for _ in range(2)]
    async with step("bind and verify"):
        await scene.enrolled_phone()
    async with step("create"):
        await scene.ask(phone, idempotency_key="a key")
    async with step("create again"):
        await scene.ask(phone, idempotency_key="a key")
    async with step("create another"):
        attempt = await scene.ask(phone)
    async with step("wait"):
        await scene.look(attempt.id)
    async with step("cancel"):
        await scene.cancel(attempt.id)
    async with step("pending, nothing"):
        await scene.poll(phone.poll_body())
    await scene.ask(phone)
    async with step("pending"):
        pending = await scene.fetch(phone)
    async with step("respond"):
        await scene.answer(phone, pending)
    await scene.ask(phone)
    await scene.ask(other)
    pending = await scene.fetch(phone)
    async with step("respond, fraud"):
        await scene.answer(phone, pending, accepted=False, deny_reason=DenyReason.FRAUD)
    for name, ask, items in await steps_together(readings.conn):
        async with step(f"{name}, {TOGETHER} together", askers=TOGETHER):
            await ask(readings.conn, items)


async def run_the_job(readings: Readings) -> None:
    """Nothing is past its time."""
    scene = await Scene.on(a_core_rolled_back(readings.conn))
    async with readings.step("the job"):
        await scene.run_job()


async def steps_together(conn: asyncpg.Connection) -> Sequence[tuple[str, Together, Sequence[Any]]]:
    """What strangers ask at the same moment, each by one statement."""
    strangers = await conn.fetch(
        f"""
        SELECT e.*, coalesce(a.id, 0) AS attempt_id
          FROM enrollments AS e
          LEFT JOIN auth_attempts AS a ON a.enrollment_id = e.id AND a.status = 'READ'
         WHERE e.user_identifier LIKE 'stranger-%'
         LIMIT {TOGETHER}
        """
    )
    origin = Origin(datetime.now(UTC), "tests", "device", "1", None, None)
    polls = [
        (*origin, *Poll(each["id"], each["proof_token_digest"], each["device_key"], token_bytes(32)))
        for each in strangers
    ]
    answers = [
        (*origin, *Answer(each["attempt_id"], each["id"], AttemptStatus.ACCEPTED, "signature", None, 10))
        for each in strangers
    ]
    first, second = (
        [(*origin, *a_new_attempt(each, attempt_id)) for attempt_id, each in enumerate(strangers, begin)]
        for begin in (10 * MANY, 11 * MANY)
    )
    proofs = [(each["id"], each["proof_token_digest"]) for each in strangers]
    return [
        ("pending", attempts._claim_open_attempts, polls),
        ("question", attempts._select_questions, [(each["attempt_id"],) for each in strangers]),
        ("respond", attempts._update_answered, answers),
        ("create", attempts._insert_attempts, first),
        ("create another", attempts._insert_attempts, second),
        ("proof", enrollments._select_possessions, proofs),
    ]


def a_new_attempt(enrollment: asyncpg.Record, attempt_id: int) -> NewAttempt:
    """An attempt for this enrollment, with a key of its own."""
    return NewAttempt(
        id=attempt_id,
        integration_id=enrollment["integration_id"],
        enrollment_id=enrollment["id"],
        user_identifier=None,
        challenge_requested=False,
        challenge_digits=None,
        challenge_sealed=None,
        proof_token_sealed=b"sealed",
        context_title=None,
        context_message=None,
        default_challenge_digits=2,
        default_ttl_seconds=120,
        key_digest=token_bytes(32),
        request_digest=token_bytes(32),
        keys_since=datetime.now(UTC) - timedelta(days=1),
    )
