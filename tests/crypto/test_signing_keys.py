import pytest

from server.crypto.encoding import b64url_decode, b64url_encode
from server.crypto.signing_keys import ALGORITHM, SigningKey, generate
from tests.crypto.signed_messages import is_signed_by_integration, payload_of
from tests.vectors import REFUSED, VALID, WIRE, Vector

KEY = WIRE["keys"]["integration"]
SEED = bytes.fromhex(KEY["seedHex"])


@pytest.mark.parametrize(
    "vector", [vector for vector in VALID if vector.signer == "integration"], ids=lambda vector: vector.id
)
def test_every_signature_of_the_vectors_is_made_again(vector: Vector) -> None:
    signature = SigningKey(SEED).sign(payload_of(vector.kind, vector.input))

    assert signature == vector.signature
    assert is_signed_by_integration(vector.public_key, vector.payload.encode(), signature)


@pytest.mark.parametrize(
    "vector", [vector for vector in REFUSED if vector.signer == "integration"], ids=lambda vector: vector.id
)
def test_a_changed_message_needs_another_signature(vector: Vector) -> None:
    assert not is_signed_by_integration(vector.public_key, vector.payload.encode(), vector.signature)
    assert SigningKey(SEED).sign(vector.payload.encode()) != vector.signature


def test_the_public_key_is_43_characters_of_base64url() -> None:
    key = SigningKey(SEED)

    assert key.public_key == KEY["publicKeyBase64Url"]
    assert b64url_decode(key.public_key) == bytes.fromhex(KEY["publicKeyHex"])
    assert len(key.public_key) == 43
    assert {vector.input["integrationKeyAlgorithm"] for vector in VALID if "bind" in vector.kind} == {
        ALGORITHM
    }


def test_a_signature_is_86_characters_of_base64url() -> None:
    assert len(SigningKey(SEED).sign(b"")) == 86


def test_a_new_key_signs_under_its_own_public_half() -> None:
    seed, public = generate()
    key = SigningKey(seed)

    assert (len(seed), len(public)) == (32, 32)
    assert key.public_key == b64url_encode(public)
    assert is_signed_by_integration(key.public_key, b"message", key.sign(b"message"))
    assert generate() != (seed, public)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32"):
        SigningKey(bytes(size))


def test_a_key_shows_its_public_half_only() -> None:
    seed, _ = generate()
    key = SigningKey(seed)

    assert repr(key) == f"<SigningKey {key.public_key}>"
    assert not hasattr(key, "__dict__")
