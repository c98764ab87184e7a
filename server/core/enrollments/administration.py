"""What operators do with enrollments: invite, look, change. Their ends and new beginnings: `lifecycle`."""

from dataclasses import dataclass, replace
from datetime import datetime

from server.base.errors import (
    EnrollmentNotFound,
    EnrollmentStateConflict,
    IntegrationInactive,
    IntegrationNotFound,
    TenantInactive,
)
from server.base.pages import Page, PageRequest
from server.core.audit.events import Detail, Event
from server.core.changes import UNCHANGED, Unchanged, changed, names_of_changed
from server.core.drawn_ids import insert_with_new_id
from server.core.enrollments import administration_store as store
from server.core.enrollments.invitation import InvitationSecrets, Invited, invitation_ends
from server.core.enrollments.model import LEGAL_MOVES, Enrollment, EnrollmentStatus
from server.core.shown_text import name_of, user_identifier_of
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class CreateEnrollment:
    """Whose phone is invited, and to which integration.

    Args:
        name: What the phone shows for it, such as the person's name at the relying party.
        user_identifier: What the relying party calls its user; trimmed.
        challenge_required: Whether every attempt asks for a number.
        expires_at: Until when it can be bound and verified; None for as long as the settings say.
    """

    integration_id: int
    name: str
    user_identifier: str | None = None
    challenge_required: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListEnrollments:
    """Which enrollments: of all integrations or one, in any status or one.

    Search is in name and user identifier.
    """

    page: PageRequest
    integration_id: int | None = None
    status: EnrollmentStatus | None = None


@dataclass(frozen=True, slots=True)
class ReadEnrollment:
    """Which enrollment."""

    enrollment_id: int


@dataclass(frozen=True, slots=True)
class ChangeEnrollment:
    """What is new about an enrollment."""

    enrollment_id: int
    name: str | Unchanged = UNCHANGED
    user_identifier: str | Unchanged | None = UNCHANGED
    challenge_required: bool | Unchanged = UNCHANGED


async def create_enrollment(work: Work, command: CreateEnrollment) -> Invited:
    """The enrollment is CREATED; its secrets are in the outcome, and in clear nowhere else.

    Raises:
        InvalidFields: A text or the expiry is not as documented.
        IntegrationNotFound: There is no such integration.
        IntegrationInactive, TenantInactive: It or its tenant was deactivated.
    """
    name, user_identifier = name_of(command.name), user_identifier_of(command.user_identifier)
    expires_at = invitation_ends(work, command.expires_at)
    tenant_id = await hold_owner(work, command.integration_id)
    secrets = InvitationSecrets.new()

    async def insert(enrollment_id: int) -> bool:
        return await store.insert_enrollment(
            work.conn,
            enrollment_id,
            organization_id=tenant_id,
            integration_id=command.integration_id,
            name=name,
            user_identifier=user_identifier,
            challenge_required=command.challenge_required,
            secrets=secrets.stored(work, enrollment_id),
            expires_at=expires_at,
            now=work.now,
        )

    enrollment_id = await insert_with_new_id(insert)
    enrollment = await read_enrollment(work, ReadEnrollment(enrollment_id))
    work.record(enrollment_event("created", enrollment, integration_id=command.integration_id))
    return secrets.shown(work, enrollment)


async def list_enrollments(work: Work, command: ListEnrollments) -> Page[Enrollment]:
    """The enrollments asked for, newest first."""
    return await store.select_page(
        work.conn, command.page, integration_id=command.integration_id, status=command.status
    )


async def read_enrollment(work: Work, command: ReadEnrollment) -> Enrollment:
    """The enrollment.

    Raises:
        EnrollmentNotFound: There is none.
    """
    enrollment = await store.select_enrollment(work.conn, command.enrollment_id)
    if enrollment is None:
        raise EnrollmentNotFound
    return enrollment


async def change_enrollment(work: Work, command: ChangeEnrollment) -> Enrollment:
    """The enrollment is as the command says; what is the same already leaves no event.

    A phone keeps showing the name it was told when it was bound. An open attempt keeps its challenge, or
    its lack of one.

    Raises:
        EnrollmentNotFound: There is none.
        InvalidFields: A text is not as documented.
        EnrollmentStateConflict: It has ended, or another verified enrollment of the integration has the name.
    """
    old = await store.select_enrollment_for_update(work.conn, command.enrollment_id)
    if old is None:
        raise EnrollmentNotFound
    if not LEGAL_MOVES[old.status]:
        raise EnrollmentStateConflict
    new = replace(
        old,
        name=name_of(changed(command.name, old.name)),
        user_identifier=user_identifier_of(changed(command.user_identifier, old.user_identifier)),
        challenge_required=changed(command.challenge_required, old.challenge_required),
    )
    if new == old:
        return old
    await store.update_enrollment(work.conn, new, work.now)
    work.record(enrollment_event("changed", old, changed=names_of_changed(old, new)))
    return replace(new, updated_at=work.now)


async def hold_owner(work: Work, integration_id: int) -> int:
    """The integration and its tenant are active until the work ends; the id of the tenant.

    Raises:
        IntegrationNotFound: There is no such integration.
        IntegrationInactive, TenantInactive: It or its tenant was deactivated.
    """
    owner = await store.select_owner_for_share(work.conn, integration_id)
    if owner is None:
        raise IntegrationNotFound
    if not owner.tenant_active:
        raise TenantInactive
    if not owner.active:
        raise IntegrationInactive
    return owner.organization_id


def enrollment_event(what: str, enrollment: Enrollment, **data: Detail) -> Event:
    """The audit record of something that happened to *enrollment*."""
    return Event(
        f"enrollment.{what}", "enrollment", str(enrollment.id), enrollment.organization_id, data=data
    )
