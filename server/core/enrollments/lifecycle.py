"""How operators pause, end and begin enrollments again. Source: docs/protocol/wire.md, 0.5, 0.9 and 4."""

from dataclasses import dataclass
from datetime import datetime

from server.base.errors import EnrollmentStateConflict
from server.core.enrollments import administration_store as store
from server.core.enrollments.administration import (
    ReadEnrollment,
    enrollment_event,
    hold_owner,
    read_enrollment,
)
from server.core.enrollments.invitation import InvitationSecrets, Invited, invitation_ends
from server.core.enrollments.model import Enrollment, EnrollmentStatus
from server.core.open_attempts import Cause, expire_open_attempts
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class DeactivateEnrollment:
    """Which enrollment."""

    enrollment_id: int


@dataclass(frozen=True, slots=True)
class ReactivateEnrollment:
    """Which enrollment."""

    enrollment_id: int


@dataclass(frozen=True, slots=True)
class RevokeEnrollment:
    """Which enrollment."""

    enrollment_id: int


@dataclass(frozen=True, slots=True)
class UnlockEnrollment:
    """Which enrollment."""

    enrollment_id: int


@dataclass(frozen=True, slots=True)
class RebindEnrollment:
    """Which enrollment is to get another phone, or the same one anew.

    Args:
        expires_at: Until when it can be bound and verified; None for as long as the settings say.
    """

    enrollment_id: int
    expires_at: datetime | None = None


async def deactivate_enrollment(work: Work, command: DeactivateEnrollment) -> Enrollment:
    """The enrollment cannot be used until it is reactivated; its open attempt has expired.

    One that was inactive before is left as it is.

    Raises:
        EnrollmentNotFound: There is none.
        EnrollmentStateConflict: It is not VERIFIED.
    """
    moved = await store.update_enrollment_active(work.conn, command.enrollment_id, active=False, now=work.now)
    enrollment = await read_enrollment(work, ReadEnrollment(command.enrollment_id))
    if moved:
        work.record(enrollment_event("deactivated", enrollment))
        await _expire_attempts(work, enrollment, "enrollment_deactivated")
    elif enrollment.status is not EnrollmentStatus.VERIFIED:
        raise EnrollmentStateConflict
    return enrollment


async def reactivate_enrollment(work: Work, command: ReactivateEnrollment) -> Enrollment:
    """The enrollment can be used again. One that was active before is left as it is.

    Raises:
        EnrollmentNotFound: There is none.
        EnrollmentStateConflict: It is not VERIFIED.
    """
    moved = await store.update_enrollment_active(work.conn, command.enrollment_id, active=True, now=work.now)
    enrollment = await read_enrollment(work, ReadEnrollment(command.enrollment_id))
    if moved:
        work.record(enrollment_event("reactivated", enrollment))
    elif enrollment.status is not EnrollmentStatus.VERIFIED:
        raise EnrollmentStateConflict
    return enrollment


async def revoke_enrollment(work: Work, command: RevokeEnrollment) -> Enrollment:
    """The enrollment is REVOKED for good; its open attempt has expired, its push address is forgotten.

    Raises:
        EnrollmentNotFound: There is none.
        EnrollmentStateConflict: It had ended before.
    """
    moved = await store.update_enrollment_revoked(work.conn, command.enrollment_id, work.now)
    enrollment = await read_enrollment(work, ReadEnrollment(command.enrollment_id))
    if not moved:
        raise EnrollmentStateConflict
    work.record(enrollment_event("revoked", enrollment))
    await _expire_attempts(work, enrollment, "enrollment_revoked")
    return enrollment


async def unlock_enrollment(work: Work, command: UnlockEnrollment) -> Enrollment:
    """The enrollment is not locked, and its count of wrong challenges begins anew.

    Raises:
        EnrollmentNotFound: There is none.
        EnrollmentStateConflict: It is not VERIFIED.
    """
    moved = await store.update_enrollment_unlocked(work.conn, command.enrollment_id, work.now)
    enrollment = await read_enrollment(work, ReadEnrollment(command.enrollment_id))
    if moved:
        work.record(enrollment_event("unlocked", enrollment))
    elif enrollment.status is not EnrollmentStatus.VERIFIED:
        raise EnrollmentStateConflict
    return enrollment


async def rebind_enrollment(work: Work, command: RebindEnrollment) -> Invited:
    """The enrollment is CREATED again, with new secrets, which are in the outcome.

    The phone it had can do nothing any more: its key, its push address and all counters are forgotten, and
    the open attempt has expired.

    Raises:
        EnrollmentNotFound: There is none.
        InvalidFields: The expiry is not as documented.
        IntegrationInactive, TenantInactive: Its integration or tenant was deactivated.
        EnrollmentStateConflict: It has ended.
    """
    before = await read_enrollment(work, ReadEnrollment(command.enrollment_id))
    await hold_owner(work, before.integration_id)
    secrets = InvitationSecrets.new()
    moved = await store.update_enrollment_rebound(
        work.conn,
        before.id,
        secrets=secrets.stored(work, before.id),
        expires_at=invitation_ends(work, command.expires_at),
        now=work.now,
    )
    if not moved:
        raise EnrollmentStateConflict
    enrollment = await read_enrollment(work, ReadEnrollment(before.id))
    work.record(enrollment_event("rebound", enrollment))
    await _expire_attempts(work, enrollment, "enrollment_rebound")
    return secrets.shown(work, enrollment)


async def _expire_attempts(work: Work, enrollment: Enrollment, cause: Cause) -> None:
    await expire_open_attempts(
        work,
        cause,
        organization_id=enrollment.organization_id,
        integration_id=enrollment.integration_id,
        enrollment_id=enrollment.id,
    )
    # A poll that waits is refused now, and not only when its time is over.
    work.wake(f"enrollment:{enrollment.id}")
