"""Second factors: set up, proved, taken away."""

import asyncio
from base64 import b64encode
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import Field

from server.base.errors import (
    FactorExists,
    FactorNotFound,
    InvalidAccessToken,
    InvalidCode,
    InvalidFields,
    InvalidSignIn,
    SecondFactorRequired,
    TooManyAttempts,
)
from server.base.principal import Principal
from server.base.secret import Secret
from server.core.sign_in.advance import AdvanceSignIn, ReadUnfinished, advance_sign_in, read_unfinished
from server.core.sign_in.model import SignedIn, SignInOutcome
from server.core.sign_in.set_up import (
    BeginSetUp,
    ByHandle,
    BySession,
    ConfirmSetUp,
    RemoveSetUp,
    SetUpBegun,
    SetUpBy,
    begin_set_up,
    confirm_set_up,
    remove_set_up,
)
from server.core.sign_in.waiting import has_answered
from server.surfaces.kit.body import Phone, SnakeAnswer, SnakeBody
from server.surfaces.kit.exchange import Exchange, Response, current_exchange
from server.surfaces.kit.guards import key_or_user, project_key, user
from server.surfaces.kit.limits import PROJECT
from server.surfaces.kit.performing import perform, perform_at_once, perform_until
from server.surfaces.kit.qr import png_of
from server.surfaces.kit.reading import preferred_wait_seconds, read, user_agent
from server.surfaces.kit.replying import reply
from server.surfaces.kit.surface import Guard
from server.surfaces.protekt_auth.bodies import ChallengeBody, SignedInBody, reply_outcome
from server.surfaces.protekt_auth.surface import caller_realm, caller_session, surface

HANDLE_BEGINNING: Final = "mfa_tmp_"
MAX_WAIT_SECONDS: Final = 50
PNG_URL: Final = "data:image/png;base64,"

_BY_USER = user("auth:write")
_BY_KEY = project_key("auth:write")


def _handle(exchange: Exchange) -> Secret | None:
    """The handle of an unfinished sign-in that is sent as bearer token, if one is."""
    scheme, _, token = (exchange.header("authorization") or "").partition(" ")
    return Secret(token) if scheme.lower() == "bearer" and token.startswith(HANDLE_BEGINNING) else None


async def _user_or_handle(exchange: Exchange) -> Principal:
    """The user whose token is sent; or the project, with the handle of a sign-in that demands a factor."""
    return await (_BY_USER if _handle(exchange) is None else _BY_KEY).check(exchange)


user_or_handle = Guard(
    "user_or_handle",
    _user_or_handle,
    needs=_BY_USER.needs,
    either=(_BY_USER, _BY_KEY),
    refusal=InvalidAccessToken,
    forbids=_BY_USER.forbids,
)


class EnrollRequest(SnakeBody):
    """What is set up. `sms` needs a number."""

    method: Literal["totp", "sms"]
    phone: Phone | None = None

    def command(self, by: SetUpBy) -> BeginSetUp:
        """What is asked for."""
        return BeginSetUp(by, self.method, self.phone)


class EnrollBody(SnakeBody):
    """What the user needs to go on: for `totp` the secret, once, as a URI and as a picture of it."""

    method: str
    totp_uri: str | None
    qr_code: str | None

    @classmethod
    def of(cls, begun: SetUpBegun) -> Self:
        """The URI stands in the picture too. They are in no other answer."""
        uri = begun.uri.reveal() if begun.uri else None
        picture = PNG_URL + b64encode(png_of(uri)).decode() if uri else None
        return cls(method=begun.method, totp_uri=uri, qr_code=picture)


class VerifyRequest(SnakeBody):
    """A code: of a sign-in that waits for one, with its `mfa_token`; or of a factor that is being set up.

    With a method and no code a sign-in asks again: `sms` sends another code, `push` looks what the phone
    said.
    """

    mfa_token: str | None = None
    code: Annotated[str, Field(max_length=64)] | None = None
    method: Literal["totp", "sms", "push", "recovery_code"] | None = None

    @property
    def secret_code(self) -> Secret | None:
        """The code."""
        return None if self.code is None else Secret(self.code)

    def confirmation(self, by: SetUpBy, user_agent: str | None) -> ConfirmSetUp:
        """What is asked for by somebody who sets a factor up.

        Raises:
            InvalidFields: There is no code.
        """
        if self.code is None:
            raise InvalidFields(fields={"code": "is required"})
        return ConfirmSetUp(by, Secret(self.code), self.method, user_agent)

    def advance(self, realm_id: UUID, handle: Secret, user_agent: str | None) -> AdvanceSignIn:
        """What is asked for by somebody who signs in.

        Raises:
            InvalidFields: There is neither a code nor a method.
        """
        if self.code is None and self.method is None:
            raise InvalidFields(fields={"code": "is required"})
        return AdvanceSignIn(realm_id, handle, self.method, self.secret_code, user_agent)


class UnenrollRequest(SnakeBody):
    """What is taken away."""

    method: Literal["totp", "sms"]

    def command(self, by: BySession) -> RemoveSetUp:
        """What is asked for."""
        return RemoveSetUp(by, self.method)


class Unenrolled(SnakeAnswer):
    """The factor is gone."""

    unenrolled: Literal[True] = True


@surface.post(
    "/mfa/enroll",
    guard=user_or_handle,
    limit=PROJECT,
    takes=EnrollRequest,
    gives={200: EnrollBody},
    refuses=(InvalidSignIn, SecondFactorRequired, FactorExists, TooManyAttempts),
)
async def enroll() -> Response:
    """POST /v1/auth/mfa/enroll: a second factor waits for its first code; it counts for nothing until then.

    Whose sign-in demands one sends its `mfa_token` as bearer token, with the project's key.
    """
    body = await read(EnrollRequest)
    begun = await perform(begin_set_up, body.command(_who()))
    # The picture takes twenty milliseconds to draw, for which nobody else should wait.
    return reply(await asyncio.to_thread(EnrollBody.of, begun))


@surface.post(
    "/mfa/verify",
    guard=key_or_user("auth:write"),
    limit=PROJECT,
    takes=VerifyRequest,
    gives={200: (SignedInBody, ChallengeBody)},
    refuses=(
        InvalidSignIn,
        InvalidCode,
        SecondFactorRequired,
        FactorExists,
        InvalidAccessToken,
        TooManyAttempts,
    ),
)
async def verify_mfa() -> Response:
    """POST /v1/auth/mfa/verify: the sign-in is finished, or the factor set up; tokens either way.

    With method `push` and `Prefer: wait=N` (RFC 7240, 4.3; at most 50) the answer is held until the phone has
    said something, or N seconds passed; then it says again what is required.
    """
    body = await read(VerifyRequest)
    return await reply_outcome(await _verified(body))


@surface.delete(
    "/mfa/unenroll",
    guard=user("auth:write"),
    limit=PROJECT,
    takes=UnenrollRequest,
    gives={200: Unenrolled},
    refuses=(FactorNotFound, SecondFactorRequired),
)
async def unenroll() -> Response:
    """DELETE /v1/auth/mfa/unenroll: the second factor is gone; the user hears of it by mail."""
    body = await read(UnenrollRequest)
    await perform(remove_set_up, body.command(caller_session()))
    return reply(Unenrolled())


def _who() -> SetUpBy:
    handle = _handle(current_exchange())
    return caller_session() if handle is None else ByHandle(caller_realm(), handle)


async def _verified(body: VerifyRequest) -> SignInOutcome:
    """What comes of the code, for whoever shows it."""
    if body.mfa_token is None:
        if current_exchange().caller.session_id is None:
            raise InvalidAccessToken
        return await perform(confirm_set_up, body.confirmation(caller_session(), user_agent()))
    realm_id, handle = caller_realm(), Secret(body.mfa_token)
    waiting = await perform_at_once(read_unfinished, ReadUnfinished(realm_id, handle))
    if waiting.sets_up:
        return await perform(confirm_set_up, body.confirmation(ByHandle(realm_id, handle), user_agent()))
    command = body.advance(realm_id, handle, user_agent())
    outcome = await perform(advance_sign_in, command)
    seconds = preferred_wait_seconds(MAX_WAIT_SECONDS)
    if isinstance(outcome, SignedIn) or outcome.topic is None or not seconds:
        return outcome
    asked = ReadUnfinished(realm_id, handle)
    await perform_until(has_answered, asked, topics=[outcome.topic], wait_seconds=seconds)
    return await perform(advance_sign_in, command)
