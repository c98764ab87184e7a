"""Every signed message as one canonical byte string.

    the integration signs                the device signs
    ├── bind_response                    ├── verify_request
    ├── verify_response                  ├── pending_request
    ├── instance_info                    ├── respond_request
    ├── pending_response                 └── push_address_request
    └── respond_response

Segments are joined by `|` without spaces or escapes, in UTF-8. A flag is `true` or `false`, a number is
decimal, an absent text is an empty segment. Names, descriptions, messages and context are brought to
Unicode NFC; tokens, keys, ids, words of the protocol and the base URL are signed as they stand. Parameters
carry the wire's names.

Nothing is escaped, so only the last segment may contain `|`: elsewhere one byte string could be read as two
messages, and the builder refuses it. The single segment of a pending request has no `|` either, so that no
other message of a device can be passed off as one.

Source: docs/protocol/wire.md, sections 0.1, 2 and 3.0; vectors in tests/vectors/wire.json.
"""

import re
from typing import Literal
from unicodedata import normalize

AdminType = Literal["GLOBAL_ADMIN", "TENANT_ADMIN"]


# What the bind response of 12 segments has after the tenant description.
_END_OF_12 = re.compile(r"[^|]*\|(true|false)\|(|GLOBAL_ADMIN|TENANT_ADMIN)")


class AmbiguousPayload(ValueError):
    """The fields have no canonical form of their own, so nothing is signed or verified over them."""


# --- the integration signs -------------------------------------------------------------------------


def bind_response(
    *,
    enrollment_proof_token: str,
    enrollment_id: int,
    integration_public_key: str,
    integration_key_algorithm: str = "ed25519",
    integration_name: str | None,
    integration_description: str | None,
    enrollment_name: str | None,
    tenant_id: int | None,
    tenant_name: str | None,
    tenant_description: str | None,
    is_system_integration: bool | None = None,
    admin_type: AdminType | None = None,
) -> bytes:
    """What the integration signs when a device binds: 12 segments, or 10 for the older form.

    Args:
        enrollment_proof_token: As it is in the answer.
        enrollment_id: A positive int32.
        integration_public_key: 43 characters of Base64URL, as in the answer.
        integration_key_algorithm: As in the answer.
        integration_name: Brought to NFC, like the other names and descriptions.
        integration_description: None when the answer has none.
        enrollment_name: None when the answer has none.
        tenant_id: None when the answer has none.
        tenant_name: None when the answer has none.
        tenant_description: None when the answer has none. It may contain `|` where it is last, in the form of
            10, unless it then reads like the end of the form of 12.
        is_system_integration: None for the form of 10 segments, which has neither this nor the next.
        admin_type: The last of 12 segments; None is an empty one.

    Raises:
        AmbiguousPayload: A segment other than the last contains `|`, one form could be read as the other, a
            text has no UTF-8 form, or there is an admin type without the flag that goes before it.
    """
    segments = [
        enrollment_proof_token,
        str(enrollment_id),
        integration_public_key,
        integration_key_algorithm,
        _text(integration_name),
        _text(integration_description),
        _text(enrollment_name),
        "" if tenant_id is None else str(tenant_id),
        _text(tenant_name),
        _text(tenant_description),
    ]
    if is_system_integration is not None:
        segments += [_flag(is_system_integration), admin_type or ""]
    elif admin_type is not None:
        raise AmbiguousPayload("the form of 10 segments has no admin type")
    elif _END_OF_12.fullmatch(segments[-1]):
        raise AmbiguousPayload("the tenant description reads like the end of the form of 12 segments")
    return _joined(*segments)


def verify_response(
    *, enrollment_proof_token: str, enrollment_id: int, enrollment_verify_message: str | None
) -> bytes:
    """What the integration signs when an enrollment is verified. The message may contain `|`.

    Raises:
        AmbiguousPayload: The token contains `|`, or a text has no UTF-8 form.
    """
    return _joined(enrollment_proof_token, str(enrollment_id), "VERIFIED", _text(enrollment_verify_message))


def instance_info(
    *,
    enrollment_proof_token: str,
    enrollment_id: int,
    auth_api_public_base_url: str | None,
    instance_name: str | None,
    instance_description: str | None,
    about_url: str | None,
) -> bytes:
    """What the integration signs of the instance. The base URL is not normalised; the about URL is.

    Raises:
        AmbiguousPayload: A segment other than the about URL contains `|`, or a text has no UTF-8 form.
    """
    return _joined(
        enrollment_proof_token,
        str(enrollment_id),
        "INSTANCE_INFO",
        auth_api_public_base_url or "",
        _text(instance_name),
        _text(instance_description),
        _text(about_url),
    )


def pending_response(
    *,
    auth_attempt_proof_token: str,
    auth_attempt_challenge_required: bool,
    context_title: str | None,
    context_message: str | None,
) -> bytes:
    """What the integration signs of a waiting attempt. The context message may contain `|`, the title not.

    Raises:
        AmbiguousPayload: The token or the title contains `|`, or a text has no UTF-8 form.
    """
    return _joined(
        auth_attempt_proof_token,
        _flag(auth_attempt_challenge_required),
        _text(context_title),
        _text(context_message),
    )


def respond_response(
    *,
    auth_attempt_proof_token: str,
    auth_attempt_id: int,
    auth_attempt_result: str,
    auth_attempt_message: str | None,
) -> bytes:
    """What the integration signs of an attempt's result. The message may contain `|`.

    Raises:
        AmbiguousPayload: The token contains `|`, or a text has no UTF-8 form.
    """
    return _joined(
        auth_attempt_proof_token, str(auth_attempt_id), auth_attempt_result, _text(auth_attempt_message)
    )


# --- the device signs ------------------------------------------------------------------------------


def verify_request(
    *, enrollment_proof_token: str, enrollment_id: int, challenge_response: int, device_public_key: str
) -> bytes:
    """What a device signs to prove the key it brings; *device_public_key* is the text exactly as sent.

    Raises:
        AmbiguousPayload: The token contains `|`, or a text has no UTF-8 form.
    """
    return _joined(enrollment_proof_token, str(enrollment_id), str(challenge_response), device_public_key)


def pending_request(*, device_proof_token: str) -> bytes:
    """What a device signs when it polls: the bare token.

    Raises:
        AmbiguousPayload: The token contains `|`, or has no UTF-8 form.
    """
    if "|" in device_proof_token:
        raise AmbiguousPayload("a device proof token does not contain '|'")
    return _joined(device_proof_token)


def respond_request(*, auth_attempt_proof_token: str, auth_attempt_accepted: bool) -> bytes:
    """What a device signs to answer. The reason of a denial is outside the signature.

    Raises:
        AmbiguousPayload: The token contains `|`, or a text has no UTF-8 form.
    """
    return _joined(auth_attempt_proof_token, _flag(auth_attempt_accepted))


def push_address_request(*, device_proof_token: str, provider: str, address: str) -> bytes:
    """What a device signs to say where it can be pushed to. The address may contain `|`.

    Raises:
        AmbiguousPayload: The token contains `|`, or a text has no UTF-8 form.
    """
    return _joined(device_proof_token, "PUSH_ADDRESS", provider, address)


# --- segments --------------------------------------------------------------------------------------


def _text(value: str | None) -> str:
    return normalize("NFC", value) if value else ""


def _flag(value: bool) -> str:  # noqa: FBT001 - the flag is the value itself, it chooses nothing
    return "true" if value else "false"


def _joined(*segments: str) -> bytes:
    for position, segment in enumerate(segments[:-1], start=1):
        if "|" in segment:
            raise AmbiguousPayload(f"segment {position} of {len(segments)} contains '|'")
    try:
        return "|".join(segments).encode("utf-8")
    except UnicodeEncodeError:
        raise AmbiguousPayload("a text holds half a surrogate pair and has no UTF-8 form") from None
