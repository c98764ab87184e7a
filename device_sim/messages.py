"""The canonical string of every signed message, as a device reads the protocol.

A string is its segments joined by a single `|`, in UTF-8, with no escaping. Written here a second time, on
purpose and from the protocol page alone: the server has its own, and the two check each other.

Source: docs/protocol/wire.md, sections 0.1, 0.12, 2 and 3.0; vectors in tests/vectors/wire.json.
"""

import unicodedata
from dataclasses import dataclass
from typing import Literal

MessageKind = Literal[
    "bind-response",
    "verify-response",
    "instance-info-response",
    "pending-response",
    "respond-response",
    "verify-request",
    "pending-request",
    "respond-request",
    "push-address-request",
]
DenyReason = Literal["MISTAKE", "FRAUD"]
PushProvider = Literal["APNS", "FCM"]

SEPARATOR = "|"
SECRET_SEGMENTS = frozenset(
    {"enrollmentProofToken", "deviceProofToken", "authAttemptProofToken", "challengeResponse"}
)


class AmbiguousMessage(ValueError):
    """A segment before the last contains `|`: the string could be read in two ways."""


@dataclass(frozen=True, slots=True)
class SignedString:
    """What one signature covers: a kind of message and its named segments, in order."""

    kind: MessageKind
    segments: tuple[tuple[str, str], ...]

    def canonical(self) -> bytes:
        """The exact bytes to sign or to verify.

        Raises:
            AmbiguousMessage: A segment other than the last contains `|`.
            UnicodeEncodeError: A segment holds half a surrogate pair and has no UTF-8.
        """
        for name, text in self.segments[:-1]:
            if SEPARATOR in text:
                raise AmbiguousMessage(
                    f"{name} is not the last segment and contains '|', so it could be read in two ways"
                )
        return SEPARATOR.join(text for _, text in self.segments).encode()

    def shown(self) -> tuple[tuple[str, str], ...]:
        """The segments for a person to read: proof tokens and challenges are masked."""
        return tuple(
            (name, f"(secret, {len(text)} characters)" if name in SECRET_SEGMENTS else text)
            for name, text in self.segments
        )


def bind_response(
    *,
    enrollment_proof_token: str,
    enrollment_id: int,
    integration_public_key: str,
    integration_key_algorithm: str,
    integration_name: str | None,
    integration_description: str | None,
    enrollment_name: str | None,
    tenant_id: int | None,
    tenant_name: str | None,
    tenant_description: str | None,
    is_system_integration: bool | None = None,
    admin_type: str | None = None,
) -> SignedString:
    """What the integration signs at bind: 12 segments if *is_system_integration* is given, else 10."""
    segments = [
        ("enrollmentProofToken", enrollment_proof_token),
        ("enrollmentId", str(enrollment_id)),
        ("integrationPublicKey", integration_public_key),
        ("integrationKeyAlgorithm", integration_key_algorithm),
        ("integrationName", _text(integration_name)),
        ("integrationDescription", _text(integration_description)),
        ("enrollmentName", _text(enrollment_name)),
        ("tenantId", "" if tenant_id is None else str(tenant_id)),
        ("tenantName", _text(tenant_name)),
        ("tenantDescription", _text(tenant_description)),
    ]
    if is_system_integration is not None:
        segments += [("isSystemIntegration", _flag(is_system_integration)), ("adminType", admin_type or "")]
    return SignedString("bind-response", tuple(segments))


def verify_response(
    *, enrollment_proof_token: str, enrollment_id: int, enrollment_verify_message: str
) -> SignedString:
    """What the integration signs when an enrollment is verified."""
    return SignedString(
        "verify-response",
        (
            ("enrollmentProofToken", enrollment_proof_token),
            ("enrollmentId", str(enrollment_id)),
            ("outcome", "VERIFIED"),
            ("enrollmentVerifyMessage", _text(enrollment_verify_message)),
        ),
    )


def instance_info(
    *,
    enrollment_proof_token: str,
    enrollment_id: int,
    auth_api_public_base_url: str | None,
    instance_name: str | None,
    instance_description: str | None,
    about_url: str | None,
) -> SignedString:
    """What the integration signs about the instance."""
    return SignedString(
        "instance-info-response",
        (
            ("enrollmentProofToken", enrollment_proof_token),
            ("enrollmentId", str(enrollment_id)),
            ("purpose", "INSTANCE_INFO"),
            ("authApiPublicBaseUrl", auth_api_public_base_url or ""),
            ("instanceName", _text(instance_name)),
            ("instanceDescription", _text(instance_description)),
            ("aboutUrl", _text(about_url)),
        ),
    )


def pending_response(
    *,
    auth_attempt_proof_token: str,
    auth_attempt_challenge_required: bool,
    context_title: str | None,
    context_message: str | None,
) -> SignedString:
    """What the integration signs when it asks."""
    return SignedString(
        "pending-response",
        (
            ("authAttemptProofToken", auth_attempt_proof_token),
            ("authAttemptChallengeRequired", _flag(auth_attempt_challenge_required)),
            ("contextTitle", _text(context_title)),
            ("contextMessage", _text(context_message)),
        ),
    )


def respond_response(
    *,
    auth_attempt_proof_token: str,
    auth_attempt_id: int,
    auth_attempt_result: str,
    auth_attempt_message: str,
) -> SignedString:
    """What the integration signs about an answer."""
    return SignedString(
        "respond-response",
        (
            ("authAttemptProofToken", auth_attempt_proof_token),
            ("authAttemptId", str(auth_attempt_id)),
            ("authAttemptResult", auth_attempt_result),
            ("authAttemptMessage", _text(auth_attempt_message)),
        ),
    )


def verify_request(
    *, enrollment_proof_token: str, enrollment_id: int, challenge_response: int, device_public_key: str
) -> SignedString:
    """What the device signs to finish its enrollment; *device_public_key* exactly as it is sent."""
    return SignedString(
        "verify-request",
        (
            ("enrollmentProofToken", enrollment_proof_token),
            ("enrollmentId", str(enrollment_id)),
            ("challengeResponse", str(challenge_response)),
            ("devicePublicKey", device_public_key),
        ),
    )


def pending_request(*, device_proof_token: str) -> SignedString:
    """What the device signs to ask what is waiting: the bare token."""
    return SignedString("pending-request", (("deviceProofToken", device_proof_token),))


def respond_request(*, auth_attempt_proof_token: str, accepted: bool) -> SignedString:
    """What the device signs to answer. Why it denies is outside the signature."""
    return SignedString(
        "respond-request",
        (("authAttemptProofToken", auth_attempt_proof_token), ("authAttemptAccepted", _flag(accepted))),
    )


def push_address_request(*, device_proof_token: str, provider: PushProvider, address: str) -> SignedString:
    """What the device signs to say where pushes reach it."""
    return SignedString(
        "push-address-request",
        (
            ("deviceProofToken", device_proof_token),
            ("purpose", "PUSH_ADDRESS"),
            ("provider", provider),
            ("address", address),
        ),
    )


def _text(text: str | None) -> str:
    return unicodedata.normalize("NFC", text) if text else ""


def _flag(value: bool) -> str:  # noqa: FBT001 - the value is the point
    return "true" if value else "false"
