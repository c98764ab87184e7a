"""A phone asks what waits for it, and sends its owner's answer."""

from typing import Self

from server.base.errors import AttemptBindingFailed, AttemptStateConflict
from server.base.secret import Secret
from server.core.auth_attempts.deliver import FetchPending, PendingAttempt, fetch_pending
from server.core.auth_attempts.model import DenyReason, asked_topic
from server.core.auth_attempts.respond import (
    AnsweredAttempt,
    AttemptResult,
    RespondToAttempt,
    respond_to_attempt,
)
from server.core.enrollments.prove import DeviceProof
from server.surfaces.ezkey_device.surface import surface
from server.surfaces.kit.body import CamelBody, Int32
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import ANSWERS, POLLS
from server.surfaces.kit.performing import perform_at_once, perform_until
from server.surfaces.kit.reading import preferred_wait_seconds, read
from server.surfaces.kit.replying import reply
from server.surfaces.kit.surface import HOT

MAX_WAIT_SECONDS = 50


class PendingRequest(CamelBody):
    """The phone's proof; it signs the device proof token alone."""

    enrollment_id: Int32
    enrollment_proof_token: str
    device_proof_token: str
    device_proof_token_signed: str

    def command(self) -> FetchPending:
        """What is asked for."""
        return FetchPending(
            DeviceProof(
                self.enrollment_id,
                Secret(self.enrollment_proof_token),
                Secret(self.device_proof_token),
                self.device_proof_token_signed,
            )
        )


class PendingResponse(CamelBody):
    """What the phone shows its owner, signed by the integration. Absent texts are empty segments."""

    auth_attempt_id: int
    auth_attempt_proof_token: str
    auth_attempt_proof_token_signed_by_integration: str
    auth_attempt_challenge_required: bool
    context_title: str | None
    context_message: str | None

    @classmethod
    def of(cls, waiting: PendingAttempt) -> Self:
        """What the phone checks and shows."""
        return cls(
            auth_attempt_id=waiting.id,
            auth_attempt_proof_token=waiting.proof_token,
            auth_attempt_proof_token_signed_by_integration=waiting.signature,
            auth_attempt_challenge_required=waiting.challenge_required,
            context_title=waiting.context_title,
            context_message=waiting.context_message,
        )


class RespondRequest(CamelBody):
    """The owner's decision, signed by the phone together with the attempt's proof token."""

    auth_attempt_id: Int32
    auth_attempt_accepted: bool
    auth_attempt_proof_token_signed_by_device: str
    auth_attempt_challenge_response: Int32 | None = None
    auth_attempt_deny_reason: DenyReason | None = None

    def command(self) -> RespondToAttempt:
        """What is asked for."""
        return RespondToAttempt(
            attempt_id=self.auth_attempt_id,
            accepted=self.auth_attempt_accepted,
            signature=self.auth_attempt_proof_token_signed_by_device,
            challenge_response=self.auth_attempt_challenge_response,
            deny_reason=self.auth_attempt_deny_reason,
        )


class RespondResponse(CamelBody):
    """What the answer came to, signed by the integration unless the attempt is unknown."""

    auth_attempt_id: int
    auth_attempt_result: AttemptResult
    auth_attempt_message: str
    auth_attempt_proof_token_result_signed_by_integration: str | None

    @classmethod
    def of(cls, answered: AnsweredAttempt) -> Self:
        """What the phone checks and shows."""
        return cls(
            auth_attempt_id=answered.attempt_id,
            auth_attempt_result=answered.result,
            auth_attempt_message=answered.message,
            auth_attempt_proof_token_result_signed_by_integration=answered.signature,
        )


@surface.post(
    "/auth-attempts/pending",
    guard=anyone,
    limit=POLLS,
    lane=HOT,
    takes=PendingRequest,
    gives={200: PendingResponse, 204: None},
    refuses=(AttemptBindingFailed,),
)
async def pending() -> Response:
    """POST /api/v1/auth-attempts/pending: what is waiting for this phone, if anything.

    `Prefer: wait=N` (RFC 7240, 4.3; at most 50) holds the answer until something is, or N seconds passed.
    """
    body = await read(PendingRequest)
    wait_seconds = preferred_wait_seconds(MAX_WAIT_SECONDS)
    waiting = await perform_until(
        fetch_pending, body.command(), topics=[asked_topic(body.enrollment_id)], wait_seconds=wait_seconds
    )
    honoured = (("Preference-Applied", f"wait={wait_seconds}"),) if wait_seconds else ()
    if waiting is None:
        return Response(204, headers=honoured)
    return reply(PendingResponse.of(waiting), headers=honoured)


@surface.post(
    "/auth-attempts/respond",
    guard=anyone,
    limit=ANSWERS,
    lane=HOT,
    takes=RespondRequest,
    gives={200: RespondResponse},
    refuses=(AttemptStateConflict,),
)
async def respond() -> Response:
    """POST /api/v1/auth-attempts/respond: the owner approves or denies."""
    body = await read(RespondRequest)
    answered = await perform_at_once(respond_to_attempt, body.command())
    return reply(RespondResponse.of(answered))
