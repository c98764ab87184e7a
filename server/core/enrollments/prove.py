"""What a phone must show before anything of its enrollment is touched."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest

from server.base.errors import AppError
from server.base.principal import Actor
from server.base.secret import Secret
from server.core.enrollments.store import Possession, select_possession
from server.core.work import Work
from server.crypto.device_keys import BadSignature, load_device_key
from server.crypto.tokens import digest, is_proof_token

# Some 400 bytes each; a core serves about as many phones that poll every ten seconds.
KNOWN_PHONES = 65_536


@dataclass(frozen=True, slots=True)
class DeviceProof:
    """What a phone sends to prove itself.

    Args:
        proof_token: The enrollment's, from the invitation.
        device_token: Made by the phone for this request; opaque to us.
        signature: The phone's, standard Base64, over the bytes that the operation names.
    """

    enrollment_id: int
    proof_token: Secret
    device_token: Secret
    signature: str


def enrollment_subject(enrollment_id: int) -> str:
    """The name under which a proved enrollment's requests are counted."""
    return f"enrollment:{enrollment_id}"


async def prove_possession(
    work: Work, proof: DeviceProof, signed: Callable[[str], bytes], refusal: type[AppError]
) -> Possession:
    """The active enrollment whose proof token and device key the caller holds.

    A device proof token that is malformed is refused like a wrong one. The request is counted against the
    enrollment when the proof is good, against the client's address when it is not. Whether the device proof
    token was spent is for the caller to find out.

    Args:
        signed: What the phone signed, from its device proof token.
        refusal: What is raised, whatever is wrong with the proof.

    Raises:
        TooManyRequests: The enrollment's phone asks too often.

    Source: docs/protocol/wire.md, 3.1 (pending), 0.5 and 0.14.
    """
    device_token = proof.device_token.reveal()
    phone = None
    if is_proof_token(device_token):
        token_digest = digest(proof.proof_token.reveal())
        phone = await select_possession(work.conn, proof.enrollment_id, token_digest)
    fault = None if phone is None else _fault(phone, signed(device_token), proof.signature)
    if phone is None or fault is not None:
        await work.meter.unproved()
        raise refusal from fault
    await _is_proved(work, phone)
    return phone


async def recognize_phone(
    work: Work, proof: DeviceProof, signed: Callable[[str], bytes], refusal: type[AppError]
) -> Possession:
    """As `prove_possession`, without a look at the database for a phone whose proof was good before.

    So the enrollment may have been deactivated or bound anew since: the caller's statement must ask for an
    active enrollment with the proof token and the device key of the outcome, and where it finds none,
    `forget_phone`. What is remembered never refuses: a proof that does not agree with it is checked against
    the database.
    """
    device_token = proof.device_token.reveal()
    known = _known.get(proof.enrollment_id)
    if (
        known is not None
        and is_proof_token(device_token)
        and compare_digest(known.token_digest, digest(proof.proof_token.reveal()))
        and _fault(known, signed(device_token), proof.signature) is None
    ):
        _known.move_to_end(proof.enrollment_id)
        await _is_proved(work, known)
        return known
    phone = await prove_possession(work, proof, signed, refusal)
    _known[phone.enrollment_id] = phone
    if len(_known) > KNOWN_PHONES:
        _known.popitem(last=False)
    return phone


def forget_phone(phone: Possession) -> None:
    """*phone*, of which no active enrollment is left, is a stranger from now on."""
    if _known.get(phone.enrollment_id) is phone:
        del _known[phone.enrollment_id]


# By enrollment, what good proofs were checked against. That the enrollment is still active is not in it.
_known: OrderedDict[int, Possession] = OrderedDict()


def _fault(phone: Possession, message: bytes, signature: str) -> BadSignature | None:
    """Why *signature* is not the phone's over *message*; None if it is."""
    try:
        load_device_key(phone.device_key).verify(message, signature)
    except BadSignature as refused:
        return refused
    return None


async def _is_proved(work: Work, phone: Possession) -> None:
    work.prove_actor(Actor.DEVICE, str(phone.enrollment_id), phone.organization_id)
    await work.meter.proved(enrollment_subject(phone.enrollment_id))
