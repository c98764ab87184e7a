"""A session goes on: its refresh token, good once, gives the next pair."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from server.base.errors import InvalidRefreshToken
from server.base.secret import Secret
from server.core.principals.model import PrincipalStatus
from server.core.sessions import ending_store, store
from server.core.sessions.events import session_event
from server.core.sessions.model import EndReason, OpenedSession
from server.core.sessions.store import Continued, Spent
from server.core.sessions.tokens import is_idle, with_tokens
from server.core.usage.actions import CountedUse, count_sign_in
from server.core.work import Refusal, Work
from server.crypto.tokens import digest, new_refresh_token


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """A refresh token as it was sent.

    Args:
        realm_id: The realm of the key that came with it.
    """

    realm_id: UUID
    refresh_token: Secret


async def refresh_session(work: Work, command: RefreshSession) -> OpenedSession:
    """The session has a new access token and a new refresh token; the one that was shown is used up.

    Of any number who show one token at one moment the first gets an answer. To the others it is a token that
    was used before: somebody may have stolen it, and nobody can tell who, so the session ends for all of
    them, the first included (RFC 9700, section 4.14.2). Whose clients may lose an answer or ask twice at
    once sets the realm's `refresh_grace_seconds`: for so long after its use a token may be shown again, as
    long as nothing that it gave was used.

    Raises:
        InvalidRefreshToken: It is unknown, another realm's, revoked or past its time; or its session has
            ended, its owner is disabled or locked, or the realm now wants a second factor that the sign-in
            did not have: all alike. As a `Refusal` when it was used before: its session has ended then.
    """
    next_token = Secret(new_refresh_token())
    shown, following = digest(command.refresh_token.reveal()), digest(next_token.reveal())
    continued = await store.claim_refresh_token(work.conn, work.origin, command.realm_id, shown, following)
    if continued is None:
        spent = await store.select_spent(work.conn, command.realm_id, shown, work.now)
        continued = await _continued_again(work, command.realm_id, spent, following)
    if not _may_go_on(work, continued):
        raise InvalidRefreshToken
    session = replace(continued.session, last_active_at=work.now)
    await count_sign_in(work, CountedUse(session.realm_id, session.principal_id))
    return await with_tokens(work, session, continued.subject, continued.policy, next_token)


async def _continued_again(work: Work, realm_id: UUID, spent: Spent | None, following: bytes) -> Continued:
    """The session, for somebody who shows a used token within the realm's grace; for others it ends.

    Raises:
        InvalidRefreshToken: The token gives nothing; as a `Refusal` if it was used and the session ended.
    """
    if spent is None or spent.used_at is None:
        raise InvalidRefreshToken
    if _is_in_grace(spent, work.now):
        continued = await store.insert_another_refresh_token(
            work.conn, work.origin, spent.session_id, following
        )
        if continued is None:
            raise AssertionError("the session is held, and open")
        return continued
    await ending_store.update_ended(
        work.conn, realm_id, spent.principal_id, spent.session_id, EndReason.REUSE, work.now
    )
    work.record(
        replace(session_event("ended", realm_id, spent.session_id, reason=EndReason.REUSE), result="refused")
    )
    raise Refusal(InvalidRefreshToken())


def _is_in_grace(spent: Spent, now: datetime) -> bool:
    """Whether the answer to the token's use may have been lost, and the realm gives it again."""
    grace_seconds = spent.policy.refresh_grace_seconds
    # Whoever waited for the use may have asked before it: without a grace, earlier is no better than later.
    if not grace_seconds or spent.used_at is None:
        return False
    return now < spent.used_at + timedelta(seconds=grace_seconds) and not spent.moved_on


def _may_go_on(work: Work, continued: Continued) -> bool:
    """Whether the person and the realm's rules, as they are now, let the session go on."""
    session = continued.session
    return (
        continued.status is PrincipalStatus.ACTIVE
        and not continued.is_locked(work.now)
        and not is_idle(continued.policy, session.last_active_at, work.now)
        and continued.policy.is_satisfied_by(session.amr)
    )
