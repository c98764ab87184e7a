import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from server.base.errors import InvalidFields
from server.core.single_sign_on.described_providers import DescribedProvider, certificates_of, saml_provider
from tests.support.identity_providers.saml import make_certificate

NOW = datetime(2027, 5, 1, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PAST = make_certificate(KEY, valid_from=NOW - timedelta(days=20), valid_days=10)
PRESENT = make_certificate(KEY, valid_from=NOW - timedelta(days=1))
FUTURE = make_certificate(KEY, valid_from=NOW + timedelta(days=1))


def metadata(*certificates: x509.Certificate | str) -> bytes:
    keys = "".join(
        f"<md:KeyDescriptor><ds:X509Certificate>{each if isinstance(each, str) else der(each)}"
        "</ds:X509Certificate></md:KeyDescriptor>"
        for each in certificates
    )
    return f"""
      <md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
          xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp.example">
        <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
          {keys}
          <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
              Location="https://idp.example/sso"/>
        </md:IDPSSODescriptor>
      </md:EntityDescriptor>""".encode()


def der(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def test_a_provider_is_as_its_metadata_say() -> None:
    described = DescribedProvider(metadata(PAST, PRESENT, FUTURE), "urn:us", "mail")

    provider = saml_provider(described, now=NOW)

    assert (provider.issuer, provider.sign_in_url) == ("https://idp.example", "https://idp.example/sso")
    assert (provider.entity_id, provider.email_attribute) == ("urn:us", "mail")
    kept = certificates_of(provider)
    assert [each.not_before for each in kept] == [
        each.not_valid_before_utc for each in (PAST, PRESENT, FUTURE)
    ]


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (metadata(), "cannot be used (metadata_incomplete)"),
        (b"<a/>", "cannot be used (metadata_not_of_one_provider)"),
        (metadata(PRESENT, "AAAA"), "has a certificate that cannot be used: it is no X.509 certificate"),
        (metadata(PAST, FUTURE), "has no certificate that is valid now"),
    ],
)
def test_metadata_that_cannot_be_used_are_refused(document: bytes, sentence: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        saml_provider(DescribedProvider(document), now=NOW)

    assert refused.value.fields == {"metadata": sentence}
