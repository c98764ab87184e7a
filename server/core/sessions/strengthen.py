"""A session whose owner has proved something more in it."""

from dataclasses import dataclass
from uuid import UUID

from server.base.errors import SessionNotFound
from server.base.secret import Secret
from server.core.realms.model import Realm
from server.core.realms.policy import Delivery
from server.core.sessions import store
from server.core.sessions.events import session_event
from server.core.sessions.model import OpenedSession
from server.core.sessions.tokens import whole_seconds, with_tokens
from server.core.work import Work
from server.crypto.tokens import digest, new_refresh_token


@dataclass(frozen=True, slots=True)
class StrengthenSession:
    """Which session, and all that was proved in it.

    Args:
        amr: The methods with which the session began, and the new one: RFC 8176.
    """

    realm: Realm
    principal_id: UUID
    session_id: UUID
    amr: tuple[str, ...]


async def strengthen_session(work: Work, command: StrengthenSession) -> OpenedSession:
    """The session says how its owner is proved by now, and has new tokens that say so; its older ones go on.

    Where sessions are shown by one token there is no other. The principal's row is held already.

    Raises:
        SessionNotFound: The person has no such open session.
    """
    realm = command.realm
    session = await store.update_amr(
        work.conn, realm.id, command.principal_id, command.session_id, command.amr, work.now
    )
    if session is None:
        raise SessionNotFound
    work.record(session_event("strengthened", realm.id, session.id, amr=" ".join(session.amr)))
    if realm.delivery is Delivery.REFERENCE:
        seconds = whole_seconds(session.expires_at - work.now)
        return OpenedSession(session, None, None, None, seconds, session.expires_at)
    token = Secret(new_refresh_token())
    continued = await store.insert_another_refresh_token(
        work.conn, work.origin, session.id, digest(token.reveal())
    )
    if continued is None:
        raise AssertionError("the session is held, and open")
    return await with_tokens(work, session, continued.subject, continued.policy, token)
