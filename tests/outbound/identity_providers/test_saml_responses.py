"""Responses as no real provider sends them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, XMLVerifier

from server.outbound.identity_providers.failures import AnswerRejected, ProviderFailure, ProviderRefused
from server.outbound.identity_providers.model import Assertion, ExternalPerson
from server.outbound.identity_providers.saml_responses import Expected, read_response
from server.outbound.identity_providers.xml import ASSERTION, SIGNATURE
from tests.support.identity_providers.made_responses import (
    AUDIENCE,
    ISSUER,
    NOW,
    RECIPIENT,
    REQUEST_ID,
    Made,
    pem_of,
    provider_certificate,
    provider_key,
    saml_time,
    wrapped,
)
from tests.support.identity_providers.saml import make_certificate

MINUTE = timedelta(minutes=1)
MALLORYS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ANOTHER = "<saml:AudienceRestriction><saml:Audience>urn:another</saml:Audience></saml:AudienceRestriction>"


def expected() -> Expected:
    return Expected(ISSUER, (pem_of(provider_certificate()),), RECIPIENT, AUDIENCE, REQUEST_ID)


def read(document: bytes, like: Expected | None = None) -> ExternalPerson:
    return read_response(document, like or expected(), now=NOW)


@pytest.mark.parametrize("signs", ["Assertion", "Response"])
def test_what_a_signed_response_says_is_believed(signs: str) -> None:
    assert read(Made(signs=signs).document()) == ExternalPerson(
        "jane",
        "jane@example.com",
        None,
        Assertion("_assertion-1", NOW + timedelta(minutes=5) + timedelta(seconds=120)),
    )


@pytest.mark.parametrize("signs", ["Assertion", "Response"])
def test_namespaces_that_only_values_name_may_be_signed(signs: str) -> None:
    document = Made(signs=signs, prefixes=("xs",)).document()

    assert b'PrefixList="xs"' in document
    assert read(document).subject == "jane"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": None}, "not_signed"),
        ({"key": MALLORYS_KEY}, "signature_invalid"),
        ({"issuer": "https://mallory.example"}, "another_issuer"),
        ({"recipient": f"{RECIPIENT}x"}, "another_recipient"),
        ({"in_response_to": "_request-2"}, "another_request"),
        ({"audiences": ANOTHER}, "another_audience"),
        ({"audiences": Made().audiences + ANOTHER}, "another_audience"),
        ({"audiences": ""}, "no_audience"),
        ({"ends": ""}, "no_end"),
        ({"ends": 'NotOnOrAfter="tomorrow"'}, "time_malformed"),
        ({"confirmation": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"}, "no_bearer_confirmation"),
        ({"statement": ""}, "no_authentication"),
        (
            {"statement": f'<saml:AuthnStatement SessionNotOnOrAfter="{saml_time(NOW - 3 * MINUTE)}"/>'},
            "expired",
        ),
        ({"subject": ""}, "no_subject"),
        ({"subject": "x" * 257}, "no_subject"),
        ({"name_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}, "subject_is_transient"),
        ({"signature": SignatureMethod.RSA_SHA1}, "signature_invalid"),
        ({"digest": DigestAlgorithm.SHA1}, "signature_invalid"),
    ],
)
@pytest.mark.parametrize("signs", ["Assertion", "Response"])
def test_what_is_wrong_in_it_is_found(signs: str, changes: dict[str, object], reason: str) -> None:
    made = Made(signs=signs, **changes)  # type: ignore[arg-type]  # of a table

    with pytest.raises(AnswerRejected, match=f"^{reason}$"):
        read(made.document())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"destination": f"{RECIPIENT}x"}, "another_destination"),
        ({"response_to": "_request-2"}, "another_request"),
    ],
)
def test_a_response_that_is_signed_as_a_whole_is_for_us(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(AnswerRejected, match=f"^{reason}$"):
        read(Made(signs="Response", **changes).document())  # type: ignore[arg-type]  # of a table


@pytest.mark.parametrize(
    ("early", "late", "reason"),
    [(119, 119, None), (121, 0, "not_yet_valid"), (0, 120, "expired"), (0, 3600, "expired")],
)
def test_clocks_may_differ_by_two_minutes(early: int, late: int, reason: str | None) -> None:
    made = Made(
        not_before=NOW + timedelta(seconds=early), not_on_or_after=NOW - timedelta(seconds=late)
    ).document()

    if reason is None:
        assert read(made).subject == "jane"
    else:
        with pytest.raises(AnswerRejected, match=reason):
            read(made)


def test_the_bearer_has_to_hurry_too() -> None:
    late = Made(ends=f'NotOnOrAfter="{saml_time(NOW - 3 * MINUTE)}"').document()

    with pytest.raises(AnswerRejected, match="expired"):
        read(late)


def test_times_without_a_zone_and_of_a_tenth_of_a_microsecond_are_in_utc() -> None:
    ends = 'NotOnOrAfter="2027-05-01T12:00:01.1234567"'

    assert read(Made(ends=ends).document()).assertion is not None


@pytest.mark.parametrize("variant", range(1, 9))
def test_a_wrapped_signature_is_refused(variant: int) -> None:
    document = wrapped(variant)

    # The signature itself is good, and there is another name in the document.
    anywhere = SignatureConfiguration(location=".//", verification_time=NOW)
    certificate = pem_of(provider_certificate())
    XMLVerifier().verify(document, x509_cert=certificate, validate_schema=False, expect_config=anywhere)
    assert b">mallory<" in document
    with pytest.raises(AnswerRejected):
        read(document)


def test_a_comment_cuts_nothing_off() -> None:
    """Comments are not signed: one that is put into a name must not make it another's."""
    document = Made(
        subject="jane@example.com.mallory.example", email="jane@example.com.mallory.example"
    ).document()
    cut = document.replace(b"jane@example.com.mallory", b"jane@example.com<!-- -->.mallory")

    person = read(cut)

    assert cut.count(b"<!-- -->") == 2
    assert (person.subject, person.email) == ("jane@example.com.mallory.example",) * 2


def test_a_comment_cuts_nothing_off_where_comments_are_signed() -> None:
    made = Made(
        subject="jane<!-- -->.mallory",
        canonical=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0_WITH_COMMENTS,
    )

    assert read(made.document()).subject == "jane.mallory"


@pytest.mark.parametrize("place", ["NameID", "Audience", "Issuer", "AttributeValue"])
def test_nothing_of_it_can_be_changed(place: str) -> None:
    root = Made().root()
    assertion = root.find(f"{ASSERTION}Assertion")
    assert assertion is not None
    changed = next(assertion.iter(f"{ASSERTION}{place}"))
    changed.text = f"{changed.text}x"

    with pytest.raises(AnswerRejected, match="signature_invalid"):
        read(etree.tostring(root))


def test_a_signature_of_something_else_in_the_document_is_no_signature_of_the_assertion() -> None:
    """The signature stands in the assertion, and covers a part of it alone."""
    made = Made(statement='<saml:AuthnStatement ID="_part"/>')
    root = replace(made, key=None).root()
    part = next(root.iter(f"{ASSERTION}AuthnStatement"))
    signature = made._signed(part, "_part").find(f"{SIGNATURE}Signature")
    assertion = root.find(f"{ASSERTION}Assertion")
    assert signature is not None
    assert assertion is not None
    assertion.append(signature)

    with pytest.raises(AnswerRejected, match=r"another_element_signed|signature_invalid"):
        read(etree.tostring(root))


def test_two_signatures_of_one_element_are_refused() -> None:
    root = Made().root()
    signature = next(root.iter(f"{SIGNATURE}Signature"))
    signature.addnext(etree.fromstring(etree.tostring(signature)))

    with pytest.raises(AnswerRejected, match="signed_twice"):
        read(etree.tostring(root))


def test_an_encrypted_assertion_is_not_supported_and_not_guessed_at() -> None:
    root = Made().root()
    etree.SubElement(root, f"{ASSERTION}EncryptedAssertion")

    with pytest.raises(AnswerRejected, match="assertion_encrypted"):
        read(etree.tostring(root))


def test_a_refusal_of_the_provider_is_told_apart() -> None:
    with pytest.raises(ProviderRefused):
        read(Made(status="Responder").document())


def test_any_certificate_of_the_metadata_may_have_signed() -> None:
    new = make_certificate(MALLORYS_KEY, valid_from=NOW - MINUTE)
    like = replace(expected(), certificates=(pem_of(new), pem_of(provider_certificate())))

    assert read(Made().document(), like).subject == "jane"


@pytest.mark.parametrize(
    "certificate",
    [
        make_certificate(provider_key(), valid_from=NOW - timedelta(days=30), valid_days=29),
        make_certificate(provider_key(), valid_from=NOW + timedelta(days=1)),
    ],
    ids=["expired", "not yet valid"],
)
def test_a_certificate_counts_in_its_time_alone(certificate: object) -> None:
    like = replace(expected(), certificates=(pem_of(certificate),))  # type: ignore[arg-type]  # as above

    with pytest.raises(AnswerRejected, match="certificate_not_valid_now"):
        read(Made().document(), like)


@pytest.mark.parametrize(
    ("name", "wanted", "email"),
    [
        ("Email", None, "jane@example.com"),
        ("urn:oid:0.9.2342.19200300.100.1.3", None, "jane@example.com"),
        ("favourite", None, None),
        ("favourite", "favourite", "jane@example.com"),
        ("mail", "favourite", None),
    ],
)
def test_the_address_is_an_attribute(name: str, wanted: str | None, email: str | None) -> None:
    like = replace(expected(), email_attribute=wanted)

    assert read(Made(email_name=name).document(), like).email == email


def test_a_name_that_is_an_address_is_the_address() -> None:
    made = Made(
        subject="jane@example.org",
        name_format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        email_name="favourite",
    )

    assert read(made.document()).email == "jane@example.org"


BILLION = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
EXTERNAL = b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'
FILE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("doctype", [BILLION, EXTERNAL, FILE, b"<!DOCTYPE x>"])
def test_a_document_type_is_refused_before_anything_is_read(doctype: bytes) -> None:
    with pytest.raises(AnswerRejected, match="response_malformed"):
        read(doctype + Made().document())


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"hello",
        b"<a>",
        b"\xff\xfe",
        b"<a/>",
        b"<Response/>",
        b'<Response xmlns="urn:oasis:names:tc:SAML:2.0:protocol"/>',
        b"<a>" * 100_000,
    ],
)
def test_what_is_no_response_is_refused(document: bytes) -> None:
    with pytest.raises(ProviderFailure):
        read(document)
