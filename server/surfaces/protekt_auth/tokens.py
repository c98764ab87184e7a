"""Tokens: a new pair, what one says, one refused from now on."""

from collections.abc import Mapping
from typing import Literal, Self
from uuid import UUID

from server.base.errors import InvalidAccessToken, InvalidRefreshToken
from server.base.secret import Secret
from server.core.sessions.authenticate import VerifyAccessToken, verify_access_token
from server.core.sessions.ending import RevokeToken, revoke_token
from server.core.sessions.refresh import RefreshSession, refresh_session
from server.surfaces.kit.body import SnakeAnswer, SnakeBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import project_key
from server.surfaces.kit.limits import PROJECT
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import read
from server.surfaces.kit.replying import reply
from server.surfaces.kit.surface import HOT
from server.surfaces.protekt_auth.bodies import SessionTokens
from server.surfaces.protekt_auth.surface import caller_realm, surface


class RefreshRequest(SnakeBody):
    """A refresh token."""

    refresh_token: str

    def command(self, realm_id: UUID) -> RefreshSession:
        """What is asked for."""
        return RefreshSession(realm_id, Secret(self.refresh_token))


class VerifyRequest(SnakeBody):
    """An access token."""

    token: str

    def command(self, realm_id: UUID) -> VerifyAccessToken:
        """What is asked for."""
        return VerifyAccessToken(realm_id, Secret(self.token))


class RevokeRequest(SnakeBody):
    """An access token or a refresh token."""

    token: str

    def command(self, realm_id: UUID) -> RevokeToken:
        """What is asked for."""
        return RevokeToken(realm_id, Secret(self.token))


class Claims(SnakeBody):
    """Whose the token is, and from when until when (Unix times). The token itself says more."""

    sub: str
    email: str | None = None
    iat: int
    exp: int
    project_id: str | None = None


class VerifiedToken(SnakeBody):
    """The token is good now."""

    valid: Literal[True] = True
    claims: Claims

    @classmethod
    def of(cls, claims: Mapping[str, object]) -> Self:
        """What `Claims` names."""
        return cls(claims=Claims.model_validate(claims))


class Revoked(SnakeAnswer):
    """The token is refused."""

    revoked: Literal[True] = True


@surface.post(
    "/token/refresh",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=RefreshRequest,
    gives={200: SessionTokens},
    refuses=(InvalidRefreshToken,),
)
async def refresh_token() -> Response:
    """POST /v1/auth/token/refresh: a new pair; the refresh token that was sent is used up."""
    body = await read(RefreshRequest)
    return reply(SessionTokens.of(await perform(refresh_session, body.command(caller_realm()))))


@surface.post(
    "/token/verify",
    guard=project_key("auth:read"),
    limit=PROJECT,
    takes=VerifyRequest,
    gives={200: VerifiedToken},
    lane=HOT,
    refuses=(InvalidAccessToken,),
)
async def verify_token() -> Response:
    """POST /v1/auth/token/verify: what an access token of the project's users says, if it is good now."""
    body = await read(VerifyRequest)
    return reply(VerifiedToken.of(await perform_at_once(verify_access_token, body.command(caller_realm()))))


@surface.post(
    "/token/revoke",
    guard=project_key("auth:write"),
    limit=PROJECT,
    takes=RevokeRequest,
    gives={200: Revoked},
    refuses=(InvalidAccessToken,),
)
async def revoke() -> Response:
    """POST /v1/auth/token/revoke: the one token is refused from now on; its session goes on."""
    body = await read(RevokeRequest)
    await perform(revoke_token, body.command(caller_realm()))
    return reply(Revoked())
