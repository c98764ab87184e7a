"""Evidence: did an integration's key sign this message?

Phones receive answers that the server signs with the integration's key. Somebody who is shown such an
answer later, in a dispute or an audit, can check it here: put the message together again from its members,
and verify the signature over it. The client needs none of this, and no answer of the integration API carries
a signature.

    signed = pending_response(auth_attempt_proof_token=…, auth_attempt_challenge_required=True,
                              context_title="Payment", context_message="40 € to Bob")
    verify_integration_signature(integration_public_key, signed, signature)

Parameters are named as the members of the answers. Names, descriptions and messages are put into Unicode NFC;
None and "" are the same empty segment.

Source: docs/protocol/wire.md, sections 2 and 3.0; vectors in tests/vectors.json.
"""

import base64
from typing import Final, Literal
from unicodedata import normalize

from nacl.exceptions import BadSignatureError as NaclBadSignatureError
from nacl.signing import VerifyKey

from countersign.errors import AmbiguousPayloadError, BadSignatureError

_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


def verify_integration_signature(integration_public_key: str, message: bytes, signature: str) -> None:
    """Accept *signature* as the integration's over *message*, or raise.

    Args:
        integration_public_key: The Ed25519 public key as the integration published it or as bind gave it:
            32 bytes in base64url without padding, 43 characters. Take it from where you trust it, not from
            the evidence itself.
        message: The exact bytes that one of the functions below returns; nothing is normalised here.
        signature: 64 bytes in base64url without padding, 86 characters.

    Raises:
        BadSignatureError: The key or the signature is not well formed, or it is not this key's over this
            message.

    Source: RFC 8032, section 5.1.7.
    """
    key = _decode(integration_public_key, _KEY_BYTES, "public key")
    try:
        VerifyKey(key).verify(message, _decode(signature, _SIGNATURE_BYTES, "signature"))
    except NaclBadSignatureError:
        raise BadSignatureError("The signature is not this key's over this message") from None


def bind_response(
    *,
    enrollment_proof_token: str,
    enrollment_id: int,
    integration_public_key: str,
    integration_key_algorithm: str = "ed25519",
    integration_name: str | None = None,
    integration_description: str | None = None,
    enrollment_name: str | None = None,
    tenant_id: int | None = None,
    tenant_name: str | None = None,
    tenant_description: str | None = None,
    is_system_integration: bool | None = None,
    admin_type: str | None = None,
) -> bytes:
    """What is signed when a phone is bound: 12 segments if *is_system_integration* is given, otherwise 10.

    Raises:
        AmbiguousPayloadError: A segment other than the last contains `|`.
    """
    segments = [
        enrollment_proof_token,
        str(enrollment_id),
        integration_public_key,
        integration_key_algorithm,
        _nfc(integration_name),
        _nfc(integration_description),
        _nfc(enrollment_name),
        "" if tenant_id is None else str(tenant_id),
        _nfc(tenant_name),
        _nfc(tenant_description),
    ]
    if is_system_integration is not None:
        segments += [_boolean(is_system_integration), admin_type or ""]
    return _joined(*segments)


def verify_response(
    *, enrollment_proof_token: str, enrollment_id: int, enrollment_verify_message: str | None = None
) -> bytes:
    """What is signed when an enrollment has become active.

    Raises:
        AmbiguousPayloadError: A segment other than the last contains `|`.
    """
    return _joined(enrollment_proof_token, str(enrollment_id), "VERIFIED", _nfc(enrollment_verify_message))


def instance_info_response(
    *,
    enrollment_proof_token: str,
    enrollment_id: int,
    auth_api_public_base_url: str | None = None,
    instance_name: str | None = None,
    instance_description: str | None = None,
    about_url: str | None = None,
) -> bytes:
    """What is signed when a phone asks which instance it is enrolled with.

    Raises:
        AmbiguousPayloadError: A segment other than the last contains `|`.
    """
    return _joined(
        enrollment_proof_token,
        str(enrollment_id),
        "INSTANCE_INFO",
        auth_api_public_base_url or "",
        _nfc(instance_name),
        _nfc(instance_description),
        _nfc(about_url),
    )


def pending_response(
    *,
    auth_attempt_proof_token: str,
    auth_attempt_challenge_required: bool,
    context_title: str | None = None,
    context_message: str | None = None,
) -> bytes:
    """What is signed when a phone is given an attempt: exactly what the person was asked.

    Raises:
        AmbiguousPayloadError: A segment other than the last contains `|`.
    """
    return _joined(
        auth_attempt_proof_token,
        _boolean(auth_attempt_challenge_required),
        _nfc(context_title),
        _nfc(context_message),
    )


def respond_response(
    *,
    auth_attempt_proof_token: str,
    auth_attempt_id: int,
    auth_attempt_result: Literal["APPROVED", "DENIED", "FAILED", "EXPIRED"],
    auth_attempt_message: str | None = None,
) -> bytes:
    """What is signed when the server has taken the person's answer.

    Raises:
        AmbiguousPayloadError: A segment other than the last contains `|`.
    """
    return _joined(
        auth_attempt_proof_token, str(auth_attempt_id), auth_attempt_result, _nfc(auth_attempt_message)
    )


def _joined(*segments: str) -> bytes:
    """The segments with `|` between them, in UTF-8. Only the last may contain one itself."""
    if any("|" in segment for segment in segments[:-1]):
        raise AmbiguousPayloadError("A text that is not the message's last contains '|'")
    return "|".join(segments).encode()


def _nfc(text: str | None) -> str:
    return normalize("NFC", text or "")


def _boolean(value: bool) -> str:  # noqa: FBT001 - its only argument
    return "true" if value else "false"


def _decode(text: str, size_bytes: int, what: str) -> bytes:
    """The *size_bytes* bytes that *text* is the one base64url spelling of, without padding."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raw = b""
    # Decoding passes over what is not of the alphabet; only what encodes to the same text again is right.
    if len(raw) != size_bytes or base64.urlsafe_b64encode(raw).rstrip(b"=") != text.encode():
        raise BadSignatureError(f"The {what} is not {size_bytes} bytes in base64url without padding")
    return raw
