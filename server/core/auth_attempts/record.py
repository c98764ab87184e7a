"""What operators see of an attempt."""

from dataclasses import dataclass
from datetime import datetime

from server.core.auth_attempts.model import AttemptStatus, DenyReason


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An attempt as operators see it. Nothing in it is secret.

    Args:
        status: As it is at the instant of the work: an open one past its time is EXPIRED.
        challenge_required: Whether approving it takes a number.
        ended_at: When it was answered, cancelled, superseded, or found to be past its time.
    """

    id: int
    organization_id: int
    integration_id: int
    enrollment_id: int
    status: AttemptStatus
    challenge_required: bool
    context_title: str | None
    context_message: str | None
    deny_reason: DenyReason | None
    created_at: datetime
    expires_at: datetime
    read_at: datetime | None
    ended_at: datetime | None
