"""An attempt as its integration may see it."""

from server.core.auth_attempts.model import Attempt, AttemptStatus, challenge_purpose, proof_token_purpose
from server.core.auth_attempts.store import AttemptRow
from server.core.work import Work


def attempt_as_of_now(work: Work, row: AttemptRow) -> Attempt:
    """*row* at the instant of *work*: past its time it is EXPIRED, whether or not the job came by."""
    past = row.status.is_open and row.expires_at <= work.now
    status = AttemptStatus.EXPIRED if past else row.status
    return Attempt(
        id=row.id,
        enrollment_id=row.enrollment_id,
        status=status,
        challenge=_challenge(work, row),
        proof_token=_proof_token(work, row) if status is AttemptStatus.ACCEPTED else None,
        context_title=row.context_title,
        context_message=row.context_message,
        deny_reason=row.deny_reason,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _challenge(work: Work, row: AttemptRow) -> int | None:
    if row.challenge_sealed is None:
        return None
    return int(work.keys.open(row.challenge_sealed, challenge_purpose(row.id)))


def _proof_token(work: Work, row: AttemptRow) -> str:
    return work.keys.open(row.proof_token_sealed, proof_token_purpose(row.id)).decode()
