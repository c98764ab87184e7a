"""Whose token is it, and does the session behind it live?

Nothing about sessions is kept in a process: a session that ends is refused everywhere with the next request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from server.base.errors import InvalidAccessToken, InvalidManagementToken
from server.base.secret import Secret
from server.core.sessions import living_store as store
from server.core.sessions.claims import Named, named_by
from server.core.sessions.living_store import Living, NamedSession
from server.core.sessions.model import ReferenceSession, UserSession
from server.core.sessions.token_keys import PROTEKT, verify
from server.core.sessions.tokens import is_idle
from server.core.work import Work
from server.crypto.tokens import digest

# How exactly it is known when a session was last used. A write for every request would cost more than all
# the rest of it.
LAST_ACTIVE_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AuthenticateAccessToken:
    """An access token as it was sent by its user."""

    token: Secret


@dataclass(frozen=True, slots=True)
class VerifyAccessToken:
    """A user's access token, shown by the backend of a realm's application."""

    realm_id: UUID
    token: Secret


@dataclass(frozen=True, slots=True)
class AuthenticateReferenceToken:
    """A reference token as it was sent: `mgmt_…`.

    Args:
        surface: The surface whose realm it must be of.
    """

    token: Secret
    surface: str = "protekt_account"


async def authenticate_access_token(work: Work, command: AuthenticateAccessToken) -> UserSession:
    """Whose token it is, used now. Perform at once: one SELECT shared with others', once a minute one UPDATE.

    What a token says is checked before anything is asked of the database.

    Raises:
        InvalidAccessToken: It is none of ours, past its time or revoked, or its session has ended, or its
            owner is disabled or gone: all alike.
    """
    claims, named, living = await shown_token(work, command.token)
    await _note_use(work, named.session_id, living.last_active_at)
    return UserSession(
        session_id=named.session_id,
        principal_id=named.principal_id,
        realm_id=living.realm_id,
        organization_id=living.organization_id,
        project_id=living.project_id,
        allowed_origins=living.allowed_origins,
        amr=living.amr,
        claims=claims,
    )


async def verify_access_token(work: Work, command: VerifyAccessToken) -> Mapping[str, object]:
    """What the token says. Perform at once. It does not count as a use of the session.

    Raises:
        InvalidAccessToken: As for `authenticate_access_token`, and for a token of another realm.
    """
    claims, _, living = await shown_token(work, command.token)
    if living.realm_id != command.realm_id:
        raise InvalidAccessToken
    return claims


async def authenticate_reference_token(work: Work, command: AuthenticateReferenceToken) -> ReferenceSession:
    """Whose token it is, used now. Perform at once: one SELECT, once a minute one UPDATE.

    Raises:
        InvalidManagementToken: No session has it, or it has ended, or its owner is disabled or gone: all
            alike.
    """
    shown = digest(command.token.reveal())
    living = await store.select_living_reference(work.conn, shown, command.surface, work.now)
    if living is None or is_idle(living.policy, living.last_active_at, work.now):
        raise InvalidManagementToken
    await _note_use(work, living.session.session_id, living.last_active_at)
    return living.session


async def shown_token(work: Work, token: Secret) -> tuple[Mapping[str, Any], Named, Living]:
    """What an access token says, whom it names, and the session behind it, which lives.

    Raises:
        InvalidAccessToken: It is no good.
    """
    claims = await verify(work, PROTEKT, token.reveal())
    named = named_by(claims)
    living = await store.select_living(
        work.conn, NamedSession(named.session_id, named.principal_id, named.token_id, work.now)
    )
    if living is None or is_idle(living.policy, living.last_active_at, work.now):
        raise InvalidAccessToken
    return claims, named, living


async def _note_use(work: Work, session_id: UUID, last_active_at: datetime) -> None:
    noted_before = work.now - LAST_ACTIVE_STEP
    if last_active_at <= noted_before:
        await store.update_active(work.conn, session_id, work.now, noted_before)
