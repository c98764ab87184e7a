"""Public keys of devices: parsed strictly, and verifying.

Two kinds are accepted, and the key's own SPKI says which: EC P-256, because phone keystores hold nothing
else, and Ed25519. Each key has one accepted encoding in bytes, so two keys are the same when their SPKI is.
A check that must not be ignored raises.

Source: docs/protocol/wire.md, sections 0.2 and 2; RFC 5480, RFC 8410, SEC 1.
"""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

from server.crypto.encoding import InvalidEncoding, b64_decode

Algorithm = Literal["P-256", "Ed25519"]

# SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 … } }: a named curve and an
# uncompressed point. 64 bytes of coordinates follow.
_P256_SPKI_START = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_P256_SPKI_SIZE = 91
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P256_HIGHEST_S = _P256_ORDER // 2
_P256_ECDSA = ec.ECDSA(SHA256())

# SEQUENCE { SEQUENCE { id-Ed25519 }, BIT STRING { … } }. 32 bytes of the point follow.
_ED25519_SPKI_START = bytes.fromhex("302a300506032b6570032100")
_ED25519_SPKI_SIZE = 44
_ED25519_SIGNATURE_SIZE = 64

# A parsed P-256 key takes about 2 KiB outside Python's heap.
_KEPT_KEYS = 16_384


class InvalidDeviceKey(ValueError):
    """The key is not an accepted encoding of a P-256 or Ed25519 public key."""


class BadSignature(Exception):
    """The signature is malformed, or is not this key's over this message. It does not say which."""


class DeviceKey(ABC):
    """A device's public key. Two of them are equal when their SPKI is.

    Args:
        spki: The key's SubjectPublicKeyInfo in DER: 91 bytes for P-256, 44 for Ed25519.
    """

    __slots__ = ("spki",)

    algorithm: ClassVar[Algorithm]

    def __init__(self, spki: bytes) -> None:
        self.spki = spki

    @abstractmethod
    def verify(self, message: bytes, signature_base64: str) -> None:
        """Accept *signature_base64* as this key's signature over *message*, or raise.

        Args:
            message: The exact bytes from `payloads`; nothing is normalised here.
            signature_base64: Standard Base64, padding optional. For P-256 the strict DER of ECDSA with
                SHA-256 and a low s; for Ed25519 the 64 bytes of R and S.

        Raises:
            BadSignature: The signature is malformed, or is not this key's over this message.
        """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceKey) and self.spki == other.spki

    def __hash__(self) -> int:
        return hash(self.spki)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.spki.hex()}>"


class P256Key(DeviceKey):
    """An EC key on the named curve P-256."""

    __slots__ = ("_key",)

    algorithm = "P-256"

    def __init__(self, spki: bytes) -> None:
        super().__init__(spki)
        try:
            self._key = ec.EllipticCurvePublicKey.from_encoded_point(
                ec.SECP256R1(), spki[len(_P256_SPKI_START) - 1 :]
            )
        except ValueError:
            raise InvalidDeviceKey("the point is not on P-256") from None

    def verify(self, message: bytes, signature_base64: str) -> None:
        """Accept an ECDSA signature with SHA-256, in its one encoding, or raise.

        Of the two values of s that verify, and of the many encodings of r and s that lax readers know, one
        is accepted: otherwise a stranger could turn one signature into another.

        Source: SEC 1, section 4.1.4; BIP 146 for low s; X.690, section 8.3 for DER integers.
        """
        try:
            signature = b64_decode(signature_base64)
            r, s = decode_dss_signature(signature)
            if not (0 < r < _P256_ORDER and 0 < s <= _P256_HIGHEST_S):
                raise BadSignature
            self._key.verify(signature, message, _P256_ECDSA)
        except (ValueError, InvalidSignature):
            raise BadSignature from None


class Ed25519Key(DeviceKey):
    """An Ed25519 key: our extension of the protocol."""

    __slots__ = ("_point",)

    algorithm = "Ed25519"

    def __init__(self, spki: bytes) -> None:
        super().__init__(spki)
        self._point = spki[len(_ED25519_SPKI_START) :]
        if not crypto_core_ed25519_is_valid_point(self._point):
            raise InvalidDeviceKey("the point is not canonical, or not of the prime-order group")

    def verify(self, message: bytes, signature_base64: str) -> None:
        """Accept a PureEdDSA signature whose S is below the group's order, or raise.

        Source: RFC 8032, section 5.1.7, with the checks of libsodium.
        """
        try:
            signature = b64_decode(signature_base64)
            # The two are joined for libsodium, so a longer one would bring a part of the message with it.
            if len(signature) != _ED25519_SIGNATURE_SIZE:
                raise BadSignature
            crypto_sign_open(signature + message, self._point)
        except (InvalidEncoding, BadSignatureError):
            raise BadSignature from None


def parse_device_key(spki_base64: str) -> DeviceKey:
    """The key that a device sent. It is not remembered: nothing is proved about it yet.

    Args:
        spki_base64: SubjectPublicKeyInfo in standard Base64, padding optional, no PEM armour. The same key
            with and without padding has the same `spki`.

    Raises:
        InvalidDeviceKey: It is not Base64, not the one accepted DER of a P-256 or Ed25519 key, another
            curve or kind of key, or a point that is not on its curve or not of its group.
    """
    try:
        return _parsed(b64_decode(spki_base64))
    except InvalidEncoding:
        raise InvalidDeviceKey("not Base64") from None


@lru_cache(maxsize=_KEPT_KEYS)
def load_device_key(spki: bytes) -> DeviceKey:
    """The key that was kept as *spki*, parsed once for as long as this process remembers it.

    Raises:
        InvalidDeviceKey: As `parse_device_key`.
    """
    return _parsed(spki)


def _parsed(spki: bytes) -> DeviceKey:
    if len(spki) == _P256_SPKI_SIZE and spki.startswith(_P256_SPKI_START):
        return P256Key(spki)
    if len(spki) == _ED25519_SPKI_SIZE and spki.startswith(_ED25519_SPKI_START):
        return Ed25519Key(spki)
    raise InvalidDeviceKey("neither the SPKI of P-256 with an uncompressed point nor that of Ed25519")
