"""The builders against the vectors, and what they refuse."""

import hashlib
from typing import Any

import pytest

from server.crypto.payloads import AmbiguousPayload
from tests.crypto.signed_messages import BUILDERS, INTEGRATION, NORMALIZED, payload_of
from tests.vectors import VALID, WIRE, Vector

BIND: dict[str, Any] = {
    "enrollmentProofToken": "ept",
    "enrollmentId": 7,
    "integrationPublicKey": "ipk",
    "integrationKeyAlgorithm": "ed25519",
    "integrationName": "iName",
    "integrationDescription": "iDesc",
    "enrollmentName": "eName",
    "tenantId": 3,
    "tenantName": "tName",
    "tenantDescription": "tDesc",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "bind-response/10-segments": BIND,
    "bind-response/12-segments": {**BIND, "isSystemIntegration": True, "adminType": "TENANT_ADMIN"},
    "verify-response": {
        "enrollmentProofToken": "ept",
        "enrollmentId": 7,
        "enrollmentVerifyMessage": "message",
    },
    "instance-info-response": {
        "enrollmentProofToken": "ept",
        "enrollmentId": 7,
        "authApiPublicBaseUrl": "url",
        "instanceName": "name",
        "instanceDescription": "description",
        "aboutUrl": "about",
    },
    "pending-response": {
        "authAttemptProofToken": "apt",
        "authAttemptChallengeRequired": True,
        "contextTitle": "title",
        "contextMessage": "message",
    },
    "respond-response": {
        "authAttemptProofToken": "apt",
        "authAttemptId": 9,
        "authAttemptResult": "DENIED",
        "authAttemptMessage": "message",
    },
    "verify-request": {
        "enrollmentProofToken": "ept",
        "enrollmentId": 7,
        "challengeResponse": 123456,
        "devicePublicKey": "key",
    },
    "pending-request": {"deviceProofToken": "dpt"},
    "respond-request": {"authAttemptProofToken": "apt", "authAttemptAccepted": False},
    "push-address-request": {"deviceProofToken": "dpt", "provider": "FCM", "address": "address"},
}
LAST = {
    "bind-response/10-segments": "tenantDescription",
    "bind-response/12-segments": "adminType",
    "verify-response": "enrollmentVerifyMessage",
    "instance-info-response": "aboutUrl",
    "pending-response": "contextMessage",
    "respond-response": "authAttemptMessage",
    "verify-request": "devicePublicKey",
    "push-address-request": "address",
}


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector.id)
def test_every_vector_is_rebuilt_to_the_byte(vector: Vector) -> None:
    payload = payload_of(vector.kind, vector.input)
    entry = next(entry for entry in WIRE["vectors"] if entry["id"] == vector.id)

    assert payload == vector.payload.encode() == bytes.fromhex(entry["payloadUtf8Hex"])
    assert len(payload) == entry["payloadUtf8Length"]
    assert hashlib.sha256(payload).hexdigest() == entry["payloadUtf8Sha256"]


def test_the_vectors_hold_every_kind_but_the_extension_of_ours() -> None:
    assert {vector.kind for vector in VALID} == BUILDERS.keys() - {"push-address-request"}


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("bind-response/10-segments", "ept|7|ipk|ed25519|iName|iDesc|eName|3|tName|tDesc"),
        ("bind-response/12-segments", "ept|7|ipk|ed25519|iName|iDesc|eName|3|tName|tDesc|true|TENANT_ADMIN"),
        ("verify-response", "ept|7|VERIFIED|message"),
        ("instance-info-response", "ept|7|INSTANCE_INFO|url|name|description|about"),
        ("pending-response", "apt|true|title|message"),
        ("respond-response", "apt|9|DENIED|message"),
        ("verify-request", "ept|7|123456|key"),
        ("pending-request", "dpt"),
        ("respond-request", "apt|false"),
        ("push-address-request", "dpt|PUSH_ADDRESS|FCM|address"),
    ],
)
def test_segments_stand_in_the_order_of_the_protocol(kind: str, payload: str) -> None:
    assert payload_of(kind, EXAMPLES[kind]) == payload.encode()


def test_an_admin_type_without_its_flag_is_refused() -> None:
    with pytest.raises(AmbiguousPayload):
        payload_of("bind-response/10-segments", {**BIND, "adminType": "GLOBAL_ADMIN"})


def _text_fields() -> list[tuple[str, str]]:
    return [
        (kind, name) for kind, fields in EXAMPLES.items() for name in fields if isinstance(fields[name], str)
    ]


@pytest.mark.parametrize(("kind", "name"), [pair for pair in _text_fields() if LAST.get(pair[0]) != pair[1]])
def test_a_bar_in_a_segment_that_is_not_last_is_refused(kind: str, name: str) -> None:
    with pytest.raises(AmbiguousPayload):
        payload_of(kind, {**EXAMPLES[kind], name: "a|b"})


@pytest.mark.parametrize(("kind", "name"), LAST.items())
def test_a_bar_in_the_last_segment_is_signed(kind: str, name: str) -> None:
    assert payload_of(kind, {**EXAMPLES[kind], name: "a|b|"}).endswith(b"|a|b|")


@pytest.mark.parametrize("end", ["|true|", "x|false|", "x|true|GLOBAL_ADMIN", "a\nb|false|TENANT_ADMIN"])
def test_a_tenant_description_cannot_turn_the_form_of_10_into_the_form_of_12(end: str) -> None:
    with pytest.raises(AmbiguousPayload):
        payload_of("bind-response/10-segments", {**BIND, "tenantDescription": end})


@pytest.mark.parametrize("description", ["a|b", "a|true", "a|b|true|", "a|true|OWNER", "a|TRUE|"])
def test_other_bars_in_the_description_of_a_tenant_are_signed_in_the_form_of_10(description: str) -> None:
    payload = payload_of("bind-response/10-segments", {**BIND, "tenantDescription": description})
    assert payload.endswith(description.encode())


@pytest.mark.parametrize(("kind", "name"), _text_fields())
def test_half_a_surrogate_pair_is_refused(kind: str, name: str) -> None:
    with pytest.raises(AmbiguousPayload):
        payload_of(kind, {**EXAMPLES[kind], name: "a\ud83d"})


@pytest.mark.parametrize(("kind", "name"), _text_fields())
def test_names_messages_and_context_are_brought_to_nfc_and_nothing_else_is(kind: str, name: str) -> None:
    decomposed, composed = "Cafe\u0301 \u1112\u1161\u11ab".encode(), "Café 한".encode()
    payload = payload_of(kind, {**EXAMPLES[kind], name: decomposed.decode()})

    assert (composed in payload) == (name in NORMALIZED)
    assert (decomposed in payload) == (name not in NORMALIZED)


@pytest.mark.parametrize("name", sorted(NORMALIZED | {"tenantId", "authApiPublicBaseUrl"}))
def test_an_absent_text_is_an_empty_segment(name: str) -> None:
    for kind in (kind for kind, fields in EXAMPLES.items() if name in fields):
        with_text = payload_of(kind, EXAMPLES[kind]).split(b"|")
        without = payload_of(kind, {**EXAMPLES[kind], name: None}).split(b"|")

        changed = [position for position, segment in enumerate(without) if segment != with_text[position]]
        assert len(without) == len(with_text)
        assert [without[position] for position in changed] == [b""]


def test_of_two_answers_under_one_signature_only_one_is_ever_signed() -> None:
    """The one whose title has no bar."""
    ambiguity = WIRE["ambiguity"]
    token, flag, _ = ambiguity["payload"].split("|", 2)
    built = []
    for reading in ambiguity["interpretations"]:
        fields = {"authAttemptProofToken": token, "authAttemptChallengeRequired": flag == "true", **reading}
        if "|" in reading["contextTitle"]:
            with pytest.raises(AmbiguousPayload):
                payload_of("pending-response", fields)
        else:
            built.append(payload_of("pending-response", fields))

    assert built == [ambiguity["payload"].encode()]
    assert INTEGRATION.accepts(built[0], ambiguity["signature"])
