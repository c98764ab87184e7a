"""SAML metadata: what a provider says of itself, and what we say.

Source: Metadata for SAML 2.0, sections 2.3 to 2.4.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from server.outbound.identity_providers.failures import AnswerRejected
from server.outbound.identity_providers.model import RelyingParty
from server.outbound.identity_providers.saml import HTTP_POST
from server.outbound.identity_providers.xml import (
    METADATA,
    PROTOCOL,
    SIGNATURE,
    Element,
    UnreadableXml,
    parse,
    text_of,
)

METADATA_TYPE = "application/samlmetadata+xml"
HTTP_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"

_SAML2 = PROTOCOL.strip("{}")


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """What is needed of a provider.

    Args:
        certificates: In Base64 of DER, as they stand there; not looked into.
    """

    issuer: str
    sign_in_url: str
    certificates: tuple[str, ...]


def read_metadata(document: bytes, *, now: datetime) -> ProviderMetadata:
    """The one provider that *document* describes. A signature over it is not looked at: say where it is from.

    Raises:
        AnswerRejected: It describes none or several, or one without a certificate or the HTTP-Redirect
            binding, or is out of date.
    """
    try:
        root = parse(document)
    except UnreadableXml as unreadable:
        raise AnswerRejected("metadata_malformed") from unreadable
    described = [
        (entity, role)
        for entity in root.iter(f"{METADATA}EntityDescriptor")
        for role in entity.findall(f"{METADATA}IDPSSODescriptor")
        if _SAML2 in role.get("protocolSupportEnumeration", "").split()
    ]
    if len(described) != 1:
        raise AnswerRejected("metadata_not_of_one_provider")
    entity, role = described[0]
    if any(_is_over(element.get("validUntil"), now) for element in (root, entity, role)):
        raise AnswerRejected("metadata_expired")
    issuer = entity.get("entityID", "")
    certificates = tuple(dict.fromkeys(_certificates(role)))
    url = next(
        (
            service.get("Location", "")
            for service in role.findall(f"{METADATA}SingleSignOnService")
            if service.get("Binding") == HTTP_REDIRECT
        ),
        "",
    )
    if not issuer or not url or not certificates:
        raise AnswerRejected("metadata_incomplete")
    return ProviderMetadata(issuer, url, certificates)


def own_metadata(us: RelyingParty) -> bytes:
    """What providers are given about this instance, in UTF-8."""
    entity = etree.Element(
        f"{METADATA}EntityDescriptor",
        nsmap={"md": METADATA.strip("{}")},
        attrib={"entityID": us.entity_id},
    )
    role = etree.SubElement(
        entity,
        f"{METADATA}SPSSODescriptor",
        attrib={
            "protocolSupportEnumeration": _SAML2,
            "AuthnRequestsSigned": "false",
            "WantAssertionsSigned": "true",
        },
    )
    etree.SubElement(
        role,
        f"{METADATA}AssertionConsumerService",
        attrib={"Binding": HTTP_POST, "Location": us.callback_url, "index": "0", "isDefault": "true"},
    )
    return etree.tostring(entity, xml_declaration=True, encoding="UTF-8")


def _certificates(role: Element) -> Iterable[str]:
    """Those that sign, which are also those whose use is not told."""
    for key in role.findall(f"{METADATA}KeyDescriptor"):
        if key.get("use", "signing") == "signing":
            for certificate in key.iter(f"{SIGNATURE}X509Certificate"):
                yield "".join(text_of(certificate).split())


def _is_over(valid_until: str | None, now: datetime) -> bool:
    if valid_until is None:
        return False
    try:
        end = datetime.fromisoformat(valid_until)
    except ValueError as malformed:
        raise AnswerRejected("metadata_malformed") from malformed
    return (end if end.tzinfo else end.replace(tzinfo=UTC)) <= now
