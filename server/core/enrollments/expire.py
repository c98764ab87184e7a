"""Invitations that nobody took up."""

from dataclasses import dataclass

from server.core.enrollments.store import update_all_expired
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class ExpireEnrollments:
    """How many in one go."""

    batch: int = 500


async def expire_enrollments(work: Work, command: ExpireEnrollments) -> int:
    """Up to a batch of invitations past their time are EXPIRED; how many it were."""
    return await update_all_expired(work.conn, work.origin, batch=command.batch)
