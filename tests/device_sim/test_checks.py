"""Which signatures hold: the vectors, and everything near them."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from device_sim.checks import BadSignature, verify_device_signature, verify_integration_signature
from device_sim.keys import P256Key, new_device_key
from tests.vectors import REFUSED, VALID, WIRE, Vector


def check(vector: Vector) -> None:
    verify = verify_integration_signature if vector.signer == "integration" else verify_device_signature
    verify(vector.public_key, vector.payload.encode(), vector.signature)


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector.id)
def test_every_valid_vector_holds(vector: Vector) -> None:
    check(vector)


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector.id)
def test_every_negative_vector_is_refused(vector: Vector) -> None:
    with pytest.raises(BadSignature):
        check(vector)


def test_the_ambiguous_string_is_signed_so_only_reading_it_strictly_helps() -> None:
    ambiguity = WIRE["ambiguity"]

    verify_integration_signature(
        ambiguity["publicKey"], ambiguity["payload"].encode(), ambiguity["signature"]
    )


@pytest.mark.parametrize("vector", VALID[::4], ids=lambda vector: vector.id)
def test_one_byte_more_less_or_other_is_refused(vector: Vector) -> None:
    verify = verify_integration_signature if vector.signer == "integration" else verify_device_signature
    payload = vector.payload.encode()
    for changed in (payload + b" ", payload[:-1], bytes([payload[0] ^ 1]) + payload[1:], b""):
        with pytest.raises(BadSignature):
            verify(vector.public_key, changed, vector.signature)


def test_a_key_or_signature_in_another_encoding_is_refused() -> None:
    vector = next(vector for vector in VALID if vector.signer == "integration")
    message = vector.payload.encode()
    for key, signature in (
        (vector.public_key + "=", vector.signature),
        (vector.public_key[:-1], vector.signature),
        (vector.public_key, vector.signature + "=="),
        (vector.public_key, vector.signature[:-4]),
        (vector.public_key, vector.signature + "\n"),
        (vector.public_key, "é" + vector.signature),
    ):
        with pytest.raises(BadSignature):
            verify_integration_signature(key, message, signature)


def test_the_reason_says_what_was_found() -> None:
    key = new_device_key()
    signature = key.sign(b"message")
    for public_key, given, reason in (
        ("AAAA", signature, "no public key"),
        (key.public_key, "AAAA", "not DER"),
        (key.public_key, base64.b64encode(base64.b64decode(signature) + b"\0").decode(), "not DER"),
        (key.public_key, signature.rstrip("=") + "-", "not standard Base64"),
        (new_device_key().public_key, signature, "not this key's signature"),
        (WIRE["negative"][7]["publicKey"], signature, "neither P-256"),
    ):
        with pytest.raises(BadSignature, match=reason):
            verify_device_signature(public_key, b"message", given)


def test_a_compressed_point_is_refused() -> None:
    """The same key in its second encoding would be a second identity."""
    private = ec.derive_private_key(7, ec.SECP256R1())
    point = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    header = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    signature = P256Key((7).to_bytes(32)).sign(b"message")

    with pytest.raises(BadSignature, match="uncompressed"):
        verify_device_signature(base64.b64encode(header + point).decode(), b"message", signature)
