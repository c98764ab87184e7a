"""What a one-time secret proves, and what is said when it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from server.base.secret import Secret


class Purpose(StrEnum):
    """What a secret is good for; it is good for nothing else."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a purpose, not a password
    MAGIC_LINK = "magic_link"
    SIGN_IN_CODE = "sign_in_code"
    SECOND_FACTOR_CODE = "second_factor_code"
    CONFIRM_PHONE = "confirm_phone"
    SSO_STATE = "sso_state"
    SAML_ASSERTION = "saml_assertion"


# Of links to one address only the newest works; of redirects, which nobody is sent, as many as there are.
MAILED = frozenset({Purpose.VERIFY_EMAIL, Purpose.RESET_PASSWORD, Purpose.MAGIC_LINK})


@dataclass(frozen=True, slots=True)
class IssueToken:
    """A link, or the state of a redirect.

    Args:
        target: Whom it is for: the address that it is sent to, or whatever its use must be checked against.
        principal_id: Whose it is, where somebody is known; it goes with them.
        payload: What comes back when it is redeemed; sealed meanwhile.
    """

    realm_id: UUID
    purpose: Purpose
    target: str
    ttl_seconds: int
    principal_id: UUID | None = None
    payload: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class IssueCode:
    """A code of six digits.

    Args:
        target: Whom it is sent to, as `redeem_code` will name it.
        max_attempts: How many wrong codes end it.
    """

    realm_id: UUID
    purpose: Purpose
    target: str
    ttl_seconds: int
    max_attempts: int
    principal_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RedeemToken:
    """A token as it came back.

    Args:
        realm_id: The caller's; None where a page knows no realm, and the token alone says which.
    """

    realm_id: UUID | None
    purpose: Purpose
    token: Secret


@dataclass(frozen=True, slots=True)
class RedeemCode:
    """A code as it was typed, and whom it should have been sent to."""

    realm_id: UUID
    purpose: Purpose
    target: str
    code: Secret


@dataclass(frozen=True, slots=True)
class RememberOnce:
    """Something made elsewhere that counts once, such as a SAML assertion.

    Args:
        issuer: Who made it; the same text of another issuer is another.
        text: What it is known by.
        ttl_seconds: For how long it might come again.
    """

    realm_id: UUID
    purpose: Purpose
    issuer: str
    text: str
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class DropSecrets:
    """What was sent to whom, for what."""

    realm_id: UUID
    principal_id: UUID
    purposes: tuple[Purpose, ...]


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What the secret proved."""

    realm_id: UUID
    principal_id: UUID | None
    target: str
    payload: Mapping[str, str]
