"""The sessions of whoever calls: seen, ended."""

from typing import Literal, Self
from uuid import UUID

from server.base.errors import SessionNotFound
from server.base.ids import public_id, uid_of
from server.core.sessions.ending import (
    EndSession,
    EndSessions,
    ListSessions,
    end_session,
    end_sessions,
    list_sessions,
)
from server.core.sessions.model import EndReason, Session
from server.surfaces.kit.body import Instant, SnakeAnswer, SnakeBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import user
from server.surfaces.kit.limits import PROJECT
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.protekt import SESSION
from server.surfaces.kit.reading import path_text, read_or_default
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_auth.surface import caller_session, surface


class SessionBody(SnakeBody):
    """An open session: from where and by what it was opened, and when it was used last, to the minute."""

    id: str
    ip_address: str | None
    user_agent: str | None
    created_at: Instant
    last_active_at: Instant
    is_current: bool

    @classmethod
    def of(cls, session: Session, current: UUID) -> Self:
        """What its owner sees; *current* is the session that asks."""
        return cls(
            id=public_id(SESSION, session.id),
            ip_address=session.address,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_active_at=session.last_active_at,
            is_current=session.id == current,
        )


class SessionList(SnakeBody):
    """All open sessions, newest first."""

    data: list[SessionBody]


class RevokeAllRequest(SnakeBody):
    """Whether the session that asks goes on."""

    keep_current: bool = False


class AllRevoked(SnakeAnswer):
    """How many sessions ended."""

    revoked_count: int


class SessionRevoked(SnakeAnswer):
    """The session has ended."""

    revoked: Literal[True] = True
    session_id: str


@surface.get("/sessions", guard=user("auth:read"), limit=PROJECT, gives={200: SessionList})
async def sessions() -> Response:
    """GET /v1/auth/sessions: the open sessions of the user whose token is sent."""
    me = caller_session()
    found = await perform_at_once(list_sessions, ListSessions(me.realm_id, me.principal_id))
    return reply(SessionList(data=[SessionBody.of(session, me.session_id) for session in found]))


@surface.delete(
    "/sessions",
    guard=user("auth:write"),
    limit=PROJECT,
    takes=RevokeAllRequest,
    body_optional=True,
    gives={200: AllRevoked},
)
async def revoke_sessions() -> Response:
    """DELETE /v1/auth/sessions: all sessions of the user have ended, or all but the one that asks."""
    body, me = await read_or_default(RevokeAllRequest), caller_session()
    keep = me.session_id if body.keep_current else None
    ended = await perform(
        end_sessions, EndSessions(me.realm_id, me.principal_id, EndReason.REVOKED, keep=keep)
    )
    return reply(AllRevoked(revoked_count=ended))


@surface.delete(
    "/sessions/{id:text}",
    guard=user("auth:write"),
    limit=PROJECT,
    gives={200: SessionRevoked},
    refuses=(SessionNotFound,),
)
async def revoke_session() -> Response:
    """DELETE /v1/auth/sessions/{id}: one session of the user has ended, with all its tokens."""
    me = caller_session()
    session_id = uid_of(SESSION, path_text())
    if session_id is None:
        raise SessionNotFound
    await perform(end_session, EndSession(me.realm_id, me.principal_id, session_id, EndReason.REVOKED))
    return reply(SessionRevoked(session_id=path_text()))
