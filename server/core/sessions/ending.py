"""Sessions are looked at and ended: at once, wherever their tokens are shown."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from server.base.errors import InvalidAccessToken, SessionNotFound
from server.base.secret import Secret
from server.core.sessions import ending_store as store
from server.core.sessions.authenticate import shown_token
from server.core.sessions.events import session_event
from server.core.sessions.model import EndReason, Session
from server.core.work import Work
from server.crypto.tokens import digest


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Whose sessions."""

    realm_id: UUID
    principal_id: UUID


@dataclass(frozen=True, slots=True)
class EndSession:
    """Which session of whom, and why."""

    realm_id: UUID
    principal_id: UUID
    session_id: UUID
    reason: EndReason


@dataclass(frozen=True, slots=True)
class EndSessions:
    """All sessions of somebody.

    Args:
        keep: One that goes on.
        organization_id: Only those in which a member acts for it; None for all.
    """

    realm_id: UUID
    principal_id: UUID
    reason: EndReason
    keep: UUID | None = None
    organization_id: int | None = None


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """One token, shown by the backend of its realm's application."""

    realm_id: UUID
    token: Secret


async def list_sessions(work: Work, command: ListSessions) -> tuple[Session, ...]:
    """The open sessions, newest first."""
    return await store.select_open(work.conn, command.realm_id, command.principal_id, work.now)


async def end_session(work: Work, command: EndSession) -> None:
    """The session has ended, and with it all its tokens.

    Raises:
        SessionNotFound: This person has no open session with this id.
    """
    ended = await store.update_ended(
        work.conn,
        command.realm_id,
        command.principal_id,
        command.session_id,
        command.reason,
        work.now,
    )
    if not ended:
        raise SessionNotFound
    work.record(session_event("ended", command.realm_id, command.session_id, reason=command.reason))


async def end_sessions(work: Work, command: EndSessions) -> int:
    """The sessions have ended, and with them all their tokens; how many they were."""
    ended = await store.update_all_ended(
        work.conn,
        command.realm_id,
        command.principal_id,
        command.reason,
        keep=command.keep,
        organization_id=command.organization_id,
        now=work.now,
    )
    for session_id in ended:
        work.record(session_event("ended", command.realm_id, session_id, reason=command.reason))
    return len(ended)


async def revoke_token(work: Work, command: RevokeToken) -> None:
    """The one token is refused from now on, and the session lives.

    An access token: that one alone. A refresh token: no refresh token of its session gives anything any more;
    the session goes on until its access token ends.

    Raises:
        InvalidAccessToken: It is neither, or of another realm, or no good already: all alike.
    """
    if command.token.reveal().startswith("rt_"):
        await _revoke_refresh_tokens(work, command)
    else:
        await _revoke_access_token(work, command)


async def _revoke_refresh_tokens(work: Work, command: RevokeToken) -> None:
    shown = digest(command.token.reveal())
    session_id = await store.update_family_revoked(work.conn, command.realm_id, shown, work.now)
    if session_id is None:
        raise InvalidAccessToken
    work.record(session_event("refresh_revoked", command.realm_id, session_id))


async def _revoke_access_token(work: Work, command: RevokeToken) -> None:
    _, named, living = await shown_token(work, command.token)
    if living.realm_id != command.realm_id:
        raise InvalidAccessToken
    expires_at = datetime.fromtimestamp(named.expires_at, UTC)
    if not await store.insert_denial(work.conn, named.token_id, named.session_id, expires_at):
        raise InvalidAccessToken
    work.record(session_event("token_revoked", command.realm_id, named.session_id, jti=str(named.token_id)))
