"""A bound phone registers its own key, and proves that the right person holds it."""

import hmac
from dataclasses import dataclass

from server.base.errors import EnrollmentStateConflict, EnrollmentVerifyFailed
from server.base.principal import Actor
from server.core.audit.events import Event
from server.core.enrollments.model import (
    MAX_VERIFY_FAILURES,
    EnrollmentStatus,
    StorageTier,
    challenge_purpose,
    proof_token_purpose,
)
from server.core.enrollments.store import (
    Candidate,
    select_candidate,
    update_expired,
    update_verified,
    update_verify_failed,
)
from server.core.integrations.signing import sign
from server.core.work import Refusal, Work
from server.crypto.device_keys import BadSignature, DeviceKey, InvalidDeviceKey, parse_device_key
from server.crypto.payloads import verify_request, verify_response
from server.db.conflicts import unique

MESSAGE = "Enrollment verified"


@dataclass(frozen=True, slots=True)
class VerifyEnrollment:
    """The phone's key, the number its owner typed, and the phone's signature over both.

    Args:
        device_public_key: SPKI in standard Base64, exactly as sent: it is part of what was signed.
        signature: Standard Base64.
    """

    enrollment_id: int
    challenge_response: int
    device_public_key: str
    signature: str
    storage_tier: StorageTier | None


@dataclass(frozen=True, slots=True)
class VerifiedEnrollment:
    """The enrollment is active; *signature* is the integration's over *message*."""

    message: str
    signature: str


async def verify_enrollment(work: Work, command: VerifyEnrollment) -> VerifiedEnrollment:
    """BOUND is VERIFIED and active, and keeps the phone's key.

    A request without the invitation's secret changes nothing. A wrong challenge under a right signature
    counts, and the third ends the enrollment.

    Raises:
        EnrollmentStateConflict: Unknown id, not BOUND, or another verified enrollment has the name.
        EnrollmentVerifyFailed: Signature, challenge, key or time is not right: all alike.

    Source: docs/protocol/wire.md, 3.1 (verify) and 0.5.
    """
    candidate = await select_candidate(work.conn, command.enrollment_id)
    if candidate is None or candidate.status is not EnrollmentStatus.BOUND:
        raise EnrollmentStateConflict
    proof_token = work.keys.open(candidate.proof_token_sealed, proof_token_purpose(candidate.id)).decode()
    key = await _proved_key(work, command, proof_token)
    work.prove_actor(Actor.DEVICE, str(candidate.id), candidate.organization_id)
    target = ("enrollment", str(candidate.id), candidate.organization_id)
    if candidate.expires_at is not None and candidate.expires_at <= work.now:
        if await update_expired(work.conn, candidate.id, work.now):
            work.record(Event("enrollment.expired", *target))
        raise Refusal(EnrollmentVerifyFailed())
    if not _is_challenge(work, candidate, command.challenge_response):
        ends = candidate.verify_failures + 1 >= MAX_VERIFY_FAILURES
        await update_verify_failed(work.conn, candidate.id, work.now, ends=ends)
        name = "enrollment.invalidated" if ends else "enrollment.verify_failed"
        work.record(Event(name, *target, result="refused"))
        raise Refusal(EnrollmentVerifyFailed())
    with (
        unique("enrollments_device_key_key", EnrollmentVerifyFailed()),
        unique("enrollments_verified_name_key", EnrollmentStateConflict()),
    ):
        if not await update_verified(work.conn, candidate.id, key.spki, command.storage_tier, work.now):
            raise EnrollmentStateConflict
    work.record(
        Event(
            "enrollment.verified",
            *target,
            data={"algorithm": key.algorithm, "storage_tier": command.storage_tier},
        )
    )
    message = verify_response(
        enrollment_proof_token=proof_token, enrollment_id=candidate.id, enrollment_verify_message=MESSAGE
    )
    return VerifiedEnrollment(MESSAGE, sign(work, candidate.signer, message))


async def _proved_key(work: Work, command: VerifyEnrollment, proof_token: str) -> DeviceKey:
    """The phone's key, once its signature shows that the phone holds it and knows the proof token."""
    try:
        key = parse_device_key(command.device_public_key)
        key.verify(
            verify_request(
                enrollment_proof_token=proof_token,
                enrollment_id=command.enrollment_id,
                challenge_response=command.challenge_response,
                device_public_key=command.device_public_key,
            ),
            command.signature,
        )
    except (InvalidDeviceKey, BadSignature) as refused:
        await work.meter.unproved()
        raise EnrollmentVerifyFailed from refused
    return key


def _is_challenge(work: Work, candidate: Candidate, response: int) -> bool:
    if candidate.challenge_sealed is None:
        return False
    challenge = work.keys.open(candidate.challenge_sealed, challenge_purpose(candidate.id))
    return hmac.compare_digest(challenge, str(response).encode())
