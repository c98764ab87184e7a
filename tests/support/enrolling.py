"""Phones on the server's own data: invited, bound and enrolled by the product's actions, without HTTP."""

from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.core.auth_attempts.create import CreateAttempt
from server.core.auth_attempts.deliver import FetchPending, PendingAttempt
from server.core.auth_attempts.model import DenyReason
from server.core.auth_attempts.respond import RespondToAttempt
from server.core.enrollments.bind import BindEnrollment, bind_enrollment
from server.core.enrollments.model import PushProvider, StorageTier
from server.core.enrollments.prove import DeviceProof
from server.core.enrollments.push_address import RegisterPushAddress
from server.core.enrollments.verify import VerifyEnrollment, verify_enrollment
from server.core.integrations.model import Integration
from server.core.work import Work
from tests.support.factories import an_invitation
from tests.support.phone import Body, Key, P256Key, Phone

ANYONE = Principal(Actor.ANYONE, surface="tests", address="192.0.2.10", request_id="a-request")


def a_relying_party(integration: Integration, api_key_id: int = 5) -> Principal:
    """A caller with an API key of *integration*."""
    return Principal(
        Actor.INTEGRATION,
        id=str(api_key_id),
        surface="tests",
        organization_id=integration.organization_id,
        integration_id=integration.id,
        address="192.0.2.20",
        request_id="another-request",
    )


async def an_invited_phone(
    work: Work,
    *,
    integration: Integration | None = None,
    name: str | None = None,
    user_identifier: str | None = None,
    challenge_required: bool = False,
    key: Key | None = None,
) -> Phone:
    """A phone that has scanned its invitation, and done nothing with it."""
    invited = await an_invitation(
        work,
        integration=integration,
        name=name,
        user_identifier=user_identifier,
        challenge_required=challenge_required,
    )
    return Phone(
        enrollment_id=invited.enrollment.id,
        proof_token=invited.proof_token.reveal(),
        challenge=int(invited.challenge.reveal()),
        key=key or P256Key(),
    )


async def a_bound_phone(
    work: Work,
    *,
    integration: Integration | None = None,
    name: str | None = None,
    user_identifier: str | None = None,
    challenge_required: bool = False,
    key: Key | None = None,
) -> Phone:
    """A phone that knows whose it is, and whose key nobody knows yet."""
    phone = await an_invited_phone(
        work,
        integration=integration,
        name=name,
        user_identifier=user_identifier,
        challenge_required=challenge_required,
        key=key,
    )
    bound = await bind_enrollment(work, bind_of(phone))
    phone.integration_key = bound.integration_public_key
    return phone


async def an_enrolled_phone(
    work: Work,
    *,
    integration: Integration | None = None,
    name: str | None = None,
    user_identifier: str | None = None,
    challenge_required: bool = False,
    key: Key | None = None,
) -> Phone:
    """A phone that can be asked."""
    phone = await a_bound_phone(
        work,
        integration=integration,
        name=name,
        user_identifier=user_identifier,
        challenge_required=challenge_required,
        key=key,
    )
    await verify_enrollment(work, verify_of(phone.verify_body()))
    return phone


# --- what phones and relying parties send, as commands ---------------------------------------------


def bind_of(phone: Phone, proof_token: str | None = None) -> BindEnrollment:
    """Its bind, with another proof token if one is given."""
    token = phone.proof_token if proof_token is None else proof_token
    return BindEnrollment(phone.enrollment_id, Secret(token))


def verify_of(body: Body) -> VerifyEnrollment:
    """A verify as `Phone.verify_body` makes it."""
    tier = body.get("devicePrivateKeyStorageTier")
    return VerifyEnrollment(
        enrollment_id=body["enrollmentId"],
        challenge_response=body["challengeResponse"],
        device_public_key=body["devicePublicKey"],
        signature=body["enrollmentProofTokenSigned"],
        storage_tier=None if tier is None else StorageTier(tier),
    )


def poll_of(body: Body) -> FetchPending:
    """A poll as `Phone.poll_body` makes it."""
    return FetchPending(_proof_of(body))


def push_address_of(body: Body) -> RegisterPushAddress:
    """A registration as `Phone.push_address_body` makes it."""
    return RegisterPushAddress(_proof_of(body), PushProvider(body["provider"]), Secret(body["address"]))


def answer_of(
    phone: Phone,
    pending: PendingAttempt,
    *,
    accepted: bool,
    challenge: int | None = None,
    deny_reason: DenyReason | None = None,
    signed_by: Key | None = None,
) -> RespondToAttempt:
    """The owner's answer to what the phone was given."""
    body = phone.answer_body(pending.id, pending.proof_token, accepted=accepted, signed_by=signed_by)
    return RespondToAttempt(
        attempt_id=pending.id,
        accepted=accepted,
        signature=body["authAttemptProofTokenSignedByDevice"],
        challenge_response=challenge,
        deny_reason=deny_reason,
    )


def question_for(
    phone: Phone,
    integration: Integration,
    *,
    challenge: bool = False,
    title: str | None = None,
    message: str | None = None,
    idempotency_key: str | None = None,
) -> CreateAttempt:
    """What the relying party asks the phone's owner."""
    return CreateAttempt(
        integration_id=integration.id,
        enrollment_id=phone.enrollment_id,
        user_identifier=None,
        challenge_requested=challenge,
        context_title=title,
        context_message=message,
        idempotency_key=idempotency_key,
    )


def _proof_of(body: Body) -> DeviceProof:
    return DeviceProof(
        enrollment_id=body["enrollmentId"],
        proof_token=Secret(body["enrollmentProofToken"]),
        device_token=Secret(body["deviceProofToken"]),
        signature=body["deviceProofTokenSigned"],
    )
