"""A sign-in that is finished gives a session."""

from dataclasses import dataclass
from datetime import timedelta

from server.base import ids
from server.base.secret import Secret
from server.core.principals.model import RealmPrincipal
from server.core.realms.model import Realm
from server.core.realms.policy import Delivery
from server.core.sessions import store
from server.core.sessions.claims import Subject
from server.core.sessions.events import session_event
from server.core.sessions.model import OpenedSession, Session
from server.core.sessions.store import NewSession
from server.core.sessions.tokens import whole_seconds, with_tokens
from server.core.work import Work
from server.crypto.tokens import digest, new_management_token, new_refresh_token


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session for somebody who has proved who they are.

    Args:
        principal: As `note_login` gave it in this work, so that its row is held.
        amr: How: RFC 8176.
        provider: The identity provider that vouched for them, if one did.
        user_agent: What the client calls itself, to be shown in a list.
        organization_id: The organization that a member acts for.
    """

    realm: Realm
    principal: RealmPrincipal
    amr: tuple[str, ...]
    provider: str | None = None
    user_agent: str | None = None
    organization_id: int | None = None


async def open_session(work: Work, command: OpenSession) -> OpenedSession:
    """The session is open, from the actor's address; over the realm's limit the oldest have ended.

    Only `core.sign_in.finish` calls it, after `note_login`: two sign-ins of one person take turns there.
    """
    realm, principal = command.realm, command.principal
    by_reference = realm.delivery is Delivery.REFERENCE
    seconds = realm.policy.reference_seconds if by_reference else realm.policy.session_seconds
    token = Secret(new_management_token() if by_reference else new_refresh_token())
    new = NewSession(
        now=work.now,
        id=ids.new_uid(),
        realm_id=realm.id,
        principal_id=principal.id,
        organization_id=command.organization_id,
        surface=realm.surface,
        amr=command.amr,
        provider=command.provider,
        address=work.actor.address,
        user_agent=command.user_agent,
        expires_at=work.now + timedelta(seconds=seconds),
        reference_digest=digest(token.reveal()) if by_reference else None,
        refresh_digest=None if by_reference else digest(token.reveal()),
    )
    for ended_id, reason in await store.update_room_made(
        work.conn, realm.id, principal.id, most=realm.policy.max_sessions, now=work.now
    ):
        work.record(session_event("ended", realm.id, ended_id, reason=reason))
    session = _session(new, await store.insert_session(work.conn, new))
    work.record(session_event("opened", realm.id, session.id, amr=" ".join(session.amr)))
    if by_reference:
        return OpenedSession(
            session,
            access_token=None,
            refresh_token=None,
            reference_token=token,
            expires_in=whole_seconds(session.expires_at - work.now),
            expires_at=session.expires_at,
        )
    audience = realm.login_id or realm.name or str(realm.id)
    subject = Subject(audience, realm.project_id, principal.email, principal.email_verified)
    return await with_tokens(work, session, subject, realm.policy, token)


def _session(new: NewSession, seq: int) -> Session:
    return Session(
        id=new.id,
        seq=seq,
        realm_id=new.realm_id,
        principal_id=new.principal_id,
        organization_id=new.organization_id,
        surface=new.surface,
        amr=tuple(new.amr),
        provider=new.provider,
        address=new.address,
        user_agent=new.user_agent,
        created_at=new.now,
        last_active_at=new.now,
        expires_at=new.expires_at,
    )
