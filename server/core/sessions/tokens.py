"""The tokens that a session gives."""

from datetime import datetime, timedelta

from server.base import ids
from server.base.secret import Secret
from server.core.realms.policy import SignInPolicy
from server.core.sessions.claims import Subject, claims_of
from server.core.sessions.model import OpenedSession, Session
from server.core.sessions.token_keys import PROTEKT, sign
from server.core.work import Work


async def with_tokens(
    work: Work, session: Session, subject: Subject, policy: SignInPolicy, refresh_token: Secret
) -> OpenedSession:
    """The session with a new access token, which ends with the session at the latest."""
    seconds = min(policy.access_token_seconds, whole_seconds(session.expires_at - work.now))
    claims = claims_of(
        work.settings.base_url,
        session,
        subject,
        token_id=ids.new_uid(),
        now=work.now,
        seconds=seconds,
    )
    return OpenedSession(
        session=session,
        access_token=Secret(await sign(work, PROTEKT, claims)),
        refresh_token=refresh_token,
        reference_token=None,
        expires_in=seconds,
        expires_at=work.now + timedelta(seconds=seconds),
    )


def whole_seconds(length: timedelta) -> int:
    """The seconds of *length* that are whole."""
    return int(length.total_seconds())


def is_idle(policy: SignInPolicy, last_active_at: datetime, now: datetime) -> bool:
    """Whether a session that was last used then was not used for too long."""
    if policy.idle_seconds is None:
        return False
    return last_active_at + timedelta(seconds=policy.idle_seconds) <= now
