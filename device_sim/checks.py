"""Signature checks, as strict as the protocol: each raises, none returns False.

Source: docs/protocol/wire.md, sections 0.2 and 2; RFC 8032, section 5.1.7;
vectors in tests/vectors/wire.json.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from device_sim.encoding import InvalidEncoding, b64_decode, b64url_decode
from device_sim.keys import ED25519_SPKI_PREFIX, P256_ORDER

ED25519_KEY_BYTES = 32
ED25519_SIGNATURE_BYTES = 64
P256_SPKI_BYTES = 91


class BadSignature(ValueError):
    """The signature is not this key's over this message. The text says what was found."""


def verify_integration_signature(public_key: str, message: bytes, signature: str) -> None:
    """Accept *signature* as the integration's over *message*, or raise.

    Args:
        public_key: Ed25519, 32 bytes in URL-safe Base64 without padding (43 characters).
        message: The canonical string's bytes.
        signature: 64 bytes in URL-safe Base64 without padding (86 characters).

    Raises:
        BadSignature: Key or signature is not encoded like this, or the signature is not this key's.
    """
    _verify_ed25519(
        _decoded("the integration's key", b64url_decode, public_key),
        message,
        _decoded("the signature", b64url_decode, signature),
    )


def verify_device_signature(public_key: str, message: bytes, signature: str) -> None:
    """Accept *signature* as the device's over *message*, or raise.

    Args:
        public_key: SPKI DER in standard Base64: P-256 (91 bytes, uncompressed point) or Ed25519 (44 bytes).
        message: The canonical string's bytes.
        signature: In standard Base64: for P-256 strict DER with low `s`, for Ed25519 64 bytes.

    Raises:
        BadSignature: Key or signature is not encoded like this, or the signature is not this key's.
    """
    spki = _decoded("the device's key", b64_decode, public_key)
    raw = _decoded("the signature", b64_decode, signature)
    if spki.startswith(ED25519_SPKI_PREFIX):
        _verify_ed25519(spki.removeprefix(ED25519_SPKI_PREFIX), message, raw)
    else:
        _verify_p256(_p256_key(spki), message, raw)


def _verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> None:
    if len(public_key) != ED25519_KEY_BYTES:
        raise BadSignature(f"an Ed25519 key has 32 bytes, this one has {len(public_key)}")
    if len(signature) != ED25519_SIGNATURE_BYTES:
        raise BadSignature(f"an Ed25519 signature has 64 bytes, this one has {len(signature)}")
    try:
        VerifyKey(public_key).verify(message, signature)
    except BadSignatureError as error:
        raise BadSignature("it is not this key's signature over this string") from error


def _p256_key(spki: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_der_public_key(spki)
    except Exception as error:  # the library raises several unrelated kinds for keys it cannot read
        raise BadSignature("the device's key is no public key") from error
    if (
        not isinstance(key, ec.EllipticCurvePublicKey)
        or not isinstance(key.curve, ec.SECP256R1)
        or len(spki) != P256_SPKI_BYTES
    ):
        raise BadSignature("the device's key is neither P-256 with an uncompressed point nor Ed25519")
    return key


def _verify_p256(key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> None:
    try:
        r, s = decode_dss_signature(signature)
    except ValueError as error:
        raise BadSignature("the signature is not DER") from error
    if encode_dss_signature(r, s) != signature:
        raise BadSignature("the signature is not strict DER")
    if s > P256_ORDER // 2:
        raise BadSignature("the signature's s is the higher of the two")
    try:
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise BadSignature("it is not this key's signature over this string") from error


def _decoded(what: str, decode: Callable[[str], bytes], text: str) -> bytes:
    try:
        return decode(text)
    except InvalidEncoding as error:
        raise BadSignature(f"{what} is {error}") from error
