"""An application whose people sign in, played by the core's actions as its surface performs them."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import pyotp

from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.core.realms.model import Realm
from server.core.sessions.model import OpenedSession
from server.core.sign_in.advance import AdvanceSignIn, advance_sign_in
from server.core.sign_in.begin import (
    CodeSignIn,
    LinkSignIn,
    PasswordSignIn,
    SignUp,
    sign_in_with_code,
    sign_in_with_link,
    sign_in_with_password,
    sign_up,
)
from server.core.sign_in.model import MessageSent, SignedIn, SignInOutcome, StepRequired
from server.core.sign_in.passwords import ConfirmReset, RequestReset, confirm_reset, request_reset
from server.core.sign_in.sending import SendCode, SendMagicLink, send_code, send_magic_link
from server.core.sign_in.set_up import (
    BeginSetUp,
    BySession,
    ConfirmSetUp,
    SetUpBegun,
    SetUpBy,
    begin_set_up,
    confirm_set_up,
)
from server.core.sign_in.verification import VerifyEmail, verify_email
from server.core.work import Action, Core
from tests.support.accounts import PASSWORD, a_realm, an_email
from tests.support.outbox import Letter, latest_message, messages_to
from tests.support.phone import Given
from tests.support.scene import made_on

Command = TypeVar("Command")
Outcome = TypeVar("Outcome")

ELSEWHERE = "198.51.100.7"
USER_AGENT = "Tests/1.0"


@dataclass
class Application:
    """A realm of its own on one core.

    Args:
        core: What performs.
        realm: Whose people sign in.
        address: From where they do.
    """

    core: Core
    realm: Realm
    address: str = "192.0.2.30"

    @classmethod
    async def on(cls, core: Core, **policy: Given) -> "Application":
        """An application with a new project, whose realm has these rules."""
        return cls(core, await made_on(core, a_realm, **policy))

    def elsewhere(self, address: str = ELSEWHERE) -> "Application":
        """The same application, used from another address."""
        return replace(self, address=address)

    @property
    def backend(self) -> Principal:
        """Who calls: the application's backend, for somebody at an address."""
        return Principal(
            Actor.PROJECT,
            id="a-key",
            surface="tests",
            organization_id=self.realm.organization_id,
            address=self.address,
            request_id="a-request",
            realm_id=self.realm.id,
            project_id=self.realm.project_id,
        )

    async def do(self, action: Action[Command, Outcome], command: Command) -> Outcome:
        """What the action gives."""
        return await self.core.perform(action, command, actor=self.backend)

    # --- first proofs ---

    async def sign_up(self, email: str | None = None, password: str = PASSWORD, **more: Given) -> SignedIn:
        """Somebody new."""
        return await self.do(
            sign_up,
            SignUp(self.realm.id, email or an_email(), Secret(password), user_agent=USER_AGENT, **more),
        )

    async def sign_up_verified(self, email: str) -> SignedIn:
        """Somebody new, who pressed the button of the link that verifies their address."""
        signed_up = await self.sign_up(email, send_verification=True)
        token = (await self.letter(email, "verify_email")).link_token
        await self.do(verify_email, VerifyEmail(self.realm.id, Secret(token)))
        return signed_up

    async def log_in(self, email: str, password: str = PASSWORD) -> SignInOutcome:
        """By password."""
        return await self.do(
            sign_in_with_password, PasswordSignIn(self.realm.id, email, Secret(password), USER_AGENT)
        )

    async def send_code(self, email: str | None = None, phone: str | None = None) -> MessageSent:
        """A code is asked for."""
        return await self.do(send_code, SendCode(self.realm.id, email, phone))

    async def enter_code(
        self, code: str, email: str | None = None, phone: str | None = None
    ) -> SignInOutcome:
        """The code is typed."""
        return await self.do(sign_in_with_code, CodeSignIn(self.realm.id, email, phone, Secret(code)))

    async def send_link(self, email: str, redirect_url: str | None = None) -> MessageSent:
        """A magic link is asked for."""
        return await self.do(send_magic_link, SendMagicLink(self.realm.id, email, redirect_url))

    async def follow_link(self, token: str) -> SignInOutcome:
        """The link's token comes back."""
        return await self.do(sign_in_with_link, LinkSignIn(self.realm.id, Secret(token)))

    async def forget_password(self, email: str) -> MessageSent:
        """A reset is asked for."""
        return await self.do(request_reset, RequestReset(self.realm.id, email))

    async def reset_password(self, token: str, password: str) -> None:
        """A reset is done."""
        await self.do(confirm_reset, ConfirmReset(self.realm.id, Secret(token), Secret(password)))

    # --- second proofs ---

    async def advance(
        self, step: StepRequired, code: str | None = None, *, method: str | None = None
    ) -> SignInOutcome:
        """The next proof."""
        return await self.do(
            advance_sign_in,
            AdvanceSignIn(self.realm.id, step.handle, method, None if code is None else Secret(code)),
        )

    async def begin_set_up(self, by: SetUpBy, method: str, phone: str | None = None) -> SetUpBegun:
        """A factor is set up."""
        return await self.do(begin_set_up, BeginSetUp(by, method, phone))

    async def confirm_set_up(self, by: SetUpBy, code: str, method: str | None = None) -> SignedIn:
        """Its first code is typed."""
        return await self.do(confirm_set_up, ConfirmSetUp(by, Secret(code), method))

    async def with_totp(self, signed_in: SignedIn) -> "App":
        """The person has an authenticator app, whose code of now is used up."""
        app = self.app(await self.begin_set_up(self.by(signed_in), "totp"))
        await self.confirm_set_up(self.by(signed_in), app.code())
        return app

    def app(self, begun: SetUpBegun) -> "App":
        """An authenticator app that was told the secret."""
        assert begun.secret is not None
        return App(self, begun.secret.reveal())

    async def with_sms(self, signed_in: SignedIn, phone: str) -> None:
        """The person has a number for codes."""
        await self.begin_set_up(self.by(signed_in), "sms", phone)
        await self.confirm_set_up(self.by(signed_in), (await self.letter(phone)).code)

    def by(self, signed_in: SignedIn) -> BySession:
        """The session that somebody just got."""
        return BySession(self.realm.id, signed_in.principal.id, signed_in.session.session.id)

    # --- what is told, time and rows ---

    async def letter(self, recipient: str, template: str | None = None) -> Letter:
        """The last message to somebody."""
        return await latest_message(self.core, recipient, template=template)

    async def letters(self, recipient: str, template: str | None = None) -> list[Letter]:
        """All messages to somebody, newest first."""
        return await messages_to(self.core, recipient, template=template)

    def move_clock(self, **passed: float) -> None:
        """So much time has *passed*."""
        self.core.clock.set_offset(self.core.clock.offset + timedelta(**passed))

    async def rows(self, query: str, *args: object) -> list[dict[str, Any]]:
        """What a query gives."""
        async with self.core.db.acquire() as conn:
            return [dict(row) for row in await conn.fetch(query, *args)]

    async def events(self, name: str) -> list[dict[str, Any]]:
        """The realm's audit records of this name, oldest first."""
        return await self.rows(
            "SELECT * FROM audit_events WHERE realm_id = $1 AND event = $2 ORDER BY at, id",
            self.realm.id,
            name,
        )


@dataclass(frozen=True)
class App:
    """An authenticator app, on the same clock as the server.

    Args:
        secret: Base32.
    """

    application: Application
    secret: str

    def code(self, *, steps: int = 0) -> str:
        """The code of now, or of some steps later."""
        at = self.application.core.clock.now() + timedelta(seconds=30 * steps)
        return pyotp.TOTP(self.secret).at(at)

    def next_code(self) -> str:
        """A code that was not used: half a minute has passed."""
        self.application.move_clock(seconds=30)
        return self.code()

    def wrong_code(self) -> str:
        """A code that is not right about now."""
        right = {self.code(steps=steps) for steps in range(-2, 3)}
        return next(
            code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in right
        )


def signed_in(outcome: SignInOutcome) -> SignedIn:
    """The sign-in that is finished."""
    assert isinstance(outcome, SignedIn)
    return outcome


def step(outcome: SignInOutcome) -> StepRequired:
    """The sign-in that needs another proof."""
    assert isinstance(outcome, StepRequired)
    return outcome


def amr(outcome: SignInOutcome) -> tuple[str, ...]:
    """What the session says of how it began."""
    return session_of(outcome).session.amr


def session_of(outcome: SignInOutcome) -> OpenedSession:
    """The session of a sign-in that is finished."""
    return signed_in(outcome).session
