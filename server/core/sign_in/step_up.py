"""What a session must have proved before something that others could abuse is changed in it."""

from uuid import UUID

from server.base.errors import SecondFactorRequired, SessionNotFound
from server.core.factors.actions import ListFactors, list_factors
from server.core.factors.owner import Owner
from server.core.sessions.ending import ListSessions, list_sessions
from server.core.sessions.model import Session
from server.core.sign_in.amr import assurance_of
from server.core.sign_in.factors.registry import needs_second_step
from server.core.work import Work


async def strong_session(work: Work, owner: Owner, session_id: UUID) -> Session:
    """The person's open session; who has a second factor has proved one in it.

    Otherwise a stolen password, or the token of a session that is older than the factor, would be enough to
    make the factor useless (NIST SP 800-63B-4, section 4.1.2.1; OWASP ASVS 5.0, 7.5.1).

    Raises:
        SessionNotFound: It has ended.
        SecondFactorRequired: They have a second factor, and the session was begun without one.
    """
    sessions = await list_sessions(work, ListSessions(owner.realm.id, owner.principal.id))
    session = next((session for session in sessions if session.id == session_id), None)
    if session is None:
        raise SessionNotFound
    factors = await list_factors(work, ListFactors(owner.realm.id, owner.principal.id))
    if needs_second_step(owner.realm.policy, factors) and assurance_of(session.amr) == 1:
        raise SecondFactorRequired("Sign in with your second factor first")
    return session
