"""SAML responses as no provider would write them, and as one does, to compare with."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import SignatureReference, XMLSigner

from server.outbound.identity_providers.xml import ASSERTION, PROTOCOL, SIGNATURE, Element
from tests.support.identity_providers.saml import make_certificate

ISSUER = "https://idp.example/metadata"
RECIPIENT = "https://auth.example/v1/auth/sso/callback"
AUDIENCE = "https://auth.example/v1/auth/sso/metadata"
REQUEST_ID = "_request-1"
NOW = datetime(2027, 5, 1, 12, 0, tzinfo=UTC)

_RESPONSE = """\
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
    xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_response-1" Version="2.0"
    IssueInstant="{instant}" Destination="{destination}" InResponseTo="{response_to}">
  <saml:Issuer>{issuer}</saml:Issuer>
  <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status>
  <saml:Assertion xmlns:xs="http://www.w3.org/2001/XMLSchema"
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="{assertion_id}" Version="2.0"
      IssueInstant="{instant}">
    <saml:Issuer>{issuer}</saml:Issuer>
    <saml:Subject>
      <saml:NameID Format="{name_format}">{subject}</saml:NameID>
      <saml:SubjectConfirmation Method="{confirmation}">
        <saml:SubjectConfirmationData Recipient="{recipient}" InResponseTo="{in_response_to}" {ends}/>
      </saml:SubjectConfirmation>
    </saml:Subject>
    <saml:Conditions NotBefore="{not_before}" NotOnOrAfter="{not_on_or_after}">{audiences}</saml:Conditions>
    {statement}
    <saml:AttributeStatement>
      <saml:Attribute Name="{email_name}">
        <saml:AttributeValue xsi:type="xs:string">{email}</saml:AttributeValue>
      </saml:Attribute>
    </saml:AttributeStatement>
  </saml:Assertion>
</samlp:Response>
"""


@cache
def provider_key() -> rsa.RSAPrivateKey:
    """What the provider of these tests signs with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def provider_certificate() -> x509.Certificate:
    """The certificate in its metadata, good in May 2027."""
    return make_certificate(provider_key(), valid_from=NOW - timedelta(days=10), valid_days=20)


def pem_of(certificate: x509.Certificate) -> str:
    """*certificate* in PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def saml_time(instant: datetime) -> str:
    """*instant* as providers write it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class _Signer(XMLSigner):
    """Signs as it is told to, with SHA-1 too."""

    def check_deprecated_methods(self) -> None:
        """Nothing is checked."""

    def _build_transforms_for_reference(
        self,
        *,
        transforms_node: Element,
        reference: SignatureReference,
        exclude_c14n_transform_element: bool = True,
    ) -> None:
        """Prefixes are listed where OpenSAML lists them."""
        super()._build_transforms_for_reference(
            transforms_node=transforms_node,
            reference=reference,
            exclude_c14n_transform_element=exclude_c14n_transform_element,
        )
        if reference.inclusive_ns_prefixes:
            etree.SubElement(
                transforms_node[-1],
                "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces",
                PrefixList=" ".join(reference.inclusive_ns_prefixes),
            )


@dataclass
class Made:
    """A response, right unless something else is said.

    Args:
        key: What it is signed with; None for not at all.
        signs: The element with the signature: `Assertion` or `Response`.
        prefixes: Namespaces that are signed although only values name them, as OpenSAML does.
    """

    key: rsa.RSAPrivateKey | None = field(default_factory=provider_key)
    certificate: x509.Certificate = field(default_factory=provider_certificate)
    signs: str = "Assertion"
    signature: SignatureMethod = SignatureMethod.RSA_SHA256
    digest: DigestAlgorithm = DigestAlgorithm.SHA256
    canonical: CanonicalizationMethod = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0

    prefixes: tuple[str, ...] = ()

    instant: datetime = NOW
    issuer: str = ISSUER
    status: str = "Success"
    destination: str = RECIPIENT
    response_to: str = REQUEST_ID
    assertion_id: str = "_assertion-1"
    subject: str = "jane"
    name_format: str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    confirmation: str = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
    recipient: str = RECIPIENT
    in_response_to: str = REQUEST_ID
    not_before: datetime = NOW - timedelta(minutes=1)
    not_on_or_after: datetime = NOW + timedelta(minutes=5)
    ends: str = f'NotOnOrAfter="{saml_time(NOW + timedelta(minutes=5))}"'
    audiences: str = (
        f"<saml:AudienceRestriction><saml:Audience>{AUDIENCE}</saml:Audience></saml:AudienceRestriction>"
    )
    statement: str = f'<saml:AuthnStatement AuthnInstant="{saml_time(NOW)}"/>'
    email_name: str = "mail"
    email: str = "jane@example.com"

    def root(self) -> Element:
        """The response, signed."""
        response = etree.fromstring(self._text())
        if self.key is None:
            return response
        if self.signs == "Response":
            return self._signed(response, "_response-1")
        assertion = response.find(f"{ASSERTION}Assertion")
        assert assertion is not None
        response.replace(assertion, self._signed(assertion, self.assertion_id))
        # As text once more, so that every element knows the namespaces that it will be read with.
        return etree.fromstring(etree.tostring(response))

    def document(self) -> bytes:
        """The response, signed, as it is sent."""
        return etree.tostring(self.root())

    def _text(self) -> str:
        said = {name: getattr(self, name) for name in self.__dataclass_fields__}
        times = {name: saml_time(value) for name, value in said.items() if isinstance(value, datetime)}
        return _RESPONSE.format_map(said | times)

    def _signed(self, element: Element, id_: str) -> Element:
        signer = _Signer(
            signature_algorithm=self.signature, digest_algorithm=self.digest, c14n_algorithm=self.canonical
        )
        reference = SignatureReference(f"#{id_}", inclusive_ns_prefixes=list(self.prefixes) or None)
        signed: Element = signer.sign(
            element, key=self.key, cert=[self.certificate], reference_uri=[reference], id_attribute="ID"
        )
        return signed


def _parts(signs: str) -> tuple[Element, Element, Element]:
    """A right response, what of it is signed, and the signature."""
    response = Made(signs=signs).root()
    signature = next(response.iter(f"{SIGNATURE}Signature"))
    signed = signature.getparent()
    assert signed is not None
    return response, signed, signature


def _evil(original: Element) -> Element:
    """A copy that names somebody else, without signature, under another id."""
    copy = deepcopy(original)
    for signature in list(copy.iter(f"{SIGNATURE}Signature")):
        parent = signature.getparent()
        assert parent is not None
        parent.remove(signature)
    next(copy.iter(f"{ASSERTION}NameID")).text = "mallory"
    copy.set("ID", "_evil")
    return copy


def _without_signature(original: Element) -> Element:
    copy = deepcopy(original)
    copy.remove(next(copy.iterchildren(f"{SIGNATURE}Signature")))
    return copy


def wrapped(variant: int) -> bytes:
    """A response with a signature of the provider that verifies, and somebody else's name before the eyes.

    Args:
        variant: 1 to 8, as SAML Raider numbers them.

    Source: Somorovsky et al., On Breaking SAML (USENIX Security 2012); SAML Raider, XSWHelpers.
    """
    response, signed, signature = _parts("Response" if variant <= 2 else "Assertion")
    evil, original = _evil(signed), _without_signature(signed)
    match variant:
        case 1:  # the signed response inside the signature of the evil one
            signature.append(original)
            evil.append(signature)
            response = evil
        case 2:  # the signed response before a signature that is detached
            evil.append(original)
            evil.append(signature)
            response = evil
        case 3:  # the evil assertion before the signed one
            response.insert(response.index(signed), evil)
        case 4:  # the signed assertion inside the evil one
            response.replace(signed, evil)
            evil.append(signed)
        case 5:  # the signature in the evil assertion, the signed one beside it
            response.replace(signed, evil)
            evil.append(signature)
            response.append(original)
        case 6:  # the signed assertion inside the signature of the evil one
            response.replace(signed, evil)
            evil.append(signature)
            signature.append(original)
        case 7:  # the signed assertion hidden in Extensions
            response.replace(signed, evil)
            extensions = etree.Element(f"{PROTOCOL}Extensions")
            extensions.append(signed)
            response.insert(1, extensions)
        case 8:  # the signed assertion in an Object of the evil one's signature
            response.replace(signed, evil)
            holder = etree.SubElement(signature, f"{SIGNATURE}Object")
            holder.append(original)
            evil.append(signature)
        case _:
            raise ValueError(variant)
    return etree.tostring(response)
