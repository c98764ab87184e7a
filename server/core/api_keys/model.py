"""What a key is, apart from its secret."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from uuid import UUID

from server.base.secret import Secret

Network = IPv4Network | IPv6Network

# How many keys of one integration may work at one time.
MAX_ACTIVE_API_KEYS = 5
# A key in constant use is written to once in this time, not once in every call.
LAST_USED_STEP = timedelta(minutes=1)

# Woken with the name of a key (`api_key:ezkey_ikey_…`) when something of it is changed or taken away.
API_KEY_TOPICS = "api_key:"
# Woken when the ground of several is taken away or changed, such as their integration or project.
ALL_API_KEYS_TOPIC = "api_key:*"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An integration's API key as operators see it.

    Args:
        key_id: Its public name, `ezkey_ikey_` and 20 hex digits.
        ip_whitelist: From where it may be used; empty for anywhere.
        active: Whether it worked at the instant it was read: neither revoked nor expired.
        replaced_by: The key that took its place when it was rotated.
        last_used_at: To the minute.
    """

    id: int
    organization_id: int
    integration_id: int
    key_id: str
    label: str
    ip_whitelist: tuple[Network, ...]
    active: bool
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: int | None
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """An operator's key as operators see it; the names mean what they mean for an `ApiKey`.

    Args:
        key_id: Its public part, `ezkey_okey_` and 20 hex digits.
    """

    id: int
    key_id: str
    label: str
    active: bool
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedApiKey:
    """A new API key with its secret, `ezkey_skey_` and 40 hex digits, which is nowhere else."""

    key: ApiKey
    secret: Secret


@dataclass(frozen=True, slots=True)
class IssuedOperatorKey:
    """A new operator key with its whole text, public part and secret, which is nowhere else."""

    key: OperatorKey
    secret: Secret


@dataclass(frozen=True, slots=True)
class ApiCredential:
    """What a shown API key is checked against. Both `owner_active` and the rest must hold.

    Args:
        secret_digest: 32 bytes; the secret itself is nowhere.
        owner_active: Whether its integration and tenant both are.
    """

    id: int
    organization_id: int
    integration_id: int
    secret_digest: bytes
    ip_whitelist: tuple[Network, ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    owner_active: bool


class Scope(StrEnum):
    """What the holder of a project's key may do with the project's users."""

    AUTH_READ = "auth:read"
    AUTH_WRITE = "auth:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"


@dataclass(frozen=True, slots=True)
class ProjectKey:
    """A project's API key as members see it. One that was revoked is not seen any more.

    Args:
        key_id: Its public name, `pk_live_` and 16 hex digits.
        scopes: In the order of `Scope`.
    """

    uid: UUID
    key_id: str
    organization_id: int
    project_id: UUID
    label: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedProjectKey:
    """A new project key with its whole text, public part and secret, which is nowhere else."""

    key: ProjectKey
    secret: Secret


@dataclass(frozen=True, slots=True)
class ProjectCredential:
    """What a shown project key is checked against, and what its holder may do where.

    Args:
        key_id: Its public name.
        realm_id: Whose users it is about.
        scopes: What it may do.
        allowed_origins: From which pages the project may be called, as browsers write origins.
        key_digest: 32 bytes; the key itself is nowhere.
        owner_active: Whether its organization is.
    """

    id: int
    uid: UUID
    key_id: str
    organization_id: int
    project_id: UUID
    realm_id: UUID
    scopes: frozenset[str]
    allowed_origins: tuple[str, ...]
    key_digest: bytes
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    owner_active: bool
