"""A SAML 2.0 provider, and people at it."""

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_INPUT = re.compile(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"')
_ACTION = re.compile(r'action="([^"]*)"')


@dataclass(frozen=True)
class Posted:
    """A form that a browser is made to send."""

    url: str
    fields: dict[str, str]


@dataclass(frozen=True)
class SamlIdentityProvider:
    """npm's `samlp`.

    Args:
        url: Where it listens.
        issuer: Its entity id.
        certificate: What it signs with, in PEM.
    """

    url: str
    issuer: str
    certificate: str

    def sign_in_url(self, signs: str = "assertion") -> str:
        """Where it takes requests; it *signs* the `assertion`, the `response`, or `both`."""
        return f"{self.url}/sign-in/{signs}"

    async def metadata(self) -> bytes:
        """What it says of itself."""
        async with httpx2.AsyncClient() as http:
            return (await http.get(f"{self.url}/metadata")).content

    async def sign_in(self, url: str, who: str) -> Posted:
        """What a browser that is sent to *url* is made to post, once *who* typed their name.

        Args:
            who: `jane|jane@example.com`: the subject and the address; empty gives up.
        """
        async with httpx2.AsyncClient() as browser:
            page = await browser.get(url)
            fields = _fields_of(page.text)
            answer = await browser.get(
                urlsplit(url)._replace(query="").geturl(), params={**fields, "login": who}
            )
        assert answer.status_code == 200, answer.text
        (action,) = _ACTION.findall(answer.text)
        return Posted(html.unescape(action), _fields_of(answer.text))


def _fields_of(page: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in _INPUT.findall(page)}


def make_certificate(
    key: rsa.RSAPrivateKey, *, valid_from: datetime | None = None, valid_days: float = 30
) -> x509.Certificate:
    """A self-signed certificate, as providers have it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An identity provider")])
    start = valid_from or datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=valid_days))
        .sign(key, hashes.SHA256())
    )


def write_key(folder: Path) -> tuple[Path, Path]:
    """A new key and its certificate, as files in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    certificate_file.write_bytes(make_certificate(key).public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file
