"""What an enrollment is, and which moves are legal.

    CREATED ─bind→ BOUND ─verify→ VERIFIED (active ⇄ inactive, locked, quiet)
       │              │               │
       └─time─→ EXPIRED ←─time─┘      │      BOUND ─third wrong challenge→ INVALID
       └─revoke─→ REVOKED ←─revoke────┘      BOUND, VERIFIED, CREATED ─rebind→ CREATED

EXPIRED, INVALID and REVOKED are final. Source: docs/protocol/wire.md, sections 0 and 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EnrollmentStatus(StrEnum):
    """Where an enrollment stands."""

    CREATED = "CREATED"
    BOUND = "BOUND"
    VERIFIED = "VERIFIED"
    INVALID = "INVALID"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


class StorageTier(StrEnum):
    """How the phone says it protects its private key."""

    NONE = "NONE"
    STANDARD = "STANDARD"
    STRONG = "STRONG"


class PushProvider(StrEnum):
    """Whose service wakes the phone."""

    APNS = "APNS"
    FCM = "FCM"


_S = EnrollmentStatus

LEGAL_MOVES: Mapping[EnrollmentStatus, frozenset[EnrollmentStatus]] = {
    _S.CREATED: frozenset({_S.CREATED, _S.BOUND, _S.EXPIRED, _S.REVOKED}),
    _S.BOUND: frozenset({_S.CREATED, _S.VERIFIED, _S.INVALID, _S.EXPIRED, _S.REVOKED}),
    _S.VERIFIED: frozenset({_S.CREATED, _S.REVOKED}),
    _S.INVALID: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REVOKED: frozenset(),
}

MAX_VERIFY_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Enrollment:
    """An enrollment as operators see it. Nothing in it is secret."""

    id: int
    organization_id: int
    integration_id: int
    name: str
    user_identifier: str | None
    challenge_required: bool
    status: EnrollmentStatus
    active: bool
    device_key_tier: StorageTier | None
    device_key: bytes | None
    failures: int
    locked_at: datetime | None
    quiet_since: datetime | None
    push_provider: PushProvider | None
    expires_at: datetime | None
    bound_at: datetime | None
    verified_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime


def proof_token_purpose(enrollment_id: int) -> str:
    """What the sealed proof token of this enrollment is sealed for."""
    return f"enrollments.proof_token:{enrollment_id}"


def challenge_purpose(enrollment_id: int) -> str:
    """What the sealed enrollment challenge is sealed for."""
    return f"enrollments.challenge:{enrollment_id}"


def push_address_purpose(enrollment_id: int) -> str:
    """What the sealed push address is sealed for."""
    return f"enrollments.push_address:{enrollment_id}"
