"""Passwords: forgotten, set anew by a link, changed."""

from uuid import UUID

from server.base.errors import LinkExpired, LinkUnknown, LinkUsed, TooManyAttempts, WrongPassword
from server.base.secret import Secret
from server.core.sign_in.passwords import (
    ChangePassword,
    ConfirmReset,
    RequestReset,
    change_password,
    confirm_reset,
    request_reset,
)
from server.core.sign_in.set_up import BySession
from server.surfaces.kit.body import Email, SnakeBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import project_key, user
from server.surfaces.kit.limits import PROJECT
from server.surfaces.kit.performing import perform, perform_evenly
from server.surfaces.kit.reading import read
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_auth.bodies import MessageBody, Password
from server.surfaces.protekt_auth.surface import caller_realm, caller_session, surface


class ResetRequest(SnakeBody):
    """Whose password was forgotten."""

    email: Email

    def command(self, realm_id: UUID) -> RequestReset:
        """What is asked for."""
        return RequestReset(realm_id, self.email)


class ConfirmRequest(SnakeBody):
    """The token of the link, and the new password."""

    reset_token: str
    new_password: Password

    def command(self, realm_id: UUID) -> ConfirmReset:
        """What is asked for."""
        return ConfirmReset(realm_id, Secret(self.reset_token), Secret(self.new_password))


class ChangeRequest(SnakeBody):
    """The password that is, and the one that shall be."""

    current_password: Password
    new_password: Password

    def command(self, me: BySession) -> ChangePassword:
        """What is asked for."""
        return ChangePassword(
            me.realm_id,
            me.principal_id,
            me.session_id,
            current=Secret(self.current_password),
            new=Secret(self.new_password),
        )


@surface.post(
    "/password/reset",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=ResetRequest,
    gives={200: MessageBody},
    refuses=(TooManyAttempts,),
)
async def reset_password() -> Response:
    """POST /v1/auth/password/reset: a link is on its way, if the address is a user's; nobody is told."""
    body = await read(ResetRequest)
    await perform_evenly(request_reset, body.command(caller_realm()))
    return reply(MessageBody(message="If that email is registered, a reset link has been sent."))


@surface.post(
    "/password/confirm",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=ConfirmRequest,
    gives={200: MessageBody},
    refuses=(LinkUnknown, LinkUsed, LinkExpired),
)
async def confirm_password() -> Response:
    """POST /v1/auth/password/confirm: the password is the new one; all sessions of the user have ended."""
    body = await read(ConfirmRequest)
    await perform(confirm_reset, body.command(caller_realm()))
    return reply(MessageBody(message="Password has been reset successfully."))


@surface.post(
    "/password/change",
    guard=user("auth:write"),
    limit=PROJECT,
    takes=ChangeRequest,
    gives={200: MessageBody},
    refuses=(WrongPassword, TooManyAttempts),
)
async def change() -> Response:
    """POST /v1/auth/password/change: the password is the new one; the user's other sessions have ended."""
    body = await read(ChangeRequest)
    await perform(change_password, body.command(caller_session()))
    return reply(MessageBody(message="Password changed successfully."))
