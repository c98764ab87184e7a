"""A person answers."""

import hmac
from dataclasses import dataclass
from enum import StrEnum

from server.base.errors import AttemptStateConflict
from server.base.principal import Actor
from server.core.auth_attempts.model import (
    AttemptStatus,
    DenyReason,
    challenge_purpose,
    ended_topic,
    proof_token_purpose,
)
from server.core.auth_attempts.store import (
    Answer,
    AttemptRow,
    Question,
    lock_enrollments_of_same_user,
    select_question,
    update_answered,
    update_expired_of_same_user,
)
from server.core.enrollments.prove import enrollment_subject
from server.core.integrations.signing import sign
from server.core.work import Work
from server.crypto.device_keys import BadSignature, load_device_key
from server.crypto.payloads import respond_request, respond_response


class AttemptResult(StrEnum):
    """What the phone is told its answer came to."""

    APPROVED = "APPROVED"
    DENIED = "DENIED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


_RESULTS = {
    AttemptStatus.ACCEPTED: (AttemptResult.APPROVED, "The request was approved"),
    AttemptStatus.REJECTED: (AttemptResult.DENIED, "The request was denied"),
    AttemptStatus.INVALID: (AttemptResult.FAILED, "The answer was not accepted"),
}
_, FAILED_MESSAGE = _RESULTS[AttemptStatus.INVALID]


@dataclass(frozen=True, slots=True)
class RespondToAttempt:
    """A person's decision, signed by the phone.

    Args:
        signature: Standard Base64, over the attempt's proof token and the decision.
        challenge_response: The number the person typed; looked at only when approving.
        deny_reason: Why not; outside the signature.
    """

    attempt_id: int
    accepted: bool
    signature: str
    challenge_response: int | None
    deny_reason: DenyReason | None = None


@dataclass(frozen=True, slots=True)
class AnsweredAttempt:
    """What the answer came to; *signature* is the integration's, or None for an id that is unknown."""

    attempt_id: int
    result: AttemptResult
    message: str
    signature: str | None


async def respond_to_attempt(work: Work, command: RespondToAttempt) -> AnsweredAttempt:
    """The attempt is ACCEPTED or REJECTED, or INVALID when an approval came with a wrong challenge.

    The phone's signature is looked at first: without it the caller learns nothing about the attempt's
    state, and the attempt stays open for its real phone. May be performed at once: the change is one
    statement.

    Raises:
        AttemptStateConflict: The phone is the right one, but the attempt was never read, or has ended.

    Source: docs/protocol/wire.md, 3.1 (respond), 0.5, 0.6, 0.12, and section 10 row 11.
    """
    question = await select_question(work.conn, command.attempt_id)
    if question is None:
        await work.meter.unproved()
        return AnsweredAttempt(command.attempt_id, AttemptResult.FAILED, FAILED_MESSAGE, None)
    attempt = question.attempt
    proof_token = work.keys.open(attempt.proof_token_sealed, proof_token_purpose(attempt.id)).decode()
    if not _is_proved(question, proof_token, command):
        await work.meter.unproved()
        return _answered(work, question, proof_token, AttemptStatus.INVALID)
    work.prove_actor(Actor.DEVICE, str(attempt.enrollment_id), question.organization_id)
    await work.meter.proved(enrollment_subject(attempt.enrollment_id))
    if attempt.status is not AttemptStatus.READ or attempt.expires_at <= work.now or not question.can_answer:
        raise AttemptStateConflict

    status = _decision(work, attempt, command)
    if status is AttemptStatus.REJECTED and command.deny_reason is DenyReason.FRAUD:
        async with work.conn.transaction():
            await lock_enrollments_of_same_user(work.conn, attempt.enrollment_id)
            await _decide(work, question, status, command)
            cancelled = await update_expired_of_same_user(work.conn, work.origin, attempt.enrollment_id)
        work.wake(*map(ended_topic, cancelled))
    else:
        await _decide(work, question, status, command)
    work.wake(ended_topic(attempt.id))
    return _answered(work, question, proof_token, status)


def _is_proved(question: Question, proof_token: str, command: RespondToAttempt) -> bool:
    if question.device_key is None:
        return False
    signed = respond_request(auth_attempt_proof_token=proof_token, auth_attempt_accepted=command.accepted)
    try:
        load_device_key(question.device_key).verify(signed, command.signature)
    except BadSignature:
        return False
    return True


def _decision(work: Work, attempt: AttemptRow, command: RespondToAttempt) -> AttemptStatus:
    if not command.accepted:
        return AttemptStatus.REJECTED
    if attempt.challenge_sealed is None:
        return AttemptStatus.ACCEPTED
    challenge = work.keys.open(attempt.challenge_sealed, challenge_purpose(attempt.id))
    matches = hmac.compare_digest(challenge, str(command.challenge_response).encode())
    return AttemptStatus.ACCEPTED if matches else AttemptStatus.INVALID


async def _decide(work: Work, question: Question, status: AttemptStatus, command: RespondToAttempt) -> None:
    """The decision stands, unless the attempt ended in the meantime."""
    answer = Answer(
        attempt_id=question.attempt.id,
        enrollment_id=question.attempt.enrollment_id,
        status=status,
        device_signature=command.signature,
        deny_reason=command.deny_reason if status is AttemptStatus.REJECTED else None,
        max_failures=work.settings.max_failures,
    )
    if not await update_answered(work.conn, work.origin, answer):
        raise AttemptStateConflict


def _answered(work: Work, question: Question, proof_token: str, status: AttemptStatus) -> AnsweredAttempt:
    result, message = _RESULTS[status]
    signed = respond_response(
        auth_attempt_proof_token=proof_token,
        auth_attempt_id=question.attempt.id,
        auth_attempt_result=result,
        auth_attempt_message=message,
    )
    return AnsweredAttempt(question.attempt.id, result, message, sign(work, question.signer, signed))
