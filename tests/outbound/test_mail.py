"""Mail to a real relay on this machine: what arrives, and what each refusal means."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from server.base.secret import Secret
from server.outbound import mail as outbound_mail
from server.outbound.failure import NotSent
from server.outbound.mail import Mail, SmtpCarrier, relay_of
from tests.support.certificates import Certificate, a_certificate
from tests.support.relay import Relay, a_relay
from tests.support.work import some_settings

SENDER = "Grüße von Acme <no-reply@acme.example>"
MAIL = Mail(
    id="7d0b6c8e-0000-4000-8000-000000000001",
    recipient="eva@example.com",
    written_at=datetime(2027, 1, 31, 12, 0, 0, tzinfo=UTC),
    locale="de",
    subject="Bestätigen Sie Ihre E-Mail-Adresse",
    text="Guten Tag,\n\nhttps://id.example.com/links/verify-email?token=" + "x" * 200 + "\n",
    html="<p>Grüße</p>\n",
)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A relay that takes everything, without TLS."""
    async with a_relay() as relay:
        yield relay


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """A server's certificate."""
    return a_certificate(tmp_path)


def carrier_to(relay: Relay, scheme: str = "smtp+plain", **tls: Any) -> SmtpCarrier:  # noqa: ANN401 - a context
    """A carrier to the relay."""
    return SmtpCarrier(Secret(f"{scheme}://127.0.0.1:{relay.port}"), SENDER, **tls)


def part(message: EmailMessage, subtype: str) -> str:
    """What the mail says, as plain text or as HTML."""
    body = message.get_body((subtype,))
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).replace("\r\n", "\n")


async def test_a_mail_arrives_whole(relay: Relay) -> None:
    await carrier_to(relay).send(MAIL)

    (received,) = relay.received
    message = received.message
    assert (received.sender, received.recipient) == ("no-reply@acme.example", MAIL.recipient)
    assert message["From"] == SENDER
    assert message["To"] == MAIL.recipient
    assert message["Subject"] == MAIL.subject
    assert message["Date"] == "Sun, 31 Jan 2027 12:00:00 +0000"
    assert message["Message-ID"] == f"<{MAIL.id}@acme.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "de"
    assert message.get_content_type() == "multipart/alternative"
    assert part(message, "plain") == MAIL.text
    assert part(message, "html") == MAIL.html


async def test_a_mail_without_html_is_plain_text(relay: Relay) -> None:
    await carrier_to(relay).send(replace(MAIL, html=None))

    (received,) = relay.received
    assert received.message.get_content_type() == "text/plain"
    assert part(received.message, "plain") == MAIL.text


async def test_no_line_on_the_wire_is_longer_than_a_relay_must_take(relay: Relay) -> None:
    """RFC 5321, 4.5.3.1.6: 1000 octets with CRLF."""
    await carrier_to(relay).send(replace(MAIL, text="ä" * 5000, html="x" * 5000))

    (received,) = relay.received
    assert max(map(len, received.raw.split(b"\r\n"))) <= 998
    assert part(received.message, "plain").strip() == "ä" * 5000


@pytest.mark.parametrize(
    "recipient",
    [
        "eva@example.com\r\nBcc: mallory@example.com",
        "eva@example.com\nX-Header: 1",
        "eva@example.com> <mallory@example.com",
        "eva@example.com, mallory@example.com",
        "eva@example.com\r\nRCPT TO:<mallory@example.com>",
        "eva",
        "@example.com",
        "eva@",
        "",
        "eva@exa mple.com",
        "eva@\u2028.com",
    ],
)
async def test_what_is_no_address_is_never_sent_to(relay: Relay, recipient: str) -> None:
    with pytest.raises(NotSent) as refused:
        await carrier_to(relay).send(replace(MAIL, recipient=recipient))

    assert refused.value.for_good
    assert (relay.received, relay.tries) == ([], 0)


async def test_a_subject_of_two_lines_makes_no_header(relay: Relay) -> None:
    """Rendering makes it one line; a carrier that is given two does not trust that."""
    with pytest.raises(NotSent):
        await carrier_to(relay).send(replace(MAIL, subject="Hello\r\nBcc: mallory@example.com"))

    assert relay.received == []


async def test_dots_and_commands_in_the_text_stay_text(relay: Relay) -> None:
    text = "Hello\n.\nMAIL FROM:<mallory@example.com>\n..\nend\n"

    await carrier_to(relay).send(replace(MAIL, text=text))

    (received,) = relay.received
    assert part(received.message, "plain") == text


async def test_an_international_domain_is_written_in_ascii(relay: Relay) -> None:
    await carrier_to(relay).send(replace(MAIL, recipient="eva@straße.example"))

    assert [received.recipient for received in relay.received] == ["eva@xn--strae-oqa.example"]


async def test_a_domain_that_only_looks_like_another_gets_nothing(relay: Relay) -> None:
    with pytest.raises(NotSent) as refused:
        await carrier_to(relay).send(replace(MAIL, recipient="eva@g\u0130thub.example"))

    assert refused.value.for_good
    assert relay.received == []


async def test_an_international_name_needs_a_relay_that_takes_it(relay: Relay) -> None:
    await carrier_to(relay).send(replace(MAIL, recipient="jürgen@example.com"))

    assert [received.recipient for received in relay.received] == ["jürgen@example.com"]
    assert "jürgen@example.com".encode() in relay.received[0].raw
    async with a_relay(utf8=False) as other:
        with pytest.raises(NotSent, match="no such address") as refused:
            await carrier_to(other).send(replace(MAIL, recipient="jürgen@example.com"))
    assert refused.value.for_good


# --- TLS and passwords -----------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "how"), [("smtp", "starttls"), ("smtps", "tls")])
async def test_mail_goes_over_tls(certificate: Certificate, scheme: str, how: Any) -> None:  # noqa: ANN401 - a literal
    async with a_relay(tls=certificate.server, how=how) as relay:
        await carrier_to(relay, scheme, tls=certificate.client).send(MAIL)

    assert len(relay.received) == 1


@pytest.mark.parametrize(("scheme", "how"), [("smtp", "starttls"), ("smtps", "tls")])
async def test_a_relay_whose_certificate_nobody_knows_gets_nothing(
    certificate: Certificate,
    scheme: str,
    how: Any,  # noqa: ANN401 - a literal
) -> None:
    async with a_relay(tls=certificate.server, how=how) as relay:
        with pytest.raises(NotSent, match="certificate is not accepted") as refused:
            await carrier_to(relay, scheme).send(MAIL)

    assert not refused.value.for_good
    assert (relay.received, relay.tries) == ([], 0)


async def test_a_certificate_for_another_name_is_not_accepted(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path, address="192.0.2.1")
    async with a_relay(tls=certificate.server, how="tls") as relay:
        with pytest.raises(NotSent, match="certificate is not accepted"):
            await carrier_to(relay, "smtps", tls=certificate.client).send(MAIL)


async def test_authorities_can_be_named_by_the_environment(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    async with a_relay(tls=certificate.server, how="tls") as relay:
        await carrier_to(relay, "smtps").send(MAIL)

    assert len(relay.received) == 1


async def test_without_starttls_nothing_is_said(relay: Relay) -> None:
    """`smtp` means STARTTLS or nothing: whoever takes it out of the relay's greeting learns nothing."""
    with pytest.raises(NotSent, match="STARTTLS") as refused:
        await carrier_to(relay, "smtp").send(MAIL)

    assert not refused.value.for_good
    assert (relay.received, relay.tries) == ([], 0)


async def test_user_and_password_are_shown_and_may_hold_anything() -> None:
    user = ("eva@acme", "s3cret:/?#@ ü")
    url = "smtp+plain://" + ":".join(quote(each, safe="") for each in user)
    async with a_relay(user=user) as relay:
        await SmtpCarrier(Secret(f"{url}@127.0.0.1:{relay.port}"), SENDER).send(MAIL)

    assert len(relay.received) == 1


async def test_a_wrong_password_is_ours_to_set_right() -> None:
    async with a_relay(user=("eva", "right")) as relay:
        carrier = SmtpCarrier(Secret(f"smtp+plain://eva:wrong@127.0.0.1:{relay.port}"), SENDER)
        with pytest.raises(NotSent, match=r"user or password refused: 535 5\.7\.8") as refused:
            await carrier.send(MAIL)
        with pytest.raises(NotSent, match="user or password refused"):
            await carrier.check()

    assert not refused.value.for_good


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason", "for_good"),
    [
        ("550 5.1.1 <eva@example.com>: no such user", "recipient refused: 550 5.1.1", True),
        ("553 we do not relay", "recipient refused: 553", True),
        ("450 4.2.0 try again later", "recipient refused: 450 4.2.0", False),
        ("421 4.3.2 going down", "recipient refused: 421 4.3.2", False),
    ],
)
async def test_a_refused_recipient(relay: Relay, answer: str, reason: str, *, for_good: bool) -> None:
    relay.rcpt.append(answer)

    with pytest.raises(NotSent) as refused:
        await carrier_to(relay).send(MAIL)

    assert (refused.value.reason, refused.value.for_good) == (reason, for_good)


@pytest.mark.parametrize(
    ("answer", "reason", "for_good"),
    [
        ("554 5.7.1 it says https://id.example.com", "message refused: 554 5.7.1", True),
        ("552 too big", "message refused: 552", True),
        ("451 4.7.1 greylisted", "message refused: 451 4.7.1", False),
    ],
)
async def test_a_refused_message(relay: Relay, answer: str, reason: str, *, for_good: bool) -> None:
    relay.data.append(answer)

    with pytest.raises(NotSent) as refused:
        await carrier_to(relay).send(MAIL)

    assert (refused.value.reason, refused.value.for_good) == (reason, for_good)


async def test_a_refused_sender_is_ours_to_set_right(relay: Relay) -> None:
    relay.mail_from = "550 5.7.1 not from you"

    with pytest.raises(NotSent, match=r"sender refused: 550 5\.7\.1") as refused:
        await carrier_to(relay).send(MAIL)

    assert not refused.value.for_good


async def test_a_relay_that_is_down_is_tried_again() -> None:
    async with a_relay() as relay:
        pass

    with pytest.raises(NotSent, match="no connection") as refused:
        await carrier_to(relay).send(MAIL)

    assert not refused.value.for_good


async def test_a_relay_that_does_not_answer_is_given_up(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_mail, "WHOLE_SECONDS", 0.2)
    relay.held.clear()

    with pytest.raises(NotSent, match="no answer in time") as refused:
        await carrier_to(relay).send(MAIL)

    assert not refused.value.for_good
    relay.held.set()


# --- settings --------------------------------------------------------------------------------------


async def test_a_relay_that_lets_us_in_is_well(relay: Relay) -> None:
    await carrier_to(relay).check()

    assert relay.tries == 0


async def test_the_settings_name_the_relay(relay: Relay) -> None:
    settings = some_settings(
        smtp_url=f"smtp+plain://127.0.0.1:{relay.port}", mail_from="Acme <a@acme.example>"
    )
    carrier = relay_of(settings)
    assert carrier is not None

    await carrier.send(MAIL)

    assert relay.received[0].message["From"] == "Acme <a@acme.example>"
    assert relay_of(some_settings()) is None


def test_a_carrier_checks_certificates_unless_it_is_plain() -> None:
    tls = SmtpCarrier(Secret("smtp://relay.example"), SENDER)._tls
    assert tls is not None
    assert (tls.check_hostname, tls.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert SmtpCarrier(Secret("smtp+plain://relay.example"), SENDER)._tls is None
