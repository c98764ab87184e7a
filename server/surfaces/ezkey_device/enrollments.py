"""A phone binds itself to an enrollment, verifies, and says where it can be woken."""

from typing import Annotated, Self

from pydantic import Field

from server.base.errors import (
    EnrollmentAlreadyBound,
    EnrollmentBindingFailed,
    EnrollmentPushAddressFailed,
    EnrollmentStateConflict,
    EnrollmentVerifyFailed,
)
from server.base.secret import Secret
from server.core.enrollments.bind import BindEnrollment, BoundEnrollment, bind_enrollment
from server.core.enrollments.model import PushProvider, StorageTier
from server.core.enrollments.prove import DeviceProof
from server.core.enrollments.push_address import RegisterPushAddress, register_push_address
from server.core.enrollments.verify import VerifiedEnrollment, VerifyEnrollment, verify_enrollment
from server.surfaces.ezkey_device.surface import surface
from server.surfaces.kit.body import CamelBody, Int32
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import BINDS, PUSH_ADDRESSES, VERIFIES
from server.surfaces.kit.performing import perform
from server.surfaces.kit.reading import read
from server.surfaces.kit.replying import no_content, reply

MAX_PUSH_ADDRESS_LENGTH = 4096


class BindRequest(CamelBody):
    """What stands in the invitation's QR."""

    enrollment_id: Int32
    enrollment_proof_token: str

    def command(self) -> BindEnrollment:
        """What is asked for."""
        return BindEnrollment(self.enrollment_id, Secret(self.enrollment_proof_token))


class BindResponse(CamelBody):
    """Whose invitation it is, signed by the integration. Absent members are empty segments."""

    enrollment_id: int
    enrollment_proof_token: str
    integration_public_key: str
    integration_key_algorithm: str
    integration_name: str
    integration_description: str | None
    enrollment_name: str
    tenant_id: int
    tenant_name: str
    tenant_description: str | None
    is_system_integration: bool | None
    enrollment_bind_payload_signed_by_integration: str

    @classmethod
    def of(cls, bound: BoundEnrollment) -> Self:
        """What the phone checks and keeps."""
        return cls(
            enrollment_id=bound.enrollment_id,
            enrollment_proof_token=bound.proof_token.reveal(),
            integration_public_key=bound.integration_public_key,
            integration_key_algorithm=bound.integration_key_algorithm,
            integration_name=bound.integration_name,
            integration_description=bound.integration_description,
            enrollment_name=bound.enrollment_name,
            tenant_id=bound.tenant_id,
            tenant_name=bound.tenant_name,
            tenant_description=bound.tenant_description,
            is_system_integration=bound.is_system_integration,
            enrollment_bind_payload_signed_by_integration=bound.signature,
        )


class VerifyRequest(CamelBody):
    """The phone's key and the number that its owner typed, signed with that key."""

    enrollment_id: Int32
    challenge_response: Int32
    device_public_key: str
    enrollment_proof_token_signed: str
    device_private_key_storage_tier: StorageTier | None = None

    def command(self) -> VerifyEnrollment:
        """What is asked for."""
        return VerifyEnrollment(
            enrollment_id=self.enrollment_id,
            challenge_response=self.challenge_response,
            device_public_key=self.device_public_key,
            signature=self.enrollment_proof_token_signed,
            storage_tier=self.device_private_key_storage_tier,
        )


class VerifyResponse(CamelBody):
    """The enrollment is active."""

    active: bool
    enrollment_verify_message: str
    enrollment_verify_payload_signed_by_integration: str

    @classmethod
    def of(cls, verified: VerifiedEnrollment) -> Self:
        """What the phone checks and shows."""
        return cls(
            active=True,
            enrollment_verify_message=verified.message,
            enrollment_verify_payload_signed_by_integration=verified.signature,
        )


class PushAddressRequest(CamelBody):
    """Where the phone can be woken, signed with the device proof token."""

    enrollment_id: Int32
    enrollment_proof_token: str
    provider: PushProvider
    address: Annotated[str, Field(min_length=1, max_length=MAX_PUSH_ADDRESS_LENGTH)]
    device_proof_token: str
    device_proof_token_signed: str

    def command(self) -> RegisterPushAddress:
        """What is asked for."""
        return RegisterPushAddress(
            proof=DeviceProof(
                self.enrollment_id,
                Secret(self.enrollment_proof_token),
                Secret(self.device_proof_token),
                self.device_proof_token_signed,
            ),
            provider=self.provider,
            address=Secret(self.address),
        )


@surface.post(
    "/enrollments/bind",
    guard=anyone,
    limit=BINDS,
    takes=BindRequest,
    gives={200: BindResponse},
    refuses=(
        EnrollmentBindingFailed,
        EnrollmentAlreadyBound,
    ),
)
async def bind() -> Response:
    """POST /api/v1/enrollments/bind: the phone learns whose invitation it scanned, once."""
    body = await read(BindRequest)
    bound = await perform(bind_enrollment, body.command())
    return reply(BindResponse.of(bound))


@surface.post(
    "/enrollments/verify",
    guard=anyone,
    limit=VERIFIES,
    takes=VerifyRequest,
    gives={200: VerifyResponse},
    refuses=(
        EnrollmentVerifyFailed,
        EnrollmentStateConflict,
    ),
)
async def verify() -> Response:
    """POST /api/v1/enrollments/verify: the phone registers its key, and the enrollment is active."""
    body = await read(VerifyRequest)
    verified = await perform(verify_enrollment, body.command())
    return reply(VerifyResponse.of(verified))


@surface.post(
    "/enrollments/push-address",
    guard=anyone,
    limit=PUSH_ADDRESSES,
    takes=PushAddressRequest,
    gives={204: None},
    refuses=(EnrollmentPushAddressFailed,),
)
async def push_address() -> Response:
    """POST /api/v1/enrollments/push-address: the phone is woken at this address from now on."""
    body = await read(PushAddressRequest)
    await perform(register_push_address, body.command())
    return no_content()
