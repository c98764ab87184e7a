"""What a principal is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class PrincipalStatus(StrEnum):
    """Whether a person may use the realm at all."""

    ACTIVE = "active"
    DISABLED = "disabled"
    BANNED = "banned"


class Counter(StrEnum):
    """What goes wrong in a row; each has its own count."""

    PASSWORD = "password"  # noqa: S105 - the kind of a failure
    SECOND_FACTOR = "second_factor"


@dataclass(frozen=True, slots=True)
class RealmPrincipal:
    """A person of a realm. Without the password's hash, which `core.credentials` alone reads.

    Args:
        seq: Orders lists; never shown.
        email: As it was written, NFC; its `email_key` is unique in the realm. None for somebody with a phone
            only.
        phone: E.164.
        metadata: A JSON object of the application's.
        locked_at: Since when nobody can sign in as this person: too many failures, or an operator.
        locked_until: When that ends by itself; None: it does not.
    """

    id: UUID
    seq: int
    realm_id: UUID
    email: str | None
    email_verified: bool
    username: str | None
    phone: str | None
    phone_verified: bool
    display_name: str | None
    locale: str | None
    metadata: Mapping[str, object]
    status: PrincipalStatus
    locked_at: datetime | None
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_disabled(self) -> bool:
        """Whether the account was switched off."""
        return self.status is not PrincipalStatus.ACTIVE

    def is_locked(self, now: datetime) -> bool:
        """Whether nobody can sign in as this person now."""
        return is_lock_on(self.locked_at, self.locked_until, now)


def is_lock_on(locked_at: datetime | None, locked_until: datetime | None, now: datetime) -> bool:
    """Whether an account with these times cannot be signed in to now."""
    return locked_at is not None and (locked_until is None or locked_until > now)


@dataclass(frozen=True, slots=True)
class Failures:
    """How often something went wrong in a row.

    Args:
        locked_now: This failure locked the account.
    """

    count: int
    locked_now: bool
