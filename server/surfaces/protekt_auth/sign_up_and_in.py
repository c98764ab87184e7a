"""E-mail and password: sign-up, log-in, log-out."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from server.base.errors import (
    AccountDisabled,
    EmailTaken,
    InvalidCredentials,
    RegistrationClosed,
    SecondFactorRequired,
    TooManyAttempts,
)
from server.base.secret import Secret
from server.core.sessions.ending import EndSession, end_session
from server.core.sessions.model import EndReason
from server.core.sign_in.begin import PasswordSignIn, SignUp, sign_in_with_password, sign_up
from server.surfaces.kit.body import Email, SnakeAnswer, SnakeBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import project_key, user
from server.surfaces.kit.limits import PROJECT
from server.surfaces.kit.performing import perform, perform_evenly
from server.surfaces.kit.reading import read, user_agent
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_auth.bodies import (
    ChallengeBody,
    Metadata,
    Password,
    SignedInBody,
    reply_outcome,
)
from server.surfaces.protekt_auth.surface import caller_realm, caller_session, surface


class SignUpRequest(SnakeBody):
    """A new user."""

    email: Email
    password: Password
    metadata: Metadata = Field(default_factory=dict)
    send_verification: bool | None = None

    def command(self, realm_id: UUID, user_agent: str | None) -> SignUp:
        """What is asked for."""
        return SignUp(
            realm_id,
            self.email,
            Secret(self.password),
            metadata=self.metadata,
            send_verification=self.send_verification,
            user_agent=user_agent,
        )


class LogInRequest(SnakeBody):
    """An address and a password."""

    email: Email
    password: Password

    def command(self, realm_id: UUID, user_agent: str | None) -> PasswordSignIn:
        """What is asked for."""
        return PasswordSignIn(realm_id, self.email, Secret(self.password), user_agent)


class LoggedOut(SnakeAnswer):
    """The session has ended."""

    logged_out: Literal[True] = True


@surface.post(
    "/signup",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=SignUpRequest,
    gives={201: SignedInBody},
    refuses=(EmailTaken, RegistrationClosed),
)
async def signup() -> Response:
    """POST /v1/auth/signup: a new user, who is signed in.

    Where the project demands a second factor, the session is not refreshed before one was set up.
    """
    body = await read(SignUpRequest)
    return await reply_outcome(await perform(sign_up, body.command(caller_realm(), user_agent())), 201)


@surface.post(
    "/login",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=LogInRequest,
    gives={200: (SignedInBody, ChallengeBody)},
    refuses=(InvalidCredentials, AccountDisabled, SecondFactorRequired, TooManyAttempts),
    marked=True,
)
async def login() -> Response:
    """POST /v1/auth/login: a session by e-mail and password, or what is asked besides."""
    body = await read(LogInRequest)
    return await reply_outcome(
        await perform_evenly(sign_in_with_password, body.command(caller_realm(), user_agent()))
    )


@surface.post("/logout", guard=user("auth:write"), limit=PROJECT, gives={200: LoggedOut}, marked=True)
async def logout() -> Response:
    """POST /v1/auth/logout: the session of the access token has ended, with all its tokens."""
    me = caller_session()
    await perform(end_session, EndSession(me.realm_id, me.principal_id, me.session_id, EndReason.LOGGED_OUT))
    return reply(LoggedOut())
