from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from server.crypto.certificates import BadCertificate, read_certificate

START = datetime(2027, 5, 1, tzinfo=UTC)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def certificate(key: Key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
    )
    return builder.sign(key, algorithm)


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


GOOD = certificate(ec.generate_private_key(ec.SECP256R1()))
PEM = GOOD.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("text", [PEM, "\n".join(PEM.splitlines()[1:-1]), PEM.replace("\n", "\r\n  ")])
def test_a_certificate_is_read_with_or_without_its_frame(text: str) -> None:
    read = read_certificate(text)

    assert read.pem == PEM
    assert read.fingerprint == GOOD.fingerprint(hashes.SHA256()).hex()
    assert (read.not_before, read.not_after) == (START, START + timedelta(days=1))


@pytest.mark.parametrize("text", ["", "AAAA", "%", "é", PEM[:200], PEM + PEM])
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(BadCertificate, match="no X"):
        read_certificate(text)


@pytest.mark.parametrize(
    "key", [rsa_key(1024), ec.generate_private_key(ec.SECP224R1()), ed25519.Ed25519PrivateKey.generate()]
)
def test_a_key_that_cannot_be_used_is_refused(key: Key) -> None:
    with pytest.raises(BadCertificate, match="key is not one"):
        read_certificate(certificate(key).public_bytes(Encoding.PEM).decode())


def test_an_rsa_key_of_2048_bits_is_enough() -> None:
    assert read_certificate(certificate(rsa_key(2048)).public_bytes(Encoding.PEM).decode()).pem
