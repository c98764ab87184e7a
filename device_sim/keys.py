"""The device's own key pairs: what a phone keeps in its keystore.

P-256 is what phones have; Ed25519 is this protocol's extension. The public key's own encoding says which.

Source: docs/protocol/wire.md, sections 0.2 and 2; RFC 5480, RFC 8410, RFC 8032; SEC 1 for P-256.
"""

from typing import Literal, Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from nacl.signing import SigningKey

from device_sim.encoding import b64_decode, b64_encode

Algorithm = Literal["P-256", "Ed25519"]

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
PRIVATE_KEY_BYTES = 32


class Signer(Protocol):
    """Anything that signs like a device; testers make wrong ones."""

    def sign(self, message: bytes) -> str:
        """A signature over *message* in standard Base64."""
        ...


class DeviceKey(Signer, Protocol):
    """A device's key pair. Its `repr` shows the algorithm only."""

    @property
    def algorithm(self) -> Algorithm:
        """Which kind of key this is."""
        ...

    @property
    def public_key(self) -> str:
        """The public half as the wire has it: X.509 SPKI DER (91 or 44 bytes) in standard Base64."""
        ...

    @property
    def private_key(self) -> str:
        """The private half, 32 bytes in standard Base64: P-256's scalar, big-endian, or Ed25519's seed."""
        ...


class P256Key:
    """An EC P-256 key that signs with ECDSA and SHA-256.

    Args:
        private_key: The scalar: 32 bytes, big-endian, between 1 and the order of the curve less 1.

    Raises:
        ValueError: The scalar is out of range.
    """

    __slots__ = ("_key", "public_key")

    algorithm: Algorithm = "P-256"

    def __init__(self, private_key: bytes) -> None:
        self._key = ec.derive_private_key(int.from_bytes(private_key), ec.SECP256R1())
        self.public_key = b64_encode(
            self._key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    @property
    def private_key(self) -> str:
        """The scalar, 32 bytes, big-endian, in standard Base64."""
        return b64_encode(self._key.private_numbers().private_value.to_bytes(PRIVATE_KEY_BYTES))

    def sign(self, message: bytes) -> str:
        """An ECDSA signature over *message*: DER with the lower of the two `s`, in standard Base64."""
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return b64_encode(encode_dss_signature(r, min(s, P256_ORDER - s)))

    def __repr__(self) -> str:
        return "P256Key(…)"


class Ed25519Key:
    """An Ed25519 key.

    Args:
        private_key: The seed, 32 bytes.

    Raises:
        ValueError: The seed has another length.
    """

    __slots__ = ("_key", "public_key")

    algorithm: Algorithm = "Ed25519"

    def __init__(self, private_key: bytes) -> None:
        if len(private_key) != PRIVATE_KEY_BYTES:
            raise ValueError("an Ed25519 seed has 32 bytes")
        self._key = SigningKey(private_key)
        self.public_key = b64_encode(ED25519_SPKI_PREFIX + bytes(self._key.verify_key))

    @property
    def private_key(self) -> str:
        """The seed, 32 bytes, in standard Base64."""
        return b64_encode(bytes(self._key))

    def sign(self, message: bytes) -> str:
        """The Ed25519 signature over *message*: 64 bytes in standard Base64."""
        return b64_encode(self._key.sign(message).signature)

    def __repr__(self) -> str:
        return "Ed25519Key(…)"


def new_device_key(algorithm: Algorithm = "P-256") -> DeviceKey:
    """A fresh key pair from the system's randomness."""
    if algorithm == "Ed25519":
        return Ed25519Key(bytes(SigningKey.generate()))
    scalar = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return P256Key(scalar.to_bytes(PRIVATE_KEY_BYTES))


def load_device_key(algorithm: str, private_key: str) -> DeviceKey:
    """The key pair whose `algorithm` and `private_key` these are.

    Raises:
        ValueError: The algorithm is unknown, or the text is not such a private key.
    """
    raw = b64_decode(private_key)
    if len(raw) != PRIVATE_KEY_BYTES:
        raise ValueError("a private key has 32 bytes")
    if algorithm == "P-256":
        return P256Key(raw)
    if algorithm == "Ed25519":
        return Ed25519Key(raw)
    raise ValueError("the algorithm is neither P-256 nor Ed25519")
