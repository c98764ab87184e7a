"""Time passes without a reader."""

from dataclasses import dataclass

from server.core.auth_attempts.create import IDEMPOTENCY_WINDOW
from server.core.auth_attempts.model import ended_topic
from server.core.auth_attempts.store import delete_idempotency_keys, update_all_expired
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class ExpireAttempts:
    """How many in one go."""

    batch: int = 500


async def expire_attempts(work: Work, command: ExpireAttempts) -> int:
    """Up to a batch of open attempts past their time are EXPIRED; how many it were.

    Idempotency-Keys older than their window are forgotten with them.
    """
    expired = await update_all_expired(work.conn, work.origin, batch=command.batch)
    await delete_idempotency_keys(work.conn, work.now - IDEMPOTENCY_WINDOW)
    work.wake(*map(ended_topic, expired))
    return len(expired)
