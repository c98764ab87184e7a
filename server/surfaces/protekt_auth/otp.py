"""Codes of six digits that sign in, by mail or SMS."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from server.base.errors import (
    AccountDisabled,
    InvalidCode,
    InvalidFields,
    SecondFactorRequired,
    TooManyAttempts,
)
from server.base.secret import Secret
from server.core.sign_in.begin import CodeSignIn, sign_in_with_code
from server.core.sign_in.sending import SendCode, send_code
from server.surfaces.kit.body import Email, Phone, SnakeBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import project_key
from server.surfaces.kit.limits import PROJECT
from server.surfaces.kit.performing import perform, perform_evenly
from server.surfaces.kit.reading import read, user_agent
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_auth.bodies import ChallengeBody, MessageBody, SignedInBody, reply_outcome
from server.surfaces.protekt_auth.surface import caller_realm, surface

Code = Annotated[str, Field(max_length=64)]


class SendRequest(SnakeBody):
    """Where the code goes: to the address; to the number if there is nothing else or `channel` says so."""

    email: Email | None = None
    phone: Phone | None = None
    channel: Literal["email", "sms"] | None = None

    def command(self, realm_id: UUID) -> SendCode:
        """What is asked for.

        Raises:
            InvalidFields: What the channel needs is missing.
        """
        if self.email is None and self.phone is None:
            raise InvalidFields(fields={"email": "is required, or phone is"})
        if self.channel == "sms" or (self.channel is None and self.email is None):
            if self.phone is None:
                raise InvalidFields(fields={"phone": "is required for this channel"})
            return SendCode(realm_id, phone=self.phone)
        if self.email is None:
            raise InvalidFields(fields={"email": "is required for this channel"})
        return SendCode(realm_id, email=self.email)


class VerifyRequest(SnakeBody):
    """The code, and where it was sent."""

    email: Email | None = None
    phone: Phone | None = None
    otp: Code

    def command(self, realm_id: UUID, user_agent: str | None) -> CodeSignIn:
        """What is asked for.

        Raises:
            InvalidFields: Neither the address nor the number is named, or both are.
        """
        if (self.email is None) == (self.phone is None):
            raise InvalidFields(
                fields={"email": "is required, or phone is: the one that the code was sent to"}
            )
        return CodeSignIn(realm_id, self.email, self.phone, Secret(self.otp), user_agent)


@surface.post(
    "/otp/send",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=SendRequest,
    gives={200: MessageBody},
    refuses=(TooManyAttempts,),
)
async def send_otp() -> Response:
    """POST /v1/auth/otp/send: a code is on its way, if whoever asks may sign in so; nobody is told."""
    body = await read(SendRequest)
    sent = await perform_evenly(send_code, body.command(caller_realm()))
    return reply(MessageBody(message="OTP sent", expires_in=sent.expires_in))


@surface.post(
    "/otp/verify",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=VerifyRequest,
    gives={200: (SignedInBody, ChallengeBody)},
    refuses=(InvalidCode, AccountDisabled, SecondFactorRequired, TooManyAttempts),
)
async def verify_otp() -> Response:
    """POST /v1/auth/otp/verify: a session by a code that was sent, or what is asked besides."""
    body = await read(VerifyRequest)
    return await reply_outcome(await perform(sign_in_with_code, body.command(caller_realm(), user_agent())))
