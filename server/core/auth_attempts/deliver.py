"""A phone asks what waits for it."""

from dataclasses import dataclass

from server.base.errors import AttemptBindingFailed
from server.core.auth_attempts.model import proof_token_purpose
from server.core.auth_attempts.store import Poll, claim_open_attempt
from server.core.enrollments.prove import DeviceProof, forget_phone, recognize_phone
from server.core.integrations.signing import sign
from server.core.work import Work
from server.crypto.payloads import pending_request, pending_response
from server.crypto.tokens import digest


@dataclass(frozen=True, slots=True)
class FetchPending:
    """A phone's proof that it is the enrollment's; it signs its device proof token."""

    proof: DeviceProof


@dataclass(frozen=True, slots=True)
class PendingAttempt:
    """What the phone shows, and the integration's signature over exactly that."""

    id: int
    proof_token: str
    challenge_required: bool
    context_title: str | None
    context_message: str | None
    signature: str


async def fetch_pending(work: Work, command: FetchPending) -> PendingAttempt | None:
    """The enrollment's open attempt is READ and the device proof token spent; None when nothing waits.

    An attempt that was read but not answered is given again to a new device proof token, since an answer
    can be lost on its way. When nothing waits the token is not spent. May be performed at once: the change
    is one statement.

    Raises:
        AttemptBindingFailed: Proof not good, enrollment not active, token spent: all alike.

    Source: docs/protocol/wire.md, 3.1 (pending), 0.5 to 0.7.
    """
    phone = await recognize_phone(work, command.proof, _signed, AttemptBindingFailed)
    poll = Poll(
        enrollment_id=phone.enrollment_id,
        token_digest=phone.token_digest,
        device_key=phone.device_key,
        device_token_digest=digest(command.proof.device_token.reveal()),
    )
    polled = await claim_open_attempt(work.conn, work.origin, poll)
    if polled is None:
        forget_phone(phone)
        await work.meter.unproved()
        raise AttemptBindingFailed
    if polled.token_spent:
        raise AttemptBindingFailed
    attempt, signer = polled.attempt, polled.signer
    if attempt is None or signer is None:
        return None
    proof_token = work.keys.open(attempt.proof_token_sealed, proof_token_purpose(attempt.id)).decode()
    challenge_required = attempt.challenge_sealed is not None
    message = pending_response(
        auth_attempt_proof_token=proof_token,
        auth_attempt_challenge_required=challenge_required,
        context_title=attempt.context_title,
        context_message=attempt.context_message,
    )
    return PendingAttempt(
        id=attempt.id,
        proof_token=proof_token,
        challenge_required=challenge_required,
        context_title=attempt.context_title,
        context_message=attempt.context_message,
        signature=sign(work, signer, message),
    )


def _signed(device_token: str) -> bytes:
    return pending_request(device_proof_token=device_token)
