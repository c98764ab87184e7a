"""What each answer of the server says, and what its signature covers. Nothing here is believed yet.

Source: docs/protocol/wire.md, sections 3.0 and 3.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from device_sim import messages
from device_sim.auth_api import Answer
from device_sim.enrollment import Binding, Enrollment, InstanceInfo, Outcome, PendingAttempt, Result
from device_sim.messages import SignedString

T = TypeVar("T")

OUTCOMES: Mapping[str, Outcome] = {
    "APPROVED": "APPROVED",
    "DENIED": "DENIED",
    "FAILED": "FAILED",
    "EXPIRED": "EXPIRED",
}


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """An answer, read.

    Args:
        value: What it says.
        string: What its signature must cover.
        signature: The signature that came with it, or None.
        objection: Why it is refused even under a right signature, or None.
    """

    value: T
    string: SignedString
    signature: str | None
    objection: str | None = None


def read_bind(answer: Answer, enrollment: Enrollment) -> Reading[Binding]:
    """The answer to bind: 12 segments are signed if `isSystemIntegration` is there, else 10."""
    binding = Binding(
        integration_public_key=answer.text("integrationPublicKey"),
        integration_name=answer.optional_text("integrationName"),
        integration_description=answer.optional_text("integrationDescription"),
        enrollment_name=answer.optional_text("enrollmentName"),
        tenant_id=answer.optional_identifier("tenantId"),
        tenant_name=answer.optional_text("tenantName"),
        tenant_description=answer.optional_text("tenantDescription"),
        is_system_integration=answer.optional_flag("isSystemIntegration"),
        admin_type=answer.optional_text("adminType"),
    )
    algorithm = answer.text("integrationKeyAlgorithm")
    enrollment_id = answer.identifier("enrollmentId")
    proof_token = answer.text("enrollmentProofToken")
    objection = None
    if algorithm != "ed25519":
        objection = "integrationKeyAlgorithm is not ed25519"
    elif (enrollment_id, proof_token) != (enrollment.enrollment_id, enrollment.proof_token):
        objection = "it binds another enrollment than the invitation's"
    return Reading(
        binding,
        messages.bind_response(
            enrollment_proof_token=proof_token,
            enrollment_id=enrollment_id,
            integration_public_key=binding.integration_public_key,
            integration_key_algorithm=algorithm,
            integration_name=binding.integration_name,
            integration_description=binding.integration_description,
            enrollment_name=binding.enrollment_name,
            tenant_id=binding.tenant_id,
            tenant_name=binding.tenant_name,
            tenant_description=binding.tenant_description,
            is_system_integration=binding.is_system_integration,
            admin_type=binding.admin_type,
        ),
        answer.optional_text("enrollmentBindPayloadSignedByIntegration"),
        objection,
    )


def read_verify(answer: Answer, enrollment: Enrollment) -> Reading[str]:
    """The answer to verify: its message. `active` is under no signature; only true is taken."""
    message = answer.text("enrollmentVerifyMessage")
    active = answer.flag("active")
    return Reading(
        message,
        messages.verify_response(
            enrollment_proof_token=enrollment.proof_token,
            enrollment_id=enrollment.enrollment_id,
            enrollment_verify_message=message,
        ),
        answer.optional_text("enrollmentVerifyPayloadSignedByIntegration"),
        None if active else "it is a success that says active is false",
    )


def read_instance_info(answer: Answer, enrollment: Enrollment) -> Reading[InstanceInfo]:
    """The signed answer about the instance."""
    info = InstanceInfo(
        auth_api_public_base_url=answer.optional_text("authApiPublicBaseUrl"),
        instance_name=answer.optional_text("instanceName"),
        instance_description=answer.optional_text("instanceDescription"),
        about_url=answer.optional_text("aboutUrl"),
    )
    enrollment_id = answer.identifier("enrollmentId")
    return Reading(
        info,
        messages.instance_info(
            enrollment_proof_token=enrollment.proof_token,
            enrollment_id=enrollment_id,
            auth_api_public_base_url=info.auth_api_public_base_url,
            instance_name=info.instance_name,
            instance_description=info.instance_description,
            about_url=info.about_url,
        ),
        answer.optional_text("instanceInfoPayloadSignedByIntegration"),
        None if enrollment_id == enrollment.enrollment_id else "it is about another enrollment",
    )


def read_pending(answer: Answer) -> Reading[PendingAttempt]:
    """The answer to pending, when something waits."""
    attempt = PendingAttempt(
        attempt_id=answer.identifier("authAttemptId"),
        proof_token=answer.text("authAttemptProofToken"),
        challenge_required=answer.flag("authAttemptChallengeRequired"),
        title=answer.optional_text("contextTitle"),
        message=answer.optional_text("contextMessage"),
    )
    return Reading(
        attempt,
        messages.pending_response(
            auth_attempt_proof_token=attempt.proof_token,
            auth_attempt_challenge_required=attempt.challenge_required,
            context_title=attempt.title,
            context_message=attempt.message,
        ),
        answer.optional_text("authAttemptProofTokenSignedByIntegration"),
    )


def read_respond(answer: Answer, attempt: PendingAttempt, *, accepted: bool) -> Reading[Result]:
    """The answer to respond. Without a signature its outcome is FAILED, whatever it claims."""
    attempt_id = answer.identifier("authAttemptId")
    claimed = answer.text("authAttemptResult")
    message = answer.text("authAttemptMessage")
    signature = answer.optional_text("authAttemptProofTokenResultSignedByIntegration")
    proven = signature is not None
    objection = None
    if attempt_id != attempt.attempt_id:
        objection = "it is about another attempt"
    elif claimed not in OUTCOMES:
        objection = f"authAttemptResult is none of {', '.join(OUTCOMES)}"
    elif claimed == ("DENIED" if accepted else "APPROVED"):
        objection = f"the device {'approved' if accepted else 'denied'}, and it says {claimed}"
    outcome = OUTCOMES.get(claimed, "FAILED") if proven else "FAILED"
    return Reading(
        Result(attempt.attempt_id, outcome, message, proven=proven),
        messages.respond_response(
            auth_attempt_proof_token=attempt.proof_token,
            auth_attempt_id=attempt_id,
            auth_attempt_result=claimed,
            auth_attempt_message=message,
        ),
        signature,
        objection,
    )
