"""What a SAML response must be to be believed, and whom it is about.

The one rule against signature wrapping: whatever is read is read from the bytes that the signature covers,
as the verifier gives them back, and never from the document that came.

Sources: Core of SAML 2.0, sections 2.3 to 2.5, 3.2.2 and 5; Profiles, sections 4.1.4.2 to 4.1.4.5; Somorovsky
et al., On Breaking SAML (USENIX Security 2012).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidCertificate
from signxml.verifier import SignatureConfiguration, XMLVerifier

from server.outbound.identity_providers.failures import AnswerRejected, ProviderRefused
from server.outbound.identity_providers.model import CLOCK_SKEW, Assertion, ExternalPerson, person
from server.outbound.identity_providers.xml import (
    ASSERTION,
    PROTOCOL,
    SIGNATURE,
    Element,
    UnreadableXml,
    a_parser,
    parse,
    text_of,
)

_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_TRANSIENT_FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_EMAIL_ATTRIBUTES = (
    "email",
    "mail",
    "emailaddress",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)
_METHODS = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1,
        SignatureMethod.SHA384_RSA_MGF1,
        SignatureMethod.SHA512_RSA_MGF1,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
    }
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a response must agree with.

    Args:
        issuer: The provider's entity id.
        certificates: In PEM, of which any may have signed.
        recipient: The URL that it was sent to.
        audience: Our entity id.
        request_id: Of the request that it answers.
        email_attribute: Which attribute holds the address; None for the usual ones.
    """

    issuer: str
    certificates: Sequence[str]
    recipient: str
    audience: str
    request_id: str
    email_attribute: str | None = None


def read_response(document: bytes, expected: Expected, *, now: datetime) -> ExternalPerson:
    """Whom the provider signed in, by a response that is signed, current, for us and to this request.

    Raises:
        AnswerRejected: It is not all of that, or not a response at all.
        ProviderRefused: The provider says that it signed nobody in.
    """
    response = _parsed(document)
    _check_status(response)
    assertion = _signed_assertion(response, document, expected, now)
    _check_issuer(assertion, expected)
    _check_conditions(assertion, expected, now)
    until = _check_subject_confirmation(assertion, expected, now)
    _check_statement(assertion, now)
    return _person(assertion, expected, until)


def _parsed(document: bytes) -> Element:
    """The response as it came, of which nothing is believed."""
    try:
        response = parse(document)
    except UnreadableXml as unreadable:
        raise AnswerRejected("response_malformed") from unreadable
    if response.tag != f"{PROTOCOL}Response":
        raise AnswerRejected("not_a_response")
    return response


def _check_status(response: Element) -> None:
    code = response.find(f"{PROTOCOL}Status/{PROTOCOL}StatusCode")
    if code is None or code.get("Value") != _SUCCESS:
        raise ProviderRefused("provider_refused")


def _signed_assertion(response: Element, document: bytes, expected: Expected, now: datetime) -> Element:
    """The assertion as it was signed: by itself, or in a response that was signed as a whole."""
    if next(response.iter(f"{ASSERTION}EncryptedAssertion"), None) is not None:
        raise AnswerRejected("assertion_encrypted")
    inside = [*response.iter(f"{ASSERTION}Assertion")]
    if len(inside) != 1 or inside[0].getparent() is not response:
        raise AnswerRejected("not_one_assertion")
    for signed, location in ((response, "./"), (inside[0], f"./{ASSERTION}Assertion/")):
        signatures = signed.findall(f"{SIGNATURE}Signature")
        if len(signatures) > 1:
            raise AnswerRejected("signed_twice")
        if signatures:
            verified = _verified(document, location, expected.certificates, now)
            break
    else:
        raise AnswerRejected("not_signed")
    if verified.tag != signed.tag or verified.get("ID") != signed.get("ID"):
        raise AnswerRejected("another_element_signed")
    if verified.tag == f"{ASSERTION}Assertion":
        return verified
    _check_response(verified, expected)
    found = verified.findall(f"{ASSERTION}Assertion")
    if len(found) != 1:
        raise AnswerRejected("not_one_assertion")
    return found[0]


def _verified(document: bytes, location: str, certificates: Sequence[str], now: datetime) -> Element:
    """What the signature at *location* covers, parsed anew from the bytes that were signed."""
    config = SignatureConfiguration(
        location=location,
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        verification_time=now,
    )
    reason = "signature_invalid"
    for certificate in certificates:
        try:
            result = XMLVerifier().verify(
                document, x509_cert=certificate, id_attribute="ID", parser=a_parser(), expect_config=config
            )
        except InvalidCertificate:
            reason = "certificate_not_valid_now"
        except Exception:  # noqa: BLE001, S112 - whatever a hostile document makes it raise, nothing is verified
            continue
        else:
            if not isinstance(result, list) and result.signed_xml is not None:
                return result.signed_xml
    raise AnswerRejected(reason)


def _check_response(response: Element, expected: Expected) -> None:
    """The response, signed as a whole, was sent here, for this request."""
    issuer = response.find(f"{ASSERTION}Issuer")
    if issuer is not None and text_of(issuer) != expected.issuer:
        raise AnswerRejected("another_issuer")
    if response.get("Destination", expected.recipient) != expected.recipient:
        raise AnswerRejected("another_destination")
    if response.get("InResponseTo", expected.request_id) != expected.request_id:
        raise AnswerRejected("another_request")


def _check_issuer(assertion: Element, expected: Expected) -> None:
    if text_of(assertion.find(f"{ASSERTION}Issuer")) != expected.issuer:
        raise AnswerRejected("another_issuer")


def _check_conditions(assertion: Element, expected: Expected, now: datetime) -> None:
    """It is current and for us. Source: Core, section 2.5.1."""
    conditions = assertion.findall(f"{ASSERTION}Conditions")
    if len(conditions) != 1:
        raise AnswerRejected("no_conditions")
    _check_times(conditions[0], now)
    restrictions = conditions[0].findall(f"{ASSERTION}AudienceRestriction")
    if not restrictions:
        raise AnswerRejected("no_audience")
    for restriction in restrictions:
        if expected.audience not in map(text_of, restriction.findall(f"{ASSERTION}Audience")):
            raise AnswerRejected("another_audience")


def _check_subject_confirmation(assertion: Element, expected: Expected, now: datetime) -> datetime:
    """Until when its bearer may show it, which is here and for this request. Source: Profiles, 4.1.4.3."""
    reason = "no_bearer_confirmation"
    for confirmation in assertion.findall(f"{ASSERTION}Subject/{ASSERTION}SubjectConfirmation"):
        data = confirmation.find(f"{ASSERTION}SubjectConfirmationData")
        if confirmation.get("Method") != _BEARER or data is None:
            continue
        if data.get("Recipient") != expected.recipient:
            reason = "another_recipient"
        elif data.get("InResponseTo") != expected.request_id:
            reason = "another_request"
        elif data.get("NotOnOrAfter") is None:
            reason = "no_end"
        else:
            _check_times(data, now)
            return _instant(data.get("NotOnOrAfter", ""))
    raise AnswerRejected(reason)


def _check_statement(assertion: Element, now: datetime) -> None:
    """Somebody signed in there, and that has not ended. Source: Core, section 2.7.2."""
    statements = assertion.findall(f"{ASSERTION}AuthnStatement")
    if not statements:
        raise AnswerRejected("no_authentication")
    for statement in statements:
        ends = statement.get("SessionNotOnOrAfter")
        if ends is not None and _instant(ends) + CLOCK_SKEW <= now:
            raise AnswerRejected("expired")


def _check_times(element: Element, now: datetime) -> None:
    not_before, not_on_or_after = element.get("NotBefore"), element.get("NotOnOrAfter")
    if not_before is not None and now < _instant(not_before) - CLOCK_SKEW:
        raise AnswerRejected("not_yet_valid")
    if not_on_or_after is not None and now >= _instant(not_on_or_after) + CLOCK_SKEW:
        raise AnswerRejected("expired")


def _instant(text: str) -> datetime:
    """An xs:dateTime, which SAML writes in UTC. Source: Core, section 1.3.3."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as malformed:
        raise AnswerRejected("time_malformed") from malformed
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _person(assertion: Element, expected: Expected, until: datetime) -> ExternalPerson:
    name, assertion_id = assertion.find(f"{ASSERTION}Subject/{ASSERTION}NameID"), assertion.get("ID")
    if name is None or not assertion_id:
        raise AnswerRejected("no_subject")
    if name.get("Format") == _TRANSIENT_FORMAT:
        raise AnswerRejected("subject_is_transient")
    email = _email(assertion, expected.email_attribute)
    if email is None and expected.email_attribute is None and name.get("Format") == _EMAIL_FORMAT:
        email = text_of(name)
    once = Assertion(assertion_id, until + CLOCK_SKEW)
    return person(text_of(name), email, email_verified=None, assertion=once)


def _email(assertion: Element, wanted: str | None) -> str | None:
    """The address among the attributes: the one that is wanted, else the first of the usual ones."""
    found: dict[str, str] = {}
    for attribute in assertion.iterfind(f"{ASSERTION}AttributeStatement/{ASSERTION}Attribute"):
        value = text_of(attribute.find(f"{ASSERTION}AttributeValue"))
        if value:
            found.setdefault(attribute.get("Name", "").lower(), value)
    names = _EMAIL_ATTRIBUTES if wanted is None else (wanted.lower(),)
    return next((found[name] for name in names if name in found), None)
