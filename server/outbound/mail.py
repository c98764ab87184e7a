"""Mail, handed to a relay by SMTP."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from server.base.contact import ascii_domain, email_address
from server.base.secret import Secret
from server.base.settings import Settings
from server.outbound.failure import NotSent, reason_of
from server.outbound.http import tls_context

WHOLE_SECONDS = 60.0
STEP_SECONDS = 30.0
GOODBYE_SECONDS = 2.0

PERMANENT = 500

# What is refused, in which words, and whether it is this mail's fault. The general case comes last.
_REFUSALS: tuple[tuple[type[aiosmtplib.SMTPResponseException], str, bool], ...] = (
    (aiosmtplib.SMTPRecipientRefused, "recipient refused", True),
    (aiosmtplib.SMTPDataError, "message refused", True),
    (aiosmtplib.SMTPAuthenticationError, "user or password refused", False),
    (aiosmtplib.SMTPSenderRefused, "sender refused", False),
    (aiosmtplib.SMTPResponseException, "refused", False),
)

_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person.

    Args:
        id: The same each time that it is tried; it makes the Message-ID, by which a relay or a reader can
            tell that two are one.
        recipient: The address, without a name.
        written_at: What its Date says.
        locale: What language it is in.
        text: For those who read plain text.
        html: The same as HTML, if there is one.
    """

    id: str
    recipient: str
    written_at: datetime
    locale: str
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str | None = field(repr=False)


class MailCarrier(Protocol):
    """Whoever takes mail."""

    async def send(self, mail: Mail) -> None:
        """The mail is taken.

        Raises:
            NotSent: It is not, as far as anybody knows.
        """


class SmtpCarrier:
    """A relay. Each mail is handed over on a connection of its own.

    Args:
        url: `smtp://user:password@host:587` (STARTTLS, or nothing), `smtps://` (TLS), `smtp+plain://`. User
            and password are percent-encoded.
        sender: What From says: an address, or a name and an address.
        tls: What certificates are checked with; the system's authorities when left out.
    """

    def __init__(self, url: Secret, sender: str, *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url.reveal())
        self._host = parts.hostname or ""
        self._port = parts.port
        self._scheme = parts.scheme
        self._user = unquote(parts.username) if parts.username else None
        self._password = Secret(unquote(parts.password or ""))
        name, address = parseaddr(sender)
        self._sender = Address(name, addr_spec=address)
        self._tls = None if self._scheme == "smtp+plain" else tls or tls_context()

    async def send(self, mail: Mail) -> None:
        """The relay has taken the mail.

        Raises:
            NotSent: It has not, as far as anybody knows. For good if it refused the recipient or the
                message with 5xx, or the recipient is no address; what is wrong between us and the relay
                (the connection, its certificate, our password, our address) is expected to be set right.
        """
        message = self._message(mail)
        async with self._connected() as client:
            await client.send_message(message)

    async def check(self) -> None:
        """The relay lets us in. Nothing is sent.

        Raises:
            NotSent: It does not.
        """
        async with self._connected():
            pass

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Inside, the relay listens to us; what goes wrong there raises `NotSent`."""
        client = self._client()
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                await client.connect()
                yield client
        except (aiosmtplib.SMTPException, OSError, ValueError) as cause:
            raise _not_sent(cause) from cause
        else:
            # The mail is taken by now, whatever becomes of the farewell.
            with suppress(aiosmtplib.SMTPException, OSError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await client.quit()
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password.reveal() if self._user else None,
            # What the machine is called is often not known to its name server, and asking takes seconds.
            local_hostname=self._sender.domain,
            use_tls=self._scheme == "smtps",
            start_tls=self._scheme == "smtp",
            tls_context=self._tls,
            timeout=STEP_SECONDS,
        )

    def _message(self, mail: Mail) -> EmailMessage:
        """The mail in its form for the wire. `EmailMessage` refuses a header that holds a line break.

        Raises:
            NotSent: The recipient is no address, or the subject not one line.

        Source: RFC 5322; RFC 3834, section 5 (Auto-Submitted); RFC 3282 (Content-Language).
        """
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = _mailbox(mail.recipient)
        try:
            message["Subject"] = mail.subject
        except ValueError as cause:
            raise NotSent("the subject is not one line", for_good=True) from cause
        message["Date"] = format_datetime(mail.written_at)
        message["Message-ID"] = f"<{mail.id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        if mail.html is not None:
            message.add_alternative(mail.html, subtype="html")
        # Setting the content takes away such headers as there are.
        message["Content-Language"] = mail.locale
        return message


def _mailbox(recipient: str) -> Address:
    """*recipient* as a header has it, its domain in ASCII.

    Raises:
        NotSent: It is no address.
    """
    address = email_address(recipient)
    local, _, domain = recipient.partition("@")
    encoded = ascii_domain(domain)
    if address != recipient or encoded is None:
        raise NotSent("the recipient is no address", for_good=True)
    return Address(username=local, domain=encoded)


def relay_of(settings: Settings) -> SmtpCarrier | None:
    """The relay that the settings name, if they name one."""
    if settings.smtp_url is None:
        return None
    return SmtpCarrier(Secret(settings.smtp_url.get_secret_value()), settings.mail_from)


def _not_sent(cause: Exception) -> NotSent:
    """What a refusal or a failure of *cause* means. Of the relay's answer only its codes are kept."""
    refused = cause.recipients[0] if isinstance(cause, aiosmtplib.SMTPRecipientsRefused) else cause
    for kind, words, is_about_the_mail in _REFUSALS:
        if isinstance(refused, kind):
            for_good = is_about_the_mail and refused.code >= PERMANENT
            return NotSent(f"{words}: {_codes(refused)}", for_good=for_good)
    if isinstance(cause, OSError | aiosmtplib.SMTPServerDisconnected):
        return NotSent(reason_of(cause))
    if isinstance(cause, aiosmtplib.SMTPNotSupported | ValueError):
        return NotSent("the relay takes no such address", for_good=True)
    return NotSent(f"no agreement with the relay: {cause}")


def _codes(refused: aiosmtplib.SMTPResponseException) -> str:
    """The reply code and, if there is one, the enhanced status code. Source: RFC 5321, 4.2; RFC 3463."""
    enhanced = _ENHANCED.match(refused.message)
    return f"{refused.code} {enhanced[0]}" if enhanced else str(refused.code)
