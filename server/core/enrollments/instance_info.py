"""What the instance says of itself to a phone that belongs to it, signed."""

from dataclasses import dataclass

from server.base.errors import EnrollmentInstanceInfoFailed
from server.base.secret import Secret
from server.core.enrollments.store import select_active_by_token
from server.core.instance.info import InstanceInfo, instance_info_of
from server.core.integrations.signing import sign
from server.core.work import Work
from server.crypto.payloads import instance_info
from server.crypto.tokens import digest


@dataclass(frozen=True, slots=True)
class ReadSignedInstanceInfo:
    """The proof token of an active enrollment."""

    proof_token: Secret


@dataclass(frozen=True, slots=True)
class SignedInstanceInfo:
    """The instance's words, and the signature of the enrollment's integration over them."""

    enrollment_id: int
    info: InstanceInfo
    signature: str


async def read_signed_instance_info(work: Work, command: ReadSignedInstanceInfo) -> SignedInstanceInfo:
    """The instance's name, description and URLs as they are now.

    Raises:
        EnrollmentInstanceInfoFailed: No active enrollment has this proof token.

    Source: docs/protocol/wire.md, 3.1 (instance-info).
    """
    token = command.proof_token.reveal()
    found = await select_active_by_token(work.conn, digest(token))
    if found is None:
        await work.meter.unproved()
        raise EnrollmentInstanceInfoFailed
    enrollment_id, signer = found
    info = instance_info_of(work.settings)
    message = instance_info(
        enrollment_proof_token=token,
        enrollment_id=enrollment_id,
        auth_api_public_base_url=info.auth_api_public_base_url,
        instance_name=info.instance_name,
        instance_description=info.instance_description,
        about_url=info.about_url,
    )
    return SignedInstanceInfo(enrollment_id, info, sign(work, signer, message))
