"""What callers do with keys: they prove that they hold one.

What operators do with them is in `administration` and `operator_keys`.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from typing import TypeGuard

from server.base.errors import InvalidApiKey, InvalidOperatorKey
from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.core.api_keys.model import LAST_USED_STEP, ApiCredential, Network
from server.core.api_keys.store import (
    select_api_credential,
    select_operator_credential,
    update_api_key_used,
    update_operator_key_used,
)
from server.core.work import Work
from server.crypto.tokens import is_digest_of, operator_key_name

_API_KEY_ID = re.compile(r"ezkey_ikey_[0-9a-f]{20}")
# What the secret of an unknown key is compared with, so that it takes as long as that of a known one.
_NO_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True)
class AuthenticateApiKey:
    """The two halves of an API key, and where the caller is.

    Args:
        key_id: The public half, `ezkey_ikey_…`, as it was sent.
        secret: The other, `ezkey_skey_…`.
        address: The client's address, trusted proxies taken off; None if there is none.
    """

    key_id: str
    secret: Secret
    address: str | None


@dataclass(frozen=True, slots=True)
class AuthenticateOperatorKey:
    """An operator key as it was sent."""

    key: Secret


async def authenticate_api_key(work: Work, command: AuthenticateApiKey) -> ApiCredential:
    """The key that is shown, which is right and used now. Perform at once: one SELECT, seldom one UPDATE.

    Raises:
        InvalidApiKey: There is no such key, the secret is another, the key is revoked or expired, it may
            not be used from this address, or its integration or tenant is inactive: all alike.
    """
    if not _API_KEY_ID.fullmatch(command.key_id):
        raise InvalidApiKey
    key = await select_api_credential(work.conn, command.key_id)
    if not is_right(key, command, work.now):
        raise InvalidApiKey
    if is_use_to_be_noted(key.last_used_at, work.now):
        await update_api_key_used(work.conn, key.organization_id, key.id, work.now)
        return replace(key, last_used_at=work.now)
    return key


def is_right(key: ApiCredential | None, shown: AuthenticateApiKey, now: datetime) -> TypeGuard[ApiCredential]:
    """Whether *key* is the one that is shown, and works now for whoever shows it there.

    It takes as long for a key that does not exist as for a wrong secret.
    """
    proved = is_digest_of(key.secret_digest if key else _NO_DIGEST, shown.secret.reveal())
    return (
        key is not None
        and proved
        and is_current(key.revoked_at, key.expires_at, now)
        and key.owner_active
        and _is_allowed(shown.address, key.ip_whitelist)
    )


def is_use_to_be_noted(last_used_at: datetime | None, now: datetime) -> bool:
    """Whether it is a minute since the last use of a key was written down."""
    return last_used_at is None or last_used_at <= now - LAST_USED_STEP


async def authenticate_operator_key(work: Work, command: AuthenticateOperatorKey) -> Principal:
    """The operator who holds the key. Perform at once: one SELECT, and once a minute one UPDATE.

    The principal's `id` is that of the operator key; its surface and request are for the caller to fill in.

    Raises:
        InvalidOperatorKey: There is no such key, or it is revoked or expired: all alike.
    """
    key_id = operator_key_name(command.key.reveal())
    if key_id is None:
        raise InvalidOperatorKey
    key = await select_operator_credential(work.conn, key_id)
    proved = is_digest_of(key.key_digest if key else _NO_DIGEST, command.key.reveal())
    if key is None or not proved or not is_current(key.revoked_at, key.expires_at, work.now):
        raise InvalidOperatorKey
    if is_use_to_be_noted(key.last_used_at, work.now):
        await update_operator_key_used(work.conn, key.id, work.now)
    return Principal(kind=Actor.OPERATOR, id=str(key.id))


def is_current(revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> bool:
    """Whether a key is neither revoked nor expired."""
    return revoked_at is None and (expires_at is None or expires_at > now)


def _is_allowed(address: str | None, whitelist: tuple[Network, ...]) -> bool:
    """Whether the caller may be there. An IPv4 address in IPv6 clothes (::ffff:…) counts as IPv4."""
    if not whitelist:
        return True
    if address is None:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    plain = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(plain in network for network in whitelist)
