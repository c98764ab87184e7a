from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from server.outbound.identity_providers.failures import AnswerRejected
from server.outbound.identity_providers.model import RelyingParty
from server.outbound.identity_providers.saml_metadata import ProviderMetadata, own_metadata, read_metadata

NOW = datetime(2027, 5, 1, tzinfo=UTC)
KEY = (
    "<md:KeyDescriptor{use}><ds:KeyInfo><ds:X509Data>"
    "<ds:X509Certificate>\n {der}\n</ds:X509Certificate>"
    "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
)
SIGNING = KEY.format(use=' use="signing"', der="QUJD REVG")
UNSAID = KEY.format(use="", der="R0hJ")
ENCRYPTION = KEY.format(use=' use="encryption"', der="SktM")
REDIRECT = (
    '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
    'Location="https://idp.example/sso"/>'
)
POST = REDIRECT.replace("HTTP-Redirect", "HTTP-POST").replace("/sso", "/post")


def entity(
    keys: str = SIGNING, services: str = POST + REDIRECT, more: str = "", role: str = "IDPSSODescriptor"
) -> str:
    return f"""
      <md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
          xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp.example" {more}>
        <md:{role} protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
          {keys}{services}
        </md:{role}>
      </md:EntityDescriptor>"""


def several(*entities: str) -> str:
    opening = '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
    return f"{opening}{''.join(entities)}</md:EntitiesDescriptor>"


def read(text: str) -> ProviderMetadata:
    return read_metadata(text.encode(), now=NOW)


@pytest.mark.parametrize("text", [entity(), several(entity(), entity(role="SPSSODescriptor"))])
def test_the_one_provider_is_found(text: str) -> None:
    assert read(text) == ProviderMetadata("https://idp.example", "https://idp.example/sso", ("QUJDREVG",))


def test_every_certificate_that_may_sign_counts_once() -> None:
    assert read(entity(SIGNING + UNSAID + ENCRYPTION + SIGNING)).certificates == ("QUJDREVG", "R0hJ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "metadata_malformed"),
        ("<!DOCTYPE x>" + entity(), "metadata_malformed"),
        ("<a/>", "metadata_not_of_one_provider"),
        (entity(role="SPSSODescriptor"), "metadata_not_of_one_provider"),
        (several(entity(), entity()), "metadata_not_of_one_provider"),
        (entity(keys=""), "metadata_incomplete"),
        (entity(keys=ENCRYPTION), "metadata_incomplete"),
        (entity(services=POST), "metadata_incomplete"),
        (entity().replace("https://idp.example", "", 1), "metadata_incomplete"),
        (entity(more=f'validUntil="{(NOW - timedelta(seconds=1)).isoformat()}"'), "metadata_expired"),
        (entity(more='validUntil="2027-05-01T00:00:00"'), "metadata_expired"),
        (entity(more='validUntil="tomorrow"'), "metadata_malformed"),
    ],
)
def test_what_does_not_describe_one_provider_is_refused(text: str, reason: str) -> None:
    with pytest.raises(AnswerRejected, match=f"^{reason}$"):
        read(text)


def test_metadata_are_good_until_the_day_they_name() -> None:
    assert read(entity(more='validUntil="2027-05-01T00:00:01Z"')).issuer == "https://idp.example"


def test_what_we_say_of_ourselves_has_what_a_provider_needs() -> None:
    document = own_metadata(RelyingParty("https://auth.example/callback?a&b", "urn:us"))

    root = etree.fromstring(document)
    (service,) = root.iter("{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService")
    assert root.get("entityID") == "urn:us"
    assert service.get("Location") == "https://auth.example/callback?a&b"
    assert service.get("Binding") == "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
