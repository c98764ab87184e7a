"""Every message that an integration signs, against the published vectors."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from countersign import signatures
from countersign.errors import AmbiguousPayloadError, BadSignatureError
from countersign.signatures import verify_integration_signature

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
TOKEN = "ZZMEAu9LwTHsurj7Kpbu2w7xwUYfSUHYYc3aKjzk8Eg.ctFFEr__TSfUpwTSUtLvJQ"


def build(kind: str, said: dict[str, Any]) -> bytes:
    """The message of *kind* with the members that an answer named in camelCase."""
    match kind:
        case "bind-response/10-segments" | "bind-response/12-segments":
            system = {}
            if kind.endswith("12-segments"):
                system = {
                    "is_system_integration": said["isSystemIntegration"],
                    "admin_type": said["adminType"],
                }
            return signatures.bind_response(
                enrollment_proof_token=said["enrollmentProofToken"],
                enrollment_id=said["enrollmentId"],
                integration_public_key=said["integrationPublicKey"],
                integration_key_algorithm=said["integrationKeyAlgorithm"],
                integration_name=said["integrationName"],
                integration_description=said["integrationDescription"],
                enrollment_name=said["enrollmentName"],
                tenant_id=said["tenantId"],
                tenant_name=said["tenantName"],
                tenant_description=said["tenantDescription"],
                **system,
            )
        case "verify-response":
            return signatures.verify_response(
                enrollment_proof_token=said["enrollmentProofToken"],
                enrollment_id=said["enrollmentId"],
                enrollment_verify_message=said["enrollmentVerifyMessage"],
            )
        case "instance-info-response":
            return signatures.instance_info_response(
                enrollment_proof_token=said["enrollmentProofToken"],
                enrollment_id=said["enrollmentId"],
                auth_api_public_base_url=said["authApiPublicBaseUrl"],
                instance_name=said["instanceName"],
                instance_description=said["instanceDescription"],
                about_url=said["aboutUrl"],
            )
        case "pending-response":
            return signatures.pending_response(
                auth_attempt_proof_token=said["authAttemptProofToken"],
                auth_attempt_challenge_required=said["authAttemptChallengeRequired"],
                context_title=said["contextTitle"],
                context_message=said["contextMessage"],
            )
        case "respond-response":
            return signatures.respond_response(
                auth_attempt_proof_token=said["authAttemptProofToken"],
                auth_attempt_id=said["authAttemptId"],
                auth_attempt_result=said["authAttemptResult"],
                auth_attempt_message=said["authAttemptMessage"],
            )
    raise AssertionError(kind)


def ids(vector: dict[str, Any]) -> str:
    return str(vector["id"])


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=ids)
def test_a_published_message_is_built_to_the_byte_and_its_signature_verifies(vector: dict[str, Any]) -> None:
    message = build(vector["kind"], vector["input"])

    assert message.hex() == vector["payloadUtf8Hex"]
    verify_integration_signature(vector["publicKey"], message, vector["signature"])


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=ids)
def test_one_changed_byte_anywhere_is_refused(vector: dict[str, Any]) -> None:
    message = bytes.fromhex(vector["payloadUtf8Hex"])

    for position in range(len(message)):
        changed = message[:position] + bytes([message[position] ^ 1]) + message[position + 1 :]
        with pytest.raises(BadSignatureError):
            verify_integration_signature(vector["publicKey"], changed, vector["signature"])


@pytest.mark.parametrize("vector", VECTORS["negative"], ids=ids)
def test_a_published_forgery_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(BadSignatureError):
        verify_integration_signature(vector["publicKey"], vector["payload"].encode(), vector["signature"])


def test_another_key_is_refused() -> None:
    vector = VECTORS["vectors"][0]
    other = base64.urlsafe_b64encode(bytes(SigningKey(bytes(32)).verify_key)).decode().rstrip("=")

    with pytest.raises(BadSignatureError):
        verify_integration_signature(other, vector["payload"].encode(), vector["signature"])


@pytest.mark.parametrize(
    "misspell",
    [
        lambda text: text + "==",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda _: "",
        lambda text: text[:-1] + "é",
        lambda text: text[:-1] + "\ud800",
        lambda text: text[:5] + "+" + text[6:],
        # The unused bits of the last character, which a lenient decoder drops.
        lambda text: text[:-1] + chr(ord(text[-1]) + 1),
    ],
)
@pytest.mark.parametrize("part", ["publicKey", "signature"])
def test_another_spelling_of_key_or_signature_is_refused(part: str, misspell: Callable[[str], str]) -> None:
    vector = {**VECTORS["vectors"][0]}
    vector[part] = misspell(vector[part])

    with pytest.raises(BadSignatureError):
        verify_integration_signature(vector["publicKey"], vector["payload"].encode(), vector["signature"])


def test_a_message_that_reads_two_ways_is_not_built() -> None:
    one, other = VECTORS["ambiguity"]["interpretations"]

    with pytest.raises(AmbiguousPayloadError):
        signatures.pending_response(
            auth_attempt_proof_token=TOKEN,
            auth_attempt_challenge_required=False,
            context_title=other["contextTitle"],
            context_message=other["contextMessage"],
        )
    message = signatures.pending_response(
        auth_attempt_proof_token=TOKEN,
        auth_attempt_challenge_required=False,
        context_title=one["contextTitle"],
        context_message=one["contextMessage"],
    )
    assert message.decode() == VECTORS["ambiguity"]["payload"]
