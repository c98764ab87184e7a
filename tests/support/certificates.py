"""Certificates for servers of the tests: made when they are needed, trusted by nobody else."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOCALHOST = "127.0.0.1"


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for servers at 127.0.0.1.

    Args:
        file: The certificate, PEM: what clients are to trust.
        key_file: The certificate and its private key, PEM.
    """

    file: Path
    key_file: Path

    @property
    def server(self) -> ssl.SSLContext:
        """What a server shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.key_file)
        return context

    @property
    def client(self) -> ssl.SSLContext:
        """What a client checks with that trusts this server and no other."""
        return ssl.create_default_context(cafile=str(self.file))


def a_certificate(folder: Path, *, address: str = LOCALHOST) -> Certificate:
    """A certificate for *address*, in files of *folder*."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A server of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = Certificate(folder / "certificate.pem", folder / "certificate-and-key.pem")
    made.file.write_bytes(shown)
    made.key_file.write_bytes(shown + secret)
    return made
