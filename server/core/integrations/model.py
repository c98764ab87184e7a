"""What an integration is."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Integration:
    """An integration as operators see it.

    Args:
        attempt_ttl_seconds: 30 to 600; None for the instance's default.
        challenge_digits: 2 to 6; None for the instance's default.
        public_key: The Ed25519 key it signs with now, 32 bytes.
    """

    id: int
    organization_id: int
    name: str
    description: str | None
    active: bool
    attempt_ttl_seconds: int | None
    challenge_digits: int | None
    signing_key_id: int
    public_key: bytes
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs for one enrollment; its private half is sealed."""

    id: int
    private_key_sealed: bytes


def signing_key_purpose(signing_key_id: int) -> str:
    """What the sealed private half of a signing key is sealed for."""
    return f"integration_signing_keys.private_key:{signing_key_id}"
