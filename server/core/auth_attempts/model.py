"""What an attempt is, and which moves are legal.

    PENDING ─poll→ READ ─approve→ ACCEPTED
       │            ├─deny→ REJECTED
       │            └─wrong challenge→ INVALID
       └── cancelled, superseded, past its time, enrollment ended ──→ EXPIRED   (from READ too)

All but PENDING and READ are final. Source: docs/protocol/wire.md, sections 0 and 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AttemptStatus(StrEnum):
    """Where an attempt stands."""

    PENDING = "PENDING"
    READ = "READ"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    INVALID = "INVALID"
    EXPIRED = "EXPIRED"

    @property
    def is_open(self) -> bool:
        """Whether the attempt can still be answered."""
        return self in {AttemptStatus.PENDING, AttemptStatus.READ}


class DenyReason(StrEnum):
    """Why a person said no."""

    MISTAKE = "MISTAKE"
    FRAUD = "FRAUD"


_S = AttemptStatus

LEGAL_MOVES: Mapping[AttemptStatus, frozenset[AttemptStatus]] = {
    _S.PENDING: frozenset({_S.READ, _S.EXPIRED}),
    _S.READ: frozenset({_S.READ, _S.ACCEPTED, _S.REJECTED, _S.INVALID, _S.EXPIRED}),
    _S.ACCEPTED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.INVALID: frozenset(),
    _S.EXPIRED: frozenset(),
}

MAX_TITLE_LENGTH = 200
MAX_MESSAGE_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as its integration sees it.

    Args:
        status: As it is at the instant of the work: an open one past its time is EXPIRED.
        challenge: The number that the relying party shows; None when none was asked for.
        proof_token: Only once the attempt is ACCEPTED.
        deny_reason: Why the person said no, where the phone told.
    """

    id: int
    enrollment_id: int
    status: AttemptStatus
    challenge: int | None
    proof_token: str | None
    context_title: str | None
    context_message: str | None
    deny_reason: DenyReason | None
    created_at: datetime
    expires_at: datetime


def ended_topic(attempt_id: int) -> str:
    """The wake-up topic of those who wait for the end of an attempt."""
    return f"attempt:{attempt_id}"


def asked_topic(enrollment_id: int) -> str:
    """The wake-up topic of a phone that waits to be asked."""
    return f"enrollment:{enrollment_id}"


def proof_token_purpose(attempt_id: int) -> str:
    """What the sealed proof token of this attempt is sealed for."""
    return f"auth_attempts.proof_token:{attempt_id}"


def challenge_purpose(attempt_id: int) -> str:
    """What the sealed challenge of this attempt is sealed for."""
    return f"auth_attempts.challenge:{attempt_id}"
