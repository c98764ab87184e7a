"""What the instance says of itself."""

from typing import Self

from server.base.errors import EnrollmentInstanceInfoFailed
from server.base.secret import Secret
from server.core.enrollments.instance_info import (
    ReadSignedInstanceInfo,
    SignedInstanceInfo,
    read_signed_instance_info,
)
from server.core.instance.info import InstanceInfo, read_instance_info
from server.surfaces.ezkey_device.surface import surface
from server.surfaces.kit.body import CamelBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import BINDS, UNLIMITED
from server.surfaces.kit.performing import perform_at_once
from server.surfaces.kit.reading import read
from server.surfaces.kit.replying import reply


class PublicInstanceInfoResponse(CamelBody):
    """The instance's public words; null where nothing was set."""

    omits_nulls = False

    auth_api_public_base_url: str | None
    instance_name: str
    instance_description: str | None
    about_url: str | None

    @classmethod
    def of(cls, info: InstanceInfo) -> Self:
        """What anyone may know."""
        return cls(
            auth_api_public_base_url=info.auth_api_public_base_url,
            instance_name=info.instance_name,
            instance_description=info.instance_description,
            about_url=info.about_url,
        )


class InstanceInfoRequest(CamelBody):
    """The proof token of an active enrollment."""

    enrollment_proof_token: str

    def command(self) -> ReadSignedInstanceInfo:
        """What is asked for."""
        return ReadSignedInstanceInfo(Secret(self.enrollment_proof_token))


class InstanceInfoResponse(CamelBody):
    """The instance's words, signed for one enrollment; null where nothing was set."""

    omits_nulls = False

    enrollment_id: int
    auth_api_public_base_url: str | None
    instance_name: str
    instance_description: str | None
    about_url: str | None
    instance_info_payload_signed_by_integration: str

    @classmethod
    def of(cls, signed: SignedInstanceInfo) -> Self:
        """What the phone checks and keeps."""
        return cls(
            enrollment_id=signed.enrollment_id,
            auth_api_public_base_url=signed.info.auth_api_public_base_url,
            instance_name=signed.info.instance_name,
            instance_description=signed.info.instance_description,
            about_url=signed.info.about_url,
            instance_info_payload_signed_by_integration=signed.signature,
        )


@surface.get("/public/instance-info", guard=anyone, limit=UNLIMITED, gives={200: PublicInstanceInfoResponse})
async def public_instance_info() -> Response:
    """GET /api/v1/public/instance-info: the instance's name and URLs, for anyone."""
    info = await perform_at_once(read_instance_info, None)
    return reply(PublicInstanceInfoResponse.of(info))


@surface.post(
    "/enrollments/instance-info",
    guard=anyone,
    limit=BINDS,
    takes=InstanceInfoRequest,
    gives={200: InstanceInfoResponse},
    refuses=(EnrollmentInstanceInfoFailed,),
)
async def signed_instance_info() -> Response:
    """POST /api/v1/enrollments/instance-info: the instance's name and URLs, signed for an enrollment."""
    body = await read(InstanceInfoRequest)
    signed = await perform_at_once(read_signed_instance_info, body.command())
    return reply(InstanceInfoResponse.of(signed))
