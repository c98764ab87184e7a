"""X.509 certificates that another party is known by: they are read, and their key is strong enough."""

import binascii
import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

LEAST_RSA_BITS = 2048
LEAST_CURVE_BITS = 256

_PEM_LINE = re.compile(r"-----(?:BEGIN|END) CERTIFICATE-----")


class BadCertificate(Exception):
    """It is no X.509 certificate, or its key cannot be used: neither RSA of 2048 bits nor a curve of 256."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate, of which only the key is believed: nobody vouches for the rest.

    Args:
        pem: The whole.
        fingerprint: SHA-256 over its DER, 64 hex digits.
        not_before: From when it counts.
        not_after: Until when.
    """

    pem: str
    fingerprint: str
    not_before: datetime
    not_after: datetime


def read_certificate(text: str) -> Certificate:
    """The certificate in *text*: PEM, or the Base64 of its DER as SAML metadata have it.

    Its time is told and not checked.

    Raises:
        BadCertificate: There is none, or its key is too weak.
    """
    try:
        der = binascii.a2b_base64("".join(_PEM_LINE.sub("", text).split()), strict_mode=True)
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
    except (ValueError, x509.InvalidVersion) as malformed:
        raise BadCertificate("it is no X.509 certificate") from malformed
    strong = (isinstance(key, RSAPublicKey) and key.key_size >= LEAST_RSA_BITS) or (
        isinstance(key, EllipticCurvePublicKey) and key.key_size >= LEAST_CURVE_BITS
    )
    if not strong:
        raise BadCertificate("its key is not one that can be used")
    return Certificate(
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        fingerprint=certificate.fingerprint(SHA256()).hex(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
