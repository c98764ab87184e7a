"""What a signature covers: every character of every field of every message, and only its own kind.

The property that the protocol stands on, for both directions and both kinds of device key.
"""

from collections.abc import Mapping
from itertools import permutations
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from server.crypto.payloads import AmbiguousPayload
from tests.crypto.signed_messages import (
    DEVICE_KINDS,
    ED25519_DEVICE,
    INTEGRATION,
    INTEGRATION_KINDS,
    NORMALIZED,
    P256_DEVICE,
    SIGNERS,
    Device,
    Fields,
    Integration,
    payload_of,
)
from tests.vectors import VALID, WIRE, Vector

Signer = Integration | Device

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TOKENS = st.builds(
    "{}.{}".format,
    st.text(alphabet=BASE64URL, min_size=43, max_size=43),
    st.text(alphabet=BASE64URL, min_size=22, max_size=22),
)
IDS = st.integers(1, 2**31 - 1)
# Few characters, chosen to be mistaken for structure, and pieces that compose under NFC.
TEXTS = st.one_of(
    st.none(), st.text(alphabet="ab1| \né\u0301\u1112\u1161銀🔐", max_size=8), st.text(max_size=8)
)
DEVICE_KEYS = st.sampled_from(
    [
        WIRE["keys"]["device_p256"]["publicKeySpkiBase64"],
        WIRE["keys"]["device_ed25519"]["publicKeySpkiBase64"],
    ]
)
ADDRESSES = st.text(alphabet=BASE64URL + ":|", min_size=1, max_size=40)

_BIND = {
    "enrollmentProofToken": TOKENS,
    "enrollmentId": IDS,
    "integrationPublicKey": st.text(alphabet=BASE64URL, min_size=43, max_size=43),
    "integrationKeyAlgorithm": st.just("ed25519"),
    "integrationName": TEXTS,
    "integrationDescription": TEXTS,
    "enrollmentName": TEXTS,
    "tenantId": st.one_of(st.none(), IDS),
    "tenantName": TEXTS,
    "tenantDescription": st.one_of(TEXTS, st.sampled_from(["|true|", "a|false|GLOBAL_ADMIN", "a|b|true|"])),
}
FIELDS: Mapping[str, Mapping[str, st.SearchStrategy[Any]]] = {
    "bind-response/10-segments": _BIND,
    "bind-response/12-segments": {
        **_BIND,
        "isSystemIntegration": st.booleans(),
        "adminType": st.sampled_from([None, "GLOBAL_ADMIN", "TENANT_ADMIN"]),
    },
    "verify-response": {
        "enrollmentProofToken": TOKENS,
        "enrollmentId": IDS,
        "enrollmentVerifyMessage": TEXTS,
    },
    "instance-info-response": {
        "enrollmentProofToken": TOKENS,
        "enrollmentId": IDS,
        "authApiPublicBaseUrl": st.sampled_from([None, "https://auth.example.com", "http://localhost:8080"]),
        "instanceName": TEXTS,
        "instanceDescription": TEXTS,
        "aboutUrl": TEXTS,
    },
    "pending-response": {
        "authAttemptProofToken": TOKENS,
        "authAttemptChallengeRequired": st.booleans(),
        "contextTitle": TEXTS,
        "contextMessage": TEXTS,
    },
    "respond-response": {
        "authAttemptProofToken": TOKENS,
        "authAttemptId": IDS,
        "authAttemptResult": st.sampled_from(["APPROVED", "DENIED", "FAILED", "EXPIRED"]),
        "authAttemptMessage": TEXTS,
    },
    "verify-request": {
        "enrollmentProofToken": TOKENS,
        "enrollmentId": IDS,
        "challengeResponse": st.integers(100_000, 999_999),
        "devicePublicKey": DEVICE_KEYS,
    },
    "pending-request": {"deviceProofToken": TOKENS},
    "respond-request": {
        "authAttemptProofToken": TOKENS,
        "authAttemptAccepted": st.booleans(),
    },
    "push-address-request": {
        "deviceProofToken": TOKENS,
        "provider": st.sampled_from(["APNS", "FCM"]),
        "address": ADDRESSES,
    },
}

SIGNED_BY = [
    *((kind, INTEGRATION) for kind in INTEGRATION_KINDS),
    *((kind, P256_DEVICE) for kind in DEVICE_KINDS),
    *((kind, ED25519_DEVICE) for kind in DEVICE_KINDS),
]
# Characters that a stranger would put in: structure, digits, look-alikes and whatever else there is.
REPLACEMENTS = st.one_of(st.sampled_from("|0159tfeAZ_-. \n\u0301\u200b"), st.characters())


def _meaning(name: str, value: object) -> str:
    """A field as its reader understands it: absent and empty are one, two spellings of a letter too."""
    if value is None:
        return ""
    return normalize("NFC", str(value)) if name in NORMALIZED else str(value)


def _meanings(fields: Fields) -> dict[str, str]:
    return {name: _meaning(name, value) for name, value in fields.items()}


@st.composite
def _changed(draw: st.DrawFn, value: object) -> object:
    """The value with one character replaced, put in or taken out; a flag is turned, a number stays one."""
    if isinstance(value, bool):
        return not value
    text = "" if value is None else str(value)
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 1)))
    if isinstance(value, int):
        digits = text[:start] + draw(st.sampled_from(["", *"0123456789"])) + text[end:]
        assume(digits)
        return int(digits)
    return text[:start] + draw(st.one_of(st.just(""), REPLACEMENTS)) + text[end:]


@pytest.mark.parametrize(("kind", "signer"), SIGNED_BY)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_one_changed_character_in_any_field_is_refused(
    kind: str, signer: Signer, data: st.DataObject
) -> None:
    fields = data.draw(st.fixed_dictionaries(dict(FIELDS[kind])))
    try:
        signature = signer.sign(payload_of(kind, fields))
    except AmbiguousPayload:
        return  # never signed, so there is nothing to change
    name = data.draw(st.sampled_from(sorted(fields)))
    changed = {**fields, name: data.draw(_changed(fields[name]))}
    assume(_meanings(changed) != _meanings(fields))

    try:
        payload = payload_of(kind, changed)
    except AmbiguousPayload:
        return  # refused before any signature is looked at
    assert not signer.accepts(payload, signature)


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector.id)
def test_each_field_of_each_vector_changed_in_its_middle_is_refused(vector: Vector) -> None:
    """The plain form of the property: no field is left out, whatever a generator would choose."""
    signer = SIGNERS[vector.signer]
    for name, value in vector.input.items():
        if name == "outcome":
            continue
        changed = payload_of(vector.kind, {**vector.input, name: _other(value)})
        assert not signer.accepts(changed, vector.signature), name


def _other(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 if value < 2**31 - 1 else value - 1
    text = "" if value is None else str(value)
    middle = len(text) // 2
    return text[:middle] + ("x" if text[middle : middle + 1] != "x" else "y") + text[middle + 1 :]


@pytest.mark.parametrize(("one", "other"), list(permutations(SIGNED_BY, 2)))
def test_the_signature_of_one_kind_of_message_is_refused_for_another(
    one: tuple[str, Signer], other: tuple[str, Signer]
) -> None:
    """With the fields that both have in common set alike, so that only kind or signer differ."""
    common = {name: value for kind in FIELDS for name, value in _ordinary(kind).items()}
    (kind, signer), (other_kind, other_signer) = one, other
    payload = payload_of(kind, {name: common[name] for name in FIELDS[kind]})
    other_payload = payload_of(other_kind, {name: common[name] for name in FIELDS[other_kind]})
    signature = signer.sign(payload)

    assert signer.accepts(payload, signature)
    assert not other_signer.accepts(other_payload, signature)
    if signer is not other_signer:
        assert not other_signer.accepts(payload, signature)


def _ordinary(kind: str) -> Fields:
    """Fields whose messages come as near to each other as they can: one token, one id, one text."""
    token = "a" * 43 + "." + "b" * 22
    special: Fields = {
        "integrationPublicKey": "c" * 43,
        "integrationKeyAlgorithm": "ed25519",
        "authApiPublicBaseUrl": None,
        "authAttemptResult": "APPROVED",
        "devicePublicKey": WIRE["keys"]["device_p256"]["publicKeySpkiBase64"],
        "provider": "APNS",
        "address": "true",
        "isSystemIntegration": True,
        "authAttemptChallengeRequired": True,
        "authAttemptAccepted": True,
        "adminType": None,
    }

    def value(name: str) -> object:
        if name in special:
            return special[name]
        if name.endswith("ProofToken"):
            return token
        return 123456 if name.endswith("Id") or name == "challengeResponse" else "true"

    return {name: value(name) for name in FIELDS[kind]}


@pytest.mark.parametrize("kinds", [INTEGRATION_KINDS, DEVICE_KINDS], ids=["integration", "device"])
@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_no_two_messages_of_one_signer_are_the_same_bytes(
    kinds: tuple[str, ...], data: st.DataObject
) -> None:
    """What makes a signature mean one thing: from the bytes, kind and fields follow."""
    one, other = data.draw(st.sampled_from(kinds)), data.draw(st.sampled_from(kinds))
    fields = data.draw(st.fixed_dictionaries(dict(FIELDS[one])))
    # The other message says as much as it can of what the first one says.
    near = {
        name: st.one_of(st.just(fields[name]), values) if name in fields else values
        for name, values in FIELDS[other].items()
    }
    other_fields = data.draw(st.fixed_dictionaries(near))
    assume((one, _meanings(fields)) != (other, _meanings(other_fields)))

    try:
        assert payload_of(one, fields) != payload_of(other, other_fields)
    except AmbiguousPayload:
        return


@pytest.mark.parametrize("token", ["a|true", "a|false", "a|1|123456|key", "a|PUSH_ADDRESS|FCM|address"])
def test_no_answer_of_a_device_passes_for_the_token_of_a_poll(token: str) -> None:
    with pytest.raises(AmbiguousPayload):
        payload_of("pending-request", {"deviceProofToken": token})
