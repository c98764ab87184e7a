"""A mail relay that speaks SMTP on a port of this machine, and does with mail what the test says."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TAKEN = "250 2.0.0 Taken"
PATIENCE_SECONDS = 10


@dataclass
class Received:
    """One mail as it arrived.

    Args:
        sender: The envelope's.
        recipient: The envelope's.
        raw: With its headers, as it was on the wire.
    """

    sender: str
    recipient: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, read."""
        read = message_from_bytes(self.raw, policy=SMTP_POLICY)
        assert isinstance(read, EmailMessage)
        return read


@dataclass
class Relay:
    """A relay, and what it answers.

    Args:
        port: Where it is.
        rcpt: What it answers to a recipient, one after the other; then `TAKEN`.
        data: What it answers to a mail, one after the other; then `TAKEN`.
        mail_from: What it answers to a sender; None takes any.
        received: The mails that it took.
        tries: How many mails it was offered.
        held: Unset, it does not answer to a mail until it is set.
        stirred: Notified of each recipient and each mail; see `until`.
    """

    port: int = 0
    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    mail_from: str | None = None
    received: list[Received] = field(default_factory=list)
    tries: int = 0
    held: asyncio.Event = field(default_factory=asyncio.Event)
    stirred: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.held.set()

    async def until(self, *, tries: int = 0, received: int = 0) -> None:
        """It was offered, and has taken, so many mails.

        Raises:
            TimeoutError: That did not happen.
        """
        async with asyncio.timeout(PATIENCE_SECONDS), self.stirred:
            await self.stirred.wait_for(lambda: self.tries >= tries and len(self.received) >= received)

    async def _stir(self) -> None:
        async with self.stirred:
            self.stirred.notify_all()

    # --- what aiosmtpd asks ---

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """May this address send?"""
        if self.mail_from is not None:
            return self.mail_from
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return TAKEN

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """May this address be sent to?"""
        self.tries += 1
        await self._stir()
        answer = self.rcpt.pop(0) if self.rcpt else TAKEN
        if answer == TAKEN:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Is this mail taken?"""
        await self.held.wait()
        answer = self.data.pop(0) if self.data else TAKEN
        if answer == TAKEN:
            assert isinstance(envelope.content, bytes)
            self.received.append(
                Received(str(envelope.mail_from), str(envelope.rcpt_tos[0]), envelope.content)
            )
            await self._stir()
        return answer


@asynccontextmanager
async def a_relay(
    *,
    tls: ssl.SSLContext | None = None,
    how: Literal["starttls", "tls", "plain"] = "plain",
    user: tuple[str, str] | None = None,
    utf8: bool = True,
) -> AsyncIterator[Relay]:
    """Inside, a relay listens at 127.0.0.1.

    Args:
        tls: What it shows, unless it is plain.
        how: Whether TLS begins with the connection or by STARTTLS, without which it takes nothing.
        user: Name and password without which it takes nothing.
        utf8: Whether it takes addresses that are not ASCII (RFC 6531).
    """
    relay = Relay()

    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        shown = (data.login.decode(), data.password.decode())
        return AuthResult(success=shown == user, handled=False)

    def connected() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # passwords may go without TLS here
            return SMTP(
                relay,
                hostname="relay.test",
                tls_context=tls if how == "starttls" else None,
                require_starttls=how == "starttls",
                auth_required=user is not None,
                auth_require_tls=False,
                authenticator=authenticate if user else None,
                enable_SMTPUTF8=utf8,
                loop=asyncio.get_running_loop(),
            )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connected, "127.0.0.1", 0, ssl=tls if how == "tls" else None)
    relay.port = server.sockets[0].getsockname()[1]
    async with server:
        yield relay
