"""Links that sign in, by mail."""

from uuid import UUID

from server.base.errors import (
    AccountDisabled,
    InvalidCredentials,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    RedirectNotAllowed,
    SecondFactorRequired,
    TooManyAttempts,
)
from server.base.secret import Secret
from server.core.sign_in.begin import LinkSignIn, sign_in_with_link
from server.core.sign_in.sending import SendMagicLink, send_magic_link
from server.surfaces.kit.body import Email, SnakeBody, Url
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import project_key
from server.surfaces.kit.limits import PROJECT
from server.surfaces.kit.performing import perform, perform_evenly
from server.surfaces.kit.reading import read, user_agent
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_auth.bodies import ChallengeBody, MessageBody, SignedInBody, reply_outcome
from server.surfaces.protekt_auth.surface import caller_realm, surface


class SendRequest(SnakeBody):
    """Where the link goes, and where it leads in the end."""

    email: Email
    redirect_url: Url | None = None

    def command(self, realm_id: UUID) -> SendMagicLink:
        """What is asked for."""
        return SendMagicLink(realm_id, self.email, self.redirect_url)


class VerifyRequest(SnakeBody):
    """The token that the link brought to the redirect URL."""

    token: str

    def command(self, realm_id: UUID, user_agent: str | None) -> LinkSignIn:
        """What is asked for."""
        return LinkSignIn(realm_id, Secret(self.token), user_agent)


@surface.post(
    "/magic-link/send",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=SendRequest,
    gives={200: MessageBody},
    refuses=(RedirectNotAllowed, TooManyAttempts),
    marked=True,
)
async def send_link() -> Response:
    """POST /v1/auth/magic-link/send: a link is on its way, if whoever asks may sign in so.

    It opens a page with a button, which leads to the redirect URL with the token as `token`. Programs that
    open links in mails do not press buttons.
    """
    body = await read(SendRequest)
    sent = await perform_evenly(send_magic_link, body.command(caller_realm()))
    return reply(MessageBody(message="Magic link sent", expires_in=sent.expires_in))


@surface.post(
    "/magic-link/verify",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=VerifyRequest,
    gives={200: (SignedInBody, ChallengeBody)},
    refuses=(LinkUnknown, LinkUsed, LinkExpired, InvalidCredentials, AccountDisabled, SecondFactorRequired),
    marked=True,
)
async def verify_link() -> Response:
    """POST /v1/auth/magic-link/verify: a session by the token of a link, or what is asked besides."""
    body = await read(VerifyRequest)
    return await reply_outcome(await perform(sign_in_with_link, body.command(caller_realm(), user_agent())))
