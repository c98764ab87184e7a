import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from device_sim.checks import verify_device_signature
from device_sim.keys import (
    P256_ORDER,
    Algorithm,
    Ed25519Key,
    P256Key,
    load_device_key,
    new_device_key,
)
from tests.vectors import VALID, WIRE, Vector

P256 = P256Key(bytes.fromhex(WIRE["keys"]["device_p256"]["privateScalarHex"]))
ED25519 = Ed25519Key(bytes.fromhex(WIRE["keys"]["device_ed25519"]["seedHex"]))

P256_VECTORS = [vector for vector in VALID if vector.signer == "device-p256"]
ED25519_VECTORS = [vector for vector in VALID if vector.signer == "device-ed25519"]
ALGORITHMS: tuple[Algorithm, ...] = ("P-256", "Ed25519")


def test_public_keys_are_encoded_as_in_the_vectors() -> None:
    assert P256.public_key == WIRE["keys"]["device_p256"]["publicKeySpkiBase64"]
    assert ED25519.public_key == WIRE["keys"]["device_ed25519"]["publicKeySpkiBase64"]


@pytest.mark.parametrize("vector", ED25519_VECTORS, ids=lambda vector: vector.id)
def test_ed25519_signatures_equal_the_vectors(vector: Vector) -> None:
    assert ED25519.sign(vector.payload.encode()) == vector.signature


@pytest.mark.parametrize("vector", P256_VECTORS, ids=lambda vector: vector.id)
def test_p256_signatures_verify_and_have_the_low_s(vector: Vector) -> None:
    """Eight signatures each: a key that did not lower s would pass one time in two hundred and fifty-six."""
    for _ in range(8):
        signature = P256.sign(vector.payload.encode())
        _, s = decode_dss_signature(base64.b64decode(signature))

        assert s <= P256_ORDER // 2
        verify_device_signature(P256.public_key, vector.payload.encode(), signature)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_comes_back_from_what_is_kept_of_it(algorithm: Algorithm) -> None:
    key = new_device_key(algorithm)
    loaded = load_device_key(key.algorithm, key.private_key)

    assert loaded.public_key == key.public_key
    assert loaded.algorithm == algorithm
    verify_device_signature(key.public_key, b"message", loaded.sign(b"message"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_fresh_keys_differ(algorithm: Algorithm) -> None:
    assert new_device_key(algorithm).public_key != new_device_key(algorithm).public_key


@pytest.mark.parametrize(
    ("algorithm", "raw"),
    [
        ("P-384", bytes(32)),
        ("P-256", bytes(32)),
        ("P-256", P256_ORDER.to_bytes(32)),
        ("P-256", bytes(31)),
        ("Ed25519", bytes(33)),
    ],
)
def test_what_is_no_private_key_is_refused(algorithm: str, raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_device_key(algorithm, base64.b64encode(raw).decode())


def test_a_private_key_does_not_show_itself() -> None:
    for key in (P256, ED25519):
        assert key.private_key not in repr(key)
        assert repr(key).endswith("Key(…)")


def test_an_ed25519_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Ed25519Key(bytes(31))
