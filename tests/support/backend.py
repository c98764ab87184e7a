"""An application's backend at the HTTP surface: a project's key, and the application's people with tokens."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pyotp

from server.core.api_keys.model import Scope
from server.core.projects.model import Project
from server.core.realms.actions import ChangePolicy, change_policy
from tests.support.accounts import PASSWORD, a_project, an_email
from tests.support.outbox import Letter, latest_message, messages_to
from tests.support.phone import Body, Given
from tests.support.product import Product

USER_AGENT = "Safari on a test"


@dataclass
class Somebody:
    """A user with the tokens of one session.

    Args:
        user: As the API showed it when the session began.
    """

    email: str
    access_token: str
    refresh_token: str
    user: Body
    password: str = field(default=PASSWORD, repr=False)

    @property
    def id(self) -> str:
        """`usr_…`."""
        found: str = self.user["id"]
        return found

    @property
    def claims(self) -> Body:
        """What the access token says; not verified."""
        return claims_of(self.access_token)


@dataclass
class Backend:
    """Whoever has a project's key.

    Args:
        key: `pk_live_…`.
    """

    product: Product
    project: Project
    key: str = field(repr=False)

    @classmethod
    async def on(
        cls, product: Product, *, scopes: tuple[Scope, ...] | None = None, **project: Given
    ) -> "Backend":
        """A new project with a key that may do everything, or only *scopes*."""
        return await cls.of(product, await product.made(a_project, **project), scopes=scopes)

    @classmethod
    async def of(
        cls, product: Product, project: Project, *, scopes: tuple[Scope, ...] | None = None
    ) -> "Backend":
        """A further key of the project."""
        made = await product.backend(project=project, scopes=scopes)
        return cls(product, project, made.key)

    # --- calls ---

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        with_key: bool = True,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """A call of `/v1/auth/` and *path*, with the key and, if it is given, a user's token."""
        sent = {"User-Agent": USER_AGENT, **(headers or {})}
        if with_key:
            sent["X-Protekt-Key"] = self.key
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return await self.product.http.request(
            method, f"/v1/auth/{path}", json=body, headers=sent, params=query
        )

    async def post(self, path: str, /, *, bearer: str | None = None, **members: Given) -> httpx2.Response:
        """POST with the key, and *members* as body."""
        return await self.call("POST", path, members, token=bearer)

    async def get(
        self, path: str, /, *, bearer: str | None = None, query: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """GET with the key."""
        return await self.call("GET", path, token=bearer, query=query)

    async def log_in(self, who: "Somebody | str", password: str | None = None) -> httpx2.Response:
        """POST /v1/auth/login with the right password, or with another."""
        email, right = (who, PASSWORD) if isinstance(who, str) else (who.email, who.password)
        return await self.post("login", email=email, password=right if password is None else password)

    # --- people ---

    async def somebody(self, *, email: str | None = None, **members: Given) -> Somebody:
        """Somebody who has just signed up."""
        address = email or an_email()
        answer = await self.post("signup", email=address, password=PASSWORD, **members)
        assert answer.status_code == 201, answer.text
        return signed_in(answer, address)

    async def again(self, who: Somebody) -> Somebody:
        """The same person in another session."""
        answer = await self.log_in(who)
        assert answer.status_code == 200, answer.text
        return signed_in(answer, who.email, who.password)

    async def profile(self, who: Somebody) -> Body:
        """What the backend sees of them."""
        answer = await self.get(f"users/{who.id}")
        assert answer.status_code == 200, answer.text
        seen: Body = answer.json()
        return seen

    async def is_alive(self, who: Somebody) -> bool:
        """Whether the access token is good."""
        return (await self.get("sessions", bearer=who.access_token)).status_code == 200

    async def with_totp(self, who: Somebody) -> "Authenticator":
        """They have an authenticator app, whose code of now is used up."""
        begun = await self.post("mfa/enroll", bearer=who.access_token, method="totp")
        assert begun.status_code == 200, begun.text
        authenticator = Authenticator(self.product, begun.json()["totp_uri"])
        confirmed = await self.post("mfa/verify", bearer=who.access_token, code=authenticator.code())
        assert confirmed.status_code == 200, confirmed.text
        return authenticator

    async def challenged(self, who: Somebody) -> str:
        """The `mfa_token` of a log-in that waits for the second factor."""
        answer = await self.log_in(who)
        assert answer.json()["mfa_required"] is True, answer.text
        token: str = answer.json()["mfa_token"]
        return token

    # --- what is sent, and the rules ---

    async def letter(self, to: str, template: str | None = None) -> Letter:
        """The newest message to an address or number."""
        return await latest_message(self.product.core, to, template=template)

    async def letters(self, to: str, template: str | None = None) -> list[Letter]:
        """All messages to an address or number, newest first."""
        return await messages_to(self.product.core, to, template=template)

    async def set_policy(self, **rules: object) -> None:
        """The realm's rules are others, by the names of `SignInPolicy`."""
        await self.product.made(change_policy, command=ChangePolicy(self.project.realm_id, rules))


@dataclass(frozen=True)
class Authenticator:
    """An authenticator app, on the same clock as the server."""

    product: Product
    uri: str = field(repr=False)

    def code(self) -> str:
        """The code of now."""
        return self._totp.at(self.product.core.clock.now())

    def next_code(self) -> str:
        """A code that was not used: half a minute has passed."""
        self.product.move_clock(seconds=30)
        return self.code()

    def wrong_code(self) -> str:
        """A code that is not right about now."""
        now = int(self.product.core.clock.now().timestamp())
        right = {self._totp.at(now + 30 * steps) for steps in range(-2, 3)}
        return next(code for code in (f"{digit}" * 6 for digit in range(10)) if code not in right)

    @property
    def _totp(self) -> pyotp.TOTP:
        totp = pyotp.parse_uri(self.uri)
        assert isinstance(totp, pyotp.TOTP)
        return totp


def signed_in(answer: httpx2.Response, email: str, password: str = PASSWORD) -> Somebody:
    """Whoever the answer gave tokens to."""
    body: Any = answer.json()
    return Somebody(email, body["access_token"], body["refresh_token"], body["user"], password)


def claims_of(token: str) -> Body:
    """The claims of a JWT, whoever signed it."""
    payload = token.split(".")[1]
    claims: Body = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    code: str = answer.json()["error"]["code"]
    return answer.status_code, code
