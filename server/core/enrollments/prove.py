"""What a phone must show before anything of its enrollment is touched."""

from collections.abc import Callable
from dataclasses import dataclass

from server.base.errors import AppError
from server.base.principal import Actor
from server.base.secret import Secret
from server.core.enrollments.store import Possession, select_possession
from server.core.work import Work
from server.crypto.device_keys import BadSignature, load_device_key
from server.crypto.tokens import digest, is_proof_token


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
    work: Work, proof: DeviceProof, signed: Callable[[str], bytes], refusal: AppError
) -> Possession:
    """The active enrollment whose proof token and device key the caller holds.

    A device proof token that is malformed or spent is refused like a wrong one. The request is counted
    against the enrollment when the proof is good, against the client's address when it is not.

    Args:
        signed: What the phone signed, from its device proof token.
        refusal: What is raised, whatever is wrong with the proof.

    Raises:
        TooManyRequests: The enrollment's phone asks too often.

    Source: docs/protocol/wire.md, 3.1 (pending), 0.5 and 0.14.
    """
    device_token = proof.device_token.reveal()
    possession = None
    if is_proof_token(device_token):
        possession = await select_possession(
            work.conn, proof.enrollment_id, digest(proof.proof_token.reveal()), digest(device_token), work.now
        )
    if possession is None:
        await work.meter.unproved()
        raise refusal
    try:
        load_device_key(possession.device_key).verify(signed(device_token), proof.signature)
    except BadSignature as refused:
        await work.meter.unproved()
        raise refusal from refused
    work.prove_actor(Actor.DEVICE, str(possession.enrollment_id), possession.organization_id)
    await work.meter.proved(enrollment_subject(possession.enrollment_id))
    if possession.token_spent:
        raise refusal
    return possession
