"""All signed messages as a table, and parties that sign: what the tests of payloads and keys share."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import nacl.signing
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from nacl.exceptions import BadSignatureError

from server.crypto import payloads
from server.crypto.device_keys import BadSignature, DeviceKey, parse_device_key
from server.crypto.encoding import b64url_decode
from server.crypto.signing_keys import SigningKey
from tests.vectors import WIRE

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Fields = Mapping[str, Any]

BUILDERS: Mapping[str, Callable[..., bytes]] = {
    "bind-response/10-segments": payloads.bind_response,
    "bind-response/12-segments": payloads.bind_response,
    "verify-response": payloads.verify_response,
    "instance-info-response": payloads.instance_info,
    "pending-response": payloads.pending_response,
    "respond-response": payloads.respond_response,
    "verify-request": payloads.verify_request,
    "pending-request": payloads.pending_request,
    "respond-request": payloads.respond_request,
    "push-address-request": payloads.push_address_request,
}
INTEGRATION_KINDS = tuple(kind for kind in BUILDERS if "-request" not in kind)
DEVICE_KINDS = tuple(kind for kind in BUILDERS if "-request" in kind)

# Fields whose text is brought to NFC, so that two spellings of a letter are the same message.
NORMALIZED = frozenset(
    {
        "integrationName",
        "integrationDescription",
        "enrollmentName",
        "tenantName",
        "tenantDescription",
        "enrollmentVerifyMessage",
        "authAttemptMessage",
        "contextTitle",
        "contextMessage",
        "instanceName",
        "instanceDescription",
        "aboutUrl",
    }
)


def payload_of(kind: str, fields: Fields) -> bytes:
    """The bytes of a message from its fields by their names on the wire, through the builder of its kind."""
    # The outcome of a verify response is a word of the protocol, not a field of the answer.
    arguments = {_snake_case(name): value for name, value in fields.items() if name != "outcome"}
    return BUILDERS[kind](**arguments)


def _snake_case(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


class Integration:
    """The integration of the vectors: signs with the server's code, is checked with PyNaCl alone."""

    def __init__(self) -> None:
        self._key = SigningKey(bytes.fromhex(WIRE["keys"]["integration"]["seedHex"]))

    def sign(self, message: bytes) -> str:
        """The signature as it goes into an answer."""
        return self._key.sign(message)

    def accepts(self, message: bytes, signature: str) -> bool:
        """What a phone would say of the signature."""
        return is_signed_by_integration(self._key.public_key, message, signature)


def is_signed_by_integration(public_key: str, message: bytes, signature: str) -> bool:
    try:
        nacl.signing.VerifyKey(b64url_decode(public_key)).verify(message, b64url_decode(signature))
    except (BadSignatureError, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Device:
    """A device of the vectors: signs with the libraries alone, is checked with the server's code.

    The same message always gets the same signature, with P-256 too (RFC 6979).
    """

    key: DeviceKey
    sign_bytes: Callable[[bytes], bytes]

    def sign(self, message: bytes) -> str:
        """The signature as it goes into a request."""
        return base64.b64encode(self.sign_bytes(message)).decode()

    def accepts(self, message: bytes, signature: str) -> bool:
        """What the server says of the signature."""
        return is_accepted(self.key, message, signature)


def is_accepted(key: DeviceKey, message: bytes, signature: str) -> bool:
    try:
        key.verify(message, signature)
    except BadSignature:
        return False
    return True


def _p256_device() -> Device:
    private = load_der_private_key(base64.b64decode(WIRE["keys"]["device_p256"]["pkcs8Base64"]), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return encode_dss_signature(r, min(s, P256_ORDER - s))

    return Device(parse_device_key(WIRE["keys"]["device_p256"]["publicKeySpkiBase64"]), sign)


def _ed25519_device() -> Device:
    private = nacl.signing.SigningKey(bytes.fromhex(WIRE["keys"]["device_ed25519"]["seedHex"]))
    return Device(
        parse_device_key(WIRE["keys"]["device_ed25519"]["publicKeySpkiBase64"]),
        lambda message: private.sign(message).signature,
    )


INTEGRATION = Integration()
P256_DEVICE = _p256_device()
ED25519_DEVICE = _ed25519_device()
SIGNERS: Mapping[str, Integration | Device] = {
    "integration": INTEGRATION,
    "device-p256": P256_DEVICE,
    "device-ed25519": ED25519_DEVICE,
}


def spki_of(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
