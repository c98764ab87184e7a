"""A phone says where it can be woken."""

from dataclasses import dataclass

from server.base.errors import EnrollmentPushAddressFailed
from server.base.secret import Secret
from server.core.audit.events import Event
from server.core.enrollments.model import PushProvider, push_address_purpose
from server.core.enrollments.prove import DeviceProof, prove_possession
from server.core.enrollments.store import (
    delete_push_address,
    insert_spent_proof,
    lock_push_address,
    update_push_address,
)
from server.core.work import Work
from server.crypto.payloads import push_address_request
from server.crypto.tokens import digest


@dataclass(frozen=True, slots=True)
class RegisterPushAddress:
    """The push service, the phone's address there, and the phone's proof over both."""

    proof: DeviceProof
    provider: PushProvider
    address: Secret


async def register_push_address(work: Work, command: RegisterPushAddress) -> None:
    """The phone is woken at this address and at no other; whoever had the address before has none.

    Raises:
        EnrollmentPushAddressFailed: The proof is not good, or its device token is spent: all alike.

    Source: docs/protocol/wire.md, 0.1.
    """
    address = command.address.reveal()

    def signed(device_token: str) -> bytes:
        return push_address_request(
            device_proof_token=device_token, provider=command.provider, address=address
        )

    phone = await prove_possession(work, command.proof, signed, EnrollmentPushAddressFailed)
    enrollment_id = phone.enrollment_id
    address_digest = digest(address)
    # The enrollment before the spent token, as a poll takes them.
    await lock_push_address(work.conn, enrollment_id, command.provider, address_digest)
    if not await insert_spent_proof(
        work.conn, enrollment_id, digest(command.proof.device_token.reveal()), work.now
    ):
        raise EnrollmentPushAddressFailed
    for other_id, organization_id in await delete_push_address(
        work.conn, enrollment_id, command.provider, address_digest, work.now
    ):
        work.record(
            Event(
                "enrollment.push_address_moved_away",
                "enrollment",
                str(other_id),
                organization_id,
                data={"provider": command.provider},
            )
        )
    sealed = work.keys.seal(address.encode(), push_address_purpose(enrollment_id))
    if not await update_push_address(
        work.conn, enrollment_id, command.provider, address_digest, sealed, work.now
    ):
        raise EnrollmentPushAddressFailed
    work.record(
        Event(
            "enrollment.push_address_registered",
            "enrollment",
            str(enrollment_id),
            phone.organization_id,
            data={"provider": command.provider},
        )
    )
