"""What the schema itself refuses, whoever asks."""

import asyncpg
import pytest

from server.core.work import Work
from server.db.pool import Connection
from tests.support.enrolling import ANYONE, a_bound_phone, an_enrolled_phone, an_invited_phone
from tests.support.factories import an_integration
from tests.support.phone import Phone
from tests.support.rolled_back import a_core_rolled_back
from tests.support.scene import Scene
from tests.support.work import a_work

ENROLLMENTS = [
    # CREATED, BOUND or VERIFIED, what is changed, and the CHECK that refuses it.
    ("CREATED", "status = 'OTHER', challenge_sealed = NULL", "enrollments_status_check"),
    ("CREATED", "active = true", "enrollments_active_is_verified"),
    ("BOUND", "active = true", "enrollments_active_is_verified"),
    ("CREATED", "device_key = 'x'", "enrollments_unverified_has_no_key"),
    ("BOUND", "device_key = 'x'", "enrollments_unverified_has_no_key"),
    ("CREATED", "status = 'BOUND'", "enrollments_bound_has_signing_key"),
    ("BOUND", "signing_key_id = NULL", "enrollments_bound_has_signing_key"),
    ("BOUND", "bound_at = NULL", "enrollments_bound_has_signing_key"),
    ("BOUND", "status = 'VERIFIED', challenge_sealed = NULL", "enrollments_verified_has_key"),
    ("VERIFIED", "device_key = NULL", "enrollments_verified_has_key"),
    ("VERIFIED", "verified_at = NULL", "enrollments_verified_has_key"),
    ("VERIFIED", "signing_key_id = NULL", "enrollments_verified_has_key"),
    ("VERIFIED", "challenge_sealed = 'x'", "enrollments_challenge_while_open"),
    ("CREATED", "challenge_sealed = NULL", "enrollments_challenge_while_open"),
    ("BOUND", "status = 'INVALID'", "enrollments_challenge_while_open"),
    ("CREATED", "status = 'EXPIRED'", "enrollments_challenge_while_open"),
    ("VERIFIED", "status = 'REVOKED'", "enrollments_active_is_verified"),
    ("VERIFIED", "push_provider = 'FCM'", "enrollments_push_address_whole"),
    ("VERIFIED", "push_address_sealed = 'x'", "enrollments_push_address_whole"),
    (
        "VERIFIED",
        "push_provider = 'PIGEON', push_address_digest = 'x', push_address_sealed = 'x'",
        "enrollments_push_provider_check",
    ),
    ("VERIFIED", "device_key_tier = 'SOME'", "enrollments_device_key_tier_check"),
    ("CREATED", "proof_token_digest = 'short'", "enrollments_proof_token_digest_check"),
    ("CREATED", "id = 0", "enrollments_id_check"),
]

ATTEMPTS = [
    ("PENDING", "status = 'OTHER', ended_at = now()", "auth_attempts_status_check"),
    ("PENDING", "status = 'READ'", "auth_attempts_read_has_time"),
    ("PENDING", "ended_at = now()", "auth_attempts_ended_has_time"),
    ("PENDING", "status = 'EXPIRED'", "auth_attempts_ended_has_time"),
    ("READ", "status = 'ACCEPTED', device_signature = 's'", "auth_attempts_ended_has_time"),
    ("READ", "status = 'ACCEPTED', ended_at = now()", "auth_attempts_answered_was_read"),
    ("READ", "status = 'INVALID', ended_at = now()", "auth_attempts_answered_was_read"),
    (
        "PENDING",
        "status = 'REJECTED', ended_at = now(), device_signature = 's'",
        "auth_attempts_answered_was_read",
    ),
    ("READ", "deny_reason = 'FRAUD'", "auth_attempts_reason_of_denial"),
    (
        "READ",
        "status = 'REJECTED', ended_at = now(), device_signature = 's', deny_reason = 'BORED'",
        "auth_attempts_deny_reason_check",
    ),
    ("PENDING", "expires_at = created_at + interval '601 seconds'", "auth_attempts_ten_minutes"),
    ("PENDING", "id = -1", "auth_attempts_id_check"),
]


@pytest.fixture
def work(conn: Connection) -> Work:
    """Nothing done in it lasts."""
    return a_work(conn, actor=ANYONE)


async def refused_by(conn: Connection, table: str, row_id: int, change: str) -> str | None:
    """The name of the CHECK that refuses the change."""
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        async with conn.transaction():
            await conn.execute(f"UPDATE {table} SET {change} WHERE id = $1", row_id)
    name: str | None = refusal.value.constraint_name
    return name


@pytest.mark.parametrize(("status", "change", "constraint"), ENROLLMENTS)
async def test_an_enrollment_that_cannot_be_is_refused(
    work: Work, status: str, change: str, constraint: str
) -> None:
    make = {"CREATED": an_invited_phone, "BOUND": a_bound_phone, "VERIFIED": an_enrolled_phone}[status]
    phone = await make(work)

    assert await refused_by(work.conn, "enrollments", phone.enrollment_id, change) == constraint


@pytest.mark.parametrize(("status", "change", "constraint"), ATTEMPTS)
async def test_an_attempt_that_cannot_be_is_refused(
    conn: Connection, status: str, change: str, constraint: str
) -> None:
    scene = await Scene.on(a_core_rolled_back(conn))
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone)
    if status == "READ":
        await scene.fetch(phone)

    assert await refused_by(conn, "auth_attempts", attempt.id, change) == constraint


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("attempt_ttl_seconds = 601", "integrations_attempt_ttl_seconds_check"),
        ("attempt_ttl_seconds = 29", "integrations_attempt_ttl_seconds_check"),
        ("challenge_digits = 7", "integrations_challenge_digits_check"),
        ("challenge_digits = 1", "integrations_challenge_digits_check"),
    ],
)
async def test_an_integration_out_of_range_is_refused(work: Work, change: str, constraint: str) -> None:
    integration = await an_integration(work)

    assert await refused_by(work.conn, "integrations", integration.id, change) == constraint


async def test_a_second_open_attempt_of_an_enrollment_is_refused(conn: Connection) -> None:
    scene = await Scene.on(a_core_rolled_back(conn))
    phone = await scene.enrolled_phone()
    first = await scene.ask(phone)
    await scene.ask(phone)

    with pytest.raises(asyncpg.UniqueViolationError) as refusal:
        await conn.execute(
            "UPDATE auth_attempts SET status = 'PENDING', ended_at = NULL WHERE id = $1", first.id
        )

    assert refusal.value.constraint_name == "auth_attempts_open_key"


async def test_an_attempt_belongs_to_the_tenant_of_its_enrollment(conn: Connection) -> None:
    scene = await Scene.on(a_core_rolled_back(conn))
    elsewhere = await Scene.on(scene.core)
    attempt = await scene.ask(await scene.enrolled_phone())

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await conn.execute(
            "UPDATE auth_attempts SET organization_id = $2 WHERE id = $1",
            attempt.id,
            elsewhere.integration.organization_id,
        )


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "UPDATE audit_events SET result = 'refused'",
        "UPDATE audit_events SET at = at + interval '1 second'",
        "UPDATE audit_events SET data = '{}', seal = 'x'",
    ],
)
async def test_what_happened_cannot_be_unsaid(work: Work, statement: str) -> None:
    scene = await Scene.on(a_core_rolled_back(work.conn))
    await scene.ask(await scene.enrolled_phone(), challenge=True)

    with pytest.raises(asyncpg.RaiseError, match="append only"):
        async with work.conn.transaction():
            await work.conn.execute(statement)


async def test_a_record_is_sealed_once(work: Work) -> None:
    scene = await Scene.on(a_core_rolled_back(work.conn))
    phone: Phone = await scene.enrolled_phone()
    seal = "UPDATE audit_events SET seal = 'x' WHERE target_id = $1"

    await work.conn.execute(seal, str(phone.enrollment_id))

    with pytest.raises(asyncpg.RaiseError, match="append only"):
        await work.conn.execute(seal, str(phone.enrollment_id))
