"""What a second factor is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from server.base.secret import Secret
from server.core.realms.policy import SecondFactor


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor without its secret.

    Args:
        active: Whether it counts. Until it is confirmed it does not.
        phone: Where codes are sent, for `sms`.
        enrollment_id: The phone that is asked, for `push`.
    """

    id: UUID
    realm_id: UUID
    principal_id: UUID
    type: SecondFactor
    active: bool
    label: str | None
    phone: str | None
    enrollment_id: int | None
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class TotpSetUp:
    """An authenticator app's secret, shown this once.

    Args:
        secret: Base32, without padding.
        uri: `otpauth://totp/…`, with the same secret.
    """

    secret: Secret
    uri: Secret


def active_of(factors: Sequence[Factor], kind: SecondFactor) -> Factor | None:
    """The factor of this type that counts, if there is one."""
    return next((factor for factor in factors if factor.active and factor.type is kind), None)


def secret_purpose(factor_id: UUID) -> str:
    """What the sealed secret of this factor is sealed for."""
    return f"factors.secret:{factor_id}"
