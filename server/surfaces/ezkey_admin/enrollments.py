"""Enrollments: people's phones. An invitation's secrets are in the answer that made them, and in no other."""

from typing import Self

from pydantic import Field

from server.base.errors import (
    EnrollmentNotFound,
    EnrollmentStateConflict,
    IntegrationInactive,
    IntegrationNotFound,
    TenantInactive,
)
from server.core.enrollments import administration as actions
from server.core.enrollments import lifecycle
from server.core.enrollments.invitation import Invited
from server.core.enrollments.model import Enrollment, EnrollmentStatus, PushProvider, StorageTier
from server.crypto.encoding import b64_encode
from server.surfaces.ezkey_admin.bodies import (
    Answer,
    ChangeBody,
    FutureInstant,
    Name,
    UserIdentifier,
)
from server.surfaces.ezkey_admin.pages import PageBody, PageQuery
from server.surfaces.ezkey_admin.surface import surface
from server.surfaces.kit.body import Instant, Int32, QueryId, StrictCamelBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import operator_key
from server.surfaces.kit.limits import OPERATIONS
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.qr import png_of, svg_of
from server.surfaces.kit.reading import path_id, read, read_or_default, read_query
from server.surfaces.kit.replying import reply


class EnrollmentCreation(StrictCamelBody):
    """A phone to be invited. Without `expiresAt` the invitation is good for as long as the instance says."""

    integration_id: Int32
    name: Name
    user_identifier: UserIdentifier | None = None
    challenge_required: bool = False
    expires_at: FutureInstant | None = None

    def command(self) -> actions.CreateEnrollment:
        """What is asked for."""
        return actions.CreateEnrollment(
            integration_id=self.integration_id,
            name=self.name,
            user_identifier=self.user_identifier,
            challenge_required=self.challenge_required,
            expires_at=self.expires_at,
        )


class EnrollmentChange(ChangeBody):
    """What is new about an enrollment."""

    name: Name = Field(default_factory=str)
    user_identifier: UserIdentifier | None = None
    challenge_required: bool = Field(default_factory=bool)

    def command(self, enrollment_id: int) -> actions.ChangeEnrollment:
        """What is asked for."""
        return actions.ChangeEnrollment(
            enrollment_id,
            name=self.said("name", self.name),
            user_identifier=self.said("user_identifier", self.user_identifier),
            challenge_required=self.said("challenge_required", self.challenge_required),
        )


class EnrollmentRebinding(StrictCamelBody):
    """Until when the new invitation is good."""

    expires_at: FutureInstant | None = None

    def command(self, enrollment_id: int) -> lifecycle.RebindEnrollment:
        """What is asked for."""
        return lifecycle.RebindEnrollment(enrollment_id, self.expires_at)


class EnrollmentBody(Answer):
    """An enrollment. `devicePublicKey`: SPKI in Base64. `lockedAt`: since when wrong numbers lock it."""

    id: int
    tenant_id: int
    integration_id: int
    name: str
    user_identifier: str | None
    challenge_required: bool
    status: EnrollmentStatus
    active: bool
    device_public_key: str | None
    device_private_key_storage_tier: StorageTier | None
    push_provider: PushProvider | None
    failures: int
    locked_at: Instant | None
    quiet_since: Instant | None
    expires_at: Instant | None
    bound_at: Instant | None
    verified_at: Instant | None
    last_used_at: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, enrollment: Enrollment) -> Self:
        """What operators see."""
        key = enrollment.device_key
        return cls(
            id=enrollment.id,
            tenant_id=enrollment.organization_id,
            integration_id=enrollment.integration_id,
            name=enrollment.name,
            user_identifier=enrollment.user_identifier,
            challenge_required=enrollment.challenge_required,
            status=enrollment.status,
            active=enrollment.active,
            device_public_key=b64_encode(key) if key is not None else None,
            device_private_key_storage_tier=enrollment.device_key_tier,
            push_provider=enrollment.push_provider,
            failures=enrollment.failures,
            locked_at=enrollment.locked_at,
            quiet_since=enrollment.quiet_since,
            expires_at=enrollment.expires_at,
            bound_at=enrollment.bound_at,
            verified_at=enrollment.verified_at,
            last_used_at=enrollment.last_used_at,
            created_at=enrollment.created_at,
            updated_at=enrollment.updated_at,
        )


class QrBody(Answer):
    """The QR for the phone, three times: its text, a PNG in Base64, an SVG."""

    text: str
    png: str
    svg: str

    @classmethod
    def of(cls, text: str) -> Self:
        """The QR of *text*."""
        return cls(text=text, png=b64_encode(png_of(text)), svg=svg_of(text))


class InvitedBody(Answer):
    """An enrollment that waits for a phone, with its secrets.

    The challenge is not in the QR: give it to the person by another way.
    """

    enrollment: EnrollmentBody
    enrollment_proof_token: str
    enrollment_challenge: int
    qr: QrBody

    @classmethod
    def of(cls, invited: Invited) -> Self:
        """What operators see once."""
        return cls(
            enrollment=EnrollmentBody.of(invited.enrollment),
            enrollment_proof_token=invited.proof_token.reveal(),
            enrollment_challenge=int(invited.challenge.reveal()),
            qr=QrBody.of(invited.qr_text.reveal()),
        )


class EnrollmentPage(PageBody[EnrollmentBody]):
    """A page of enrollments."""


class EnrollmentQuery(PageQuery):
    """Which enrollments; search is in name and user identifier."""

    integration_id: QueryId | None = None
    status: EnrollmentStatus | None = None

    def command(self) -> actions.ListEnrollments:
        """What is asked for."""
        return actions.ListEnrollments(self.page, integration_id=self.integration_id, status=self.status)


@surface.post(
    "/enrollments",
    guard=operator_key,
    limit=OPERATIONS,
    takes=EnrollmentCreation,
    gives={201: InvitedBody},
    refuses=(IntegrationNotFound, IntegrationInactive, TenantInactive),
)
async def create_enrollment() -> Response:
    """POST /api/v1/enrollments: a phone is invited; proof token, challenge and QR are shown this once."""
    body = await read(EnrollmentCreation)
    invited = await perform(actions.create_enrollment, body.command())
    location = ("Location", f"/api/v1/enrollments/{invited.enrollment.id}")
    return reply(InvitedBody.of(invited), 201, headers=(location,))


@surface.get(
    "/enrollments",
    guard=operator_key,
    limit=OPERATIONS,
    query=EnrollmentQuery,
    gives={200: EnrollmentPage},
)
async def list_enrollments() -> Response:
    """GET /api/v1/enrollments: the enrollments, newest first."""
    query = read_query(EnrollmentQuery)
    page = await perform_at_once(actions.list_enrollments, query.command())
    return reply(EnrollmentPage.of(page, EnrollmentBody.of))


@surface.get(
    "/enrollments/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: EnrollmentBody},
    refuses=(EnrollmentNotFound,),
)
async def read_enrollment() -> Response:
    """GET /api/v1/enrollments/{id}: one enrollment."""
    enrollment = await perform_at_once(actions.read_enrollment, actions.ReadEnrollment(path_id()))
    return reply(EnrollmentBody.of(enrollment))


@surface.patch(
    "/enrollments/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    takes=EnrollmentChange,
    gives={200: EnrollmentBody},
    refuses=(EnrollmentNotFound, EnrollmentStateConflict),
)
async def change_enrollment() -> Response:
    """PATCH /api/v1/enrollments/{id}: the members that are present are changed."""
    body = await read(EnrollmentChange)
    return reply(EnrollmentBody.of(await perform(actions.change_enrollment, body.command(path_id()))))


@surface.post(
    "/enrollments/{id:int32}/deactivate",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: EnrollmentBody},
    refuses=(EnrollmentNotFound, EnrollmentStateConflict),
)
async def deactivate_enrollment() -> Response:
    """POST /api/v1/enrollments/{id}/deactivate: it cannot be used for now; its open attempt expires."""
    enrollment = await perform(lifecycle.deactivate_enrollment, lifecycle.DeactivateEnrollment(path_id()))
    return reply(EnrollmentBody.of(enrollment))


@surface.post(
    "/enrollments/{id:int32}/reactivate",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: EnrollmentBody},
    refuses=(EnrollmentNotFound, EnrollmentStateConflict),
)
async def reactivate_enrollment() -> Response:
    """POST /api/v1/enrollments/{id}/reactivate: it can be used again."""
    enrollment = await perform(lifecycle.reactivate_enrollment, lifecycle.ReactivateEnrollment(path_id()))
    return reply(EnrollmentBody.of(enrollment))


@surface.post(
    "/enrollments/{id:int32}/revoke",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: EnrollmentBody},
    refuses=(EnrollmentNotFound, EnrollmentStateConflict),
)
async def revoke_enrollment() -> Response:
    """POST /api/v1/enrollments/{id}/revoke: it has ended for good; its open attempt expires."""
    enrollment = await perform(lifecycle.revoke_enrollment, lifecycle.RevokeEnrollment(path_id()))
    return reply(EnrollmentBody.of(enrollment))


@surface.post(
    "/enrollments/{id:int32}/unlock",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: EnrollmentBody},
    refuses=(EnrollmentNotFound, EnrollmentStateConflict),
)
async def unlock_enrollment() -> Response:
    """POST /api/v1/enrollments/{id}/unlock: it is not locked, and wrong numbers are counted anew."""
    enrollment = await perform(lifecycle.unlock_enrollment, lifecycle.UnlockEnrollment(path_id()))
    return reply(EnrollmentBody.of(enrollment))


@surface.post(
    "/enrollments/{id:int32}/rebind",
    guard=operator_key,
    limit=OPERATIONS,
    takes=EnrollmentRebinding,
    body_optional=True,
    gives={200: InvitedBody},
    refuses=(EnrollmentNotFound, EnrollmentStateConflict, IntegrationInactive, TenantInactive),
)
async def rebind_enrollment() -> Response:
    """POST /api/v1/enrollments/{id}/rebind: another phone is invited, and the one before is shut out.

    The body may be left out. Proof token, challenge and QR are shown this once.
    """
    body = await read_or_default(EnrollmentRebinding)
    return reply(InvitedBody.of(await perform(lifecycle.rebind_enrollment, body.command(path_id()))))
