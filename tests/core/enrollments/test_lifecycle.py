import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from server.base import ids
from server.base.errors import EnrollmentNotFound, EnrollmentStateConflict, IntegrationInactive
from server.core.enrollments.administration import ReadEnrollment, read_enrollment
from server.core.enrollments.lifecycle import (
    DeactivateEnrollment,
    ReactivateEnrollment,
    RebindEnrollment,
    RevokeEnrollment,
    UnlockEnrollment,
    deactivate_enrollment,
    reactivate_enrollment,
    rebind_enrollment,
    revoke_enrollment,
    unlock_enrollment,
)
from server.core.enrollments.model import Enrollment, EnrollmentStatus
from server.core.integrations.actions import DeactivateIntegration, deactivate_integration
from server.core.work import Core, Work
from server.crypto.tokens import digest
from tests.support.factories import (
    a_bound_enrollment,
    a_verified_enrollment,
    an_invitation,
    an_open_attempt,
    status_of_attempt,
)
from tests.support.work import OPERATOR, event_names, later

Verb = tuple[Callable[[Work, Any], Awaitable[object]], Callable[[int], object]]

DEACTIVATE: Verb = (deactivate_enrollment, DeactivateEnrollment)
REACTIVATE: Verb = (reactivate_enrollment, ReactivateEnrollment)
REVOKE: Verb = (revoke_enrollment, RevokeEnrollment)
UNLOCK: Verb = (unlock_enrollment, UnlockEnrollment)
REBIND: Verb = (rebind_enrollment, RebindEnrollment)


async def do(work: Work, verb: Verb, enrollment_id: int) -> None:
    action, command = verb
    await action(work, command(enrollment_id))


async def enrollment_in(work: Work, status: str) -> Enrollment:
    """An enrollment in *status*, however it got there."""
    if status == "BOUND":
        return await a_bound_enrollment(work)
    if status == "VERIFIED":
        return await a_verified_enrollment(work)
    enrollment = (await an_invitation(work)).enrollment
    if status != "CREATED":
        await work.conn.execute(
            "UPDATE enrollments SET status = $2, challenge_sealed = NULL WHERE id = $1", enrollment.id, status
        )
    return await read_enrollment(work, ReadEnrollment(enrollment.id))


@pytest.mark.parametrize(
    ("verb", "legal"),
    [
        (DEACTIVATE, {"VERIFIED"}),
        (REACTIVATE, {"VERIFIED"}),
        (REVOKE, {"CREATED", "BOUND", "VERIFIED"}),
        (UNLOCK, {"VERIFIED"}),
        (REBIND, {"CREATED", "BOUND", "VERIFIED"}),
    ],
    ids=["deactivate", "reactivate", "revoke", "unlock", "rebind"],
)
@pytest.mark.parametrize("status", list(EnrollmentStatus))
async def test_each_move_is_legal_from_certain_statuses_only(
    work: Work, verb: Verb, legal: set[str], status: EnrollmentStatus
) -> None:
    enrollment = await enrollment_in(work, status)
    afterwards = later(work, seconds=1)

    if status in legal:
        await do(afterwards, verb, enrollment.id)
    else:
        with pytest.raises(EnrollmentStateConflict):
            await do(afterwards, verb, enrollment.id)
        assert await read_enrollment(work, ReadEnrollment(enrollment.id)) == enrollment
        assert afterwards.events == []


@pytest.mark.parametrize(
    "verb", [DEACTIVATE, REACTIVATE, REVOKE, UNLOCK, REBIND], ids=lambda verb: verb[0].__name__
)
async def test_an_unknown_enrollment_is_not_found(work: Work, verb: Verb) -> None:
    with pytest.raises(EnrollmentNotFound):
        await do(work, verb, ids.new_small_id())


@pytest.mark.parametrize(
    ("verb", "event", "reason"),
    [
        (DEACTIVATE, "enrollment.deactivated", "enrollment_deactivated"),
        (REVOKE, "enrollment.revoked", "enrollment_revoked"),
        (REBIND, "enrollment.rebound", "enrollment_rebound"),
    ],
    ids=["deactivate", "revoke", "rebind"],
)
async def test_what_takes_an_enrollment_away_expires_its_open_attempt(
    work: Work, verb: Verb, event: str, reason: str
) -> None:
    enrollment = await a_verified_enrollment(work)
    attempt = await an_open_attempt(work, enrollment=enrollment)
    someone_elses = await an_open_attempt(work)
    afterwards = later(work, seconds=1)

    await do(afterwards, verb, enrollment.id)

    assert await status_of_attempt(work, attempt.id) == "EXPIRED"
    assert await status_of_attempt(work, someone_elses.id) == "PENDING"
    assert event_names(afterwards) == [event, "auth_attempt.expired"]
    assert afterwards.events[1].target_id == str(attempt.id)
    assert dict(afterwards.events[1].data) == {"reason": reason}
    assert afterwards.wakes == [f"attempt:{attempt.id}", f"enrollment:{enrollment.id}"]


async def test_deactivating_and_reactivating_twice_happens_once(work: Work) -> None:
    enrollment = await a_verified_enrollment(work)
    afterwards = later(work, seconds=1)

    for _ in range(2):
        after = await deactivate_enrollment(afterwards, DeactivateEnrollment(enrollment.id))
        assert (after.status, after.active) == (EnrollmentStatus.VERIFIED, False)
    for _ in range(2):
        assert (await reactivate_enrollment(afterwards, ReactivateEnrollment(enrollment.id))).active

    assert event_names(afterwards) == ["enrollment.deactivated", "enrollment.reactivated"]


async def test_a_revoked_enrollment_keeps_its_device_key_and_forgets_where_to_push(work: Work) -> None:
    enrollment = await a_verified_enrollment(work)
    await _give_push_address(work, enrollment)

    revoked = await revoke_enrollment(work, RevokeEnrollment(enrollment.id))

    assert (revoked.status, revoked.active) == (EnrollmentStatus.REVOKED, False)
    assert revoked.device_key == enrollment.device_key
    assert revoked.push_provider is None


async def test_unlocking_clears_lock_and_failures(work: Work) -> None:
    enrollment = await a_verified_enrollment(work)
    await work.conn.execute(
        "UPDATE enrollments SET failures = 10, locked_at = $2 WHERE id = $1", enrollment.id, work.now
    )
    afterwards = later(work, seconds=1)

    for _ in range(2):
        unlocked = await unlock_enrollment(afterwards, UnlockEnrollment(enrollment.id))
        assert (unlocked.failures, unlocked.locked_at) == (0, None)

    assert event_names(afterwards) == ["enrollment.unlocked"]


async def test_a_rebound_enrollment_is_as_if_it_were_new(work: Work) -> None:
    enrollment = await a_verified_enrollment(work, user_identifier="jane")
    await _give_push_address(work, enrollment)
    await work.conn.execute(
        """
        UPDATE enrollments
           SET failures = 10, locked_at = $2, quiet_since = $2, verify_failures = 2, last_used_at = $2
         WHERE id = $1
        """,
        enrollment.id,
        work.now,
    )
    afterwards = later(work, seconds=1)

    invited = await rebind_enrollment(afterwards, RebindEnrollment(enrollment.id))

    row = await work.conn.fetchrow("SELECT * FROM enrollments WHERE id = $1", enrollment.id)
    assert row is not None
    assert row["proof_token_digest"] == digest(invited.proof_token.reveal())
    cleared = (
        "device_key",
        "device_key_tier",
        "signing_key_id",
        "locked_at",
        "quiet_since",
        "push_provider",
        "push_address_digest",
        "push_address_sealed",
        "bound_at",
        "verified_at",
        "last_used_at",
    )
    assert [row[column] for column in cleared] == [None] * len(cleared)
    assert (row["failures"], row["verify_failures"], row["status"]) == (0, 0, "CREATED")
    assert (row["name"], row["user_identifier"]) == (enrollment.name, "jane")
    assert invited.enrollment == await read_enrollment(work, ReadEnrollment(enrollment.id))


async def test_each_invitation_has_secrets_of_its_own(work: Work) -> None:
    first = await an_invitation(work)

    second = await rebind_enrollment(work, RebindEnrollment(first.enrollment.id))

    assert second.enrollment.id == first.enrollment.id
    assert second.proof_token.reveal() != first.proof_token.reveal()


async def test_a_rebinding_can_say_until_when_it_is_good(work: Work) -> None:
    invited = await an_invitation(work)
    until = work.now + timedelta(hours=2)

    again = await rebind_enrollment(work, RebindEnrollment(invited.enrollment.id, expires_at=until))

    assert again.enrollment.expires_at == until


async def test_an_invitation_past_its_time_cannot_be_rebound_even_before_the_job_came_by(work: Work) -> None:
    invited = await an_invitation(work)
    ends = invited.enrollment.expires_at
    assert ends is not None
    afterwards = later(work, seconds=(ends - work.now).total_seconds())

    with pytest.raises(EnrollmentStateConflict):
        await rebind_enrollment(afterwards, RebindEnrollment(invited.enrollment.id))


async def test_nobody_is_invited_to_an_inactive_integration(work: Work) -> None:
    enrollment = await a_verified_enrollment(work)
    await deactivate_integration(work, DeactivateIntegration(enrollment.integration_id))

    with pytest.raises(IntegrationInactive):
        await rebind_enrollment(work, RebindEnrollment(enrollment.id))


async def test_of_revocations_at_the_same_moment_one_wins(core: Core) -> None:
    enrollment = await core.perform(_an_enrollment, None, actor=OPERATOR)

    outcomes = await asyncio.gather(
        *(core.perform(revoke_enrollment, RevokeEnrollment(enrollment.id), actor=OPERATOR) for _ in range(5)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, EnrollmentStateConflict) for outcome in outcomes) == 4


async def _an_enrollment(work: Work, _: None) -> Enrollment:
    return await a_verified_enrollment(work)


async def _give_push_address(work: Work, enrollment: Enrollment) -> None:
    await work.conn.execute(
        """
        UPDATE enrollments
           SET push_provider = 'FCM', push_address_digest = $2, push_address_sealed = $3
         WHERE id = $1
        """,
        enrollment.id,
        digest(str(enrollment.id)),
        b"sealed",
    )
