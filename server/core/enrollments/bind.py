"""A phone that scanned an invitation learns whose it is."""

from dataclasses import dataclass
from typing import Literal

from server.base.errors import EnrollmentAlreadyBound, EnrollmentBindingFailed
from server.base.principal import Actor
from server.base.secret import Secret
from server.core.audit.events import Event
from server.core.enrollments.model import EnrollmentStatus
from server.core.enrollments.store import select_invitation, update_bound, update_expired
from server.core.integrations.signing import sign
from server.core.work import Refusal, Work
from server.crypto.encoding import b64url_encode
from server.crypto.payloads import bind_response
from server.crypto.tokens import digest


@dataclass(frozen=True, slots=True)
class BindEnrollment:
    """The id and the proof token, as they stand in the invitation's QR."""

    enrollment_id: int
    proof_token: Secret


@dataclass(frozen=True, slots=True)
class BoundEnrollment:
    """What the phone is told, and the integration's signature over exactly that.

    Args:
        is_system_integration: Present in the 12-segment form only.
        signature: Ed25519 over `payloads.bind_response`, Base64URL without padding.
    """

    enrollment_id: int
    proof_token: Secret
    integration_public_key: str
    integration_key_algorithm: Literal["ed25519"]
    integration_name: str
    integration_description: str | None
    enrollment_name: str
    tenant_id: int
    tenant_name: str
    tenant_description: str | None
    is_system_integration: bool | None
    signature: str


async def bind_enrollment(work: Work, command: BindEnrollment) -> BoundEnrollment:
    """CREATED is BOUND, exactly once, and remembers the key its integration signs with now.

    Raises:
        EnrollmentBindingFailed: Unknown id, wrong token, past its time, owner not active: all alike.
        EnrollmentAlreadyBound: The token is right, but the enrollment is no longer CREATED.

    Source: docs/protocol/wire.md, 3.1 (bind) and 0.
    """
    token = command.proof_token.reveal()
    token_digest = digest(token)
    invitation = await select_invitation(work.conn, command.enrollment_id, token_digest)
    if invitation is None or not invitation.owner_active or invitation.status is EnrollmentStatus.EXPIRED:
        raise EnrollmentBindingFailed
    if invitation.status is not EnrollmentStatus.CREATED:
        raise EnrollmentAlreadyBound
    work.prove_actor(Actor.DEVICE, str(invitation.id), invitation.organization_id)
    target = ("enrollment", str(invitation.id), invitation.organization_id)
    if invitation.expires_at is not None and invitation.expires_at <= work.now:
        if await update_expired(work.conn, invitation.id, work.now):
            work.record(Event("enrollment.expired", *target))
        raise Refusal(EnrollmentBindingFailed())
    if not await update_bound(work.conn, invitation.id, token_digest, invitation.signer.id, work.now):
        raise EnrollmentAlreadyBound
    work.record(Event("enrollment.bound", *target, data={"signing_key_id": invitation.signer.id}))

    is_system_integration = False if work.settings.bind_segments == 12 else None  # noqa: PLR2004 - its name
    public_key = b64url_encode(invitation.public_key)
    message = bind_response(
        enrollment_proof_token=token,
        enrollment_id=invitation.id,
        integration_public_key=public_key,
        integration_key_algorithm="ed25519",
        integration_name=invitation.integration_name,
        integration_description=invitation.integration_description,
        enrollment_name=invitation.name,
        tenant_id=invitation.organization_id,
        tenant_name=invitation.tenant_name,
        tenant_description=invitation.tenant_description,
        is_system_integration=is_system_integration,
    )
    return BoundEnrollment(
        enrollment_id=invitation.id,
        proof_token=command.proof_token,
        integration_public_key=public_key,
        integration_key_algorithm="ed25519",
        integration_name=invitation.integration_name,
        integration_description=invitation.integration_description,
        enrollment_name=invitation.name,
        tenant_id=invitation.organization_id,
        tenant_name=invitation.tenant_name,
        tenant_description=invitation.tenant_description,
        is_system_integration=is_system_integration,
        signature=sign(work, invitation.signer, message),
    )
