"""What operators do with an integration's API keys.

At most five keys of an integration work at one time, and a key that was replaced counts for as long as it
still works. So a rotation with five active keys needs an overlap of 0, or another key to be revoked first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from server.base.errors import (
    ApiKeyNotFound,
    ApiKeyRevoked,
    IntegrationInactive,
    IntegrationNotFound,
    InvalidFields,
    TenantInactive,
    TooManyApiKeys,
)
from server.base.pages import Page, PageRequest
from server.base.secret import Secret
from server.core.api_keys import administration_store as store
from server.core.api_keys.ip_whitelist import networks_of
from server.core.api_keys.model import API_KEY_TOPICS, MAX_ACTIVE_API_KEYS, ApiKey, IssuedApiKey, Network
from server.core.audit.events import Detail, Event
from server.core.changes import UNCHANGED, Unchanged, changed, names_of_changed
from server.core.drawn_ids import insert_with_new_id
from server.core.expiry import expiry_of
from server.core.shown_text import label_of
from server.core.work import Work
from server.crypto.tokens import digest, new_api_key

DEFAULT_OVERLAP_SECONDS = 86_400
MAX_OVERLAP_SECONDS = 2_592_000


@dataclass(frozen=True, slots=True)
class CreateApiKey:
    """A key for this integration.

    Args:
        expires_at: When it stops working, in the future; None for never.
        ip_whitelist: Addresses and CIDRs from which it may be used; empty for anywhere.
    """

    integration_id: int
    label: str
    expires_at: datetime | None = None
    ip_whitelist: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ListApiKeys:
    """Which keys: of all integrations or one, working or not; search is in label and key id."""

    page: PageRequest
    integration_id: int | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class ReadApiKey:
    """Which key."""

    api_key_id: int


@dataclass(frozen=True, slots=True)
class ChangeApiKey:
    """What is new about a key; None as expiry lets it work for ever."""

    api_key_id: int
    label: str | Unchanged = UNCHANGED
    expires_at: datetime | Unchanged | None = UNCHANGED
    ip_whitelist: Sequence[str] | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True)
class RevokeApiKey:
    """Which key."""

    api_key_id: int


@dataclass(frozen=True, slots=True)
class RotateApiKey:
    """Which key gets a successor, and how long it goes on working beside it.

    Args:
        overlap_seconds: 0 to 2,592,000 (30 days); 0 ends the old key at once.
    """

    api_key_id: int
    overlap_seconds: int = DEFAULT_OVERLAP_SECONDS


async def create_api_key(work: Work, command: CreateApiKey) -> IssuedApiKey:
    """The key works; its secret is in the outcome and nowhere else.

    Raises:
        InvalidFields: The label, the expiry or an address is not as documented.
        IntegrationNotFound: There is no such integration.
        IntegrationInactive, TenantInactive: It or its tenant was deactivated.
        TooManyApiKeys: Five of its keys are active.
    """
    label, networks = label_of(command.label), networks_of(command.ip_whitelist)
    expires_at = expiry_of(command.expires_at, work.now)
    tenant_id = await _lock_owner(work, command.integration_id)
    await _check_there_is_room(work, tenant_id, command.integration_id)
    issued = await _issue(work, tenant_id, command.integration_id, label, networks, expires_at)
    work.record(_event("created", issued.key, integration_id=command.integration_id))
    return issued


async def list_api_keys(work: Work, command: ListApiKeys) -> Page[ApiKey]:
    """The keys asked for, newest first; no secrets."""
    return await store.select_page(
        work.conn, command.page, integration_id=command.integration_id, active=command.active, now=work.now
    )


async def read_api_key(work: Work, command: ReadApiKey) -> ApiKey:
    """The key, without its secret.

    Raises:
        ApiKeyNotFound: There is none.
    """
    key = await store.select_api_key(work.conn, command.api_key_id, work.now)
    if key is None:
        raise ApiKeyNotFound
    return key


async def change_api_key(work: Work, command: ChangeApiKey) -> ApiKey:
    """The key is as the command says; what is the same already leaves no event.

    A key that was replaced can be changed while it works, to lengthen or shorten the overlap.

    Raises:
        ApiKeyNotFound: There is none.
        ApiKeyRevoked: It is revoked or expired, which is final.
        InvalidFields: The label, the expiry or an address is not as documented.
    """
    old = await _active_key_for_update(work, command.api_key_id)
    new = replace(
        old,
        label=label_of(changed(command.label, old.label)),
        expires_at=expiry_of(changed(command.expires_at, old.expires_at), work.now),
        ip_whitelist=old.ip_whitelist
        if isinstance(command.ip_whitelist, Unchanged)
        else networks_of(command.ip_whitelist),
    )
    if new == old:
        return old
    await store.update_api_key(work.conn, new, work.now)
    work.record(_event("changed", old, changed=names_of_changed(old, new)))
    _forget(work, old)
    return replace(new, updated_at=work.now)


async def revoke_api_key(work: Work, command: RevokeApiKey) -> ApiKey:
    """The key is refused from now on, for good. A key that has expired can be revoked too.

    Raises:
        ApiKeyNotFound: There is none.
        ApiKeyRevoked: It was revoked before.
    """
    revoked = await store.update_api_key_revoked(work.conn, command.api_key_id, work.now)
    key = await read_api_key(work, ReadApiKey(command.api_key_id))
    if not revoked:
        raise ApiKeyRevoked
    work.record(_event("revoked", key))
    _forget(work, key)
    return key


async def rotate_api_key(work: Work, command: RotateApiKey) -> IssuedApiKey:
    """A new key works, and the old one until the overlap ends; the new secret is in the outcome only.

    The new key has the old one's label and addresses. If the old one was to expire, the new one lives as
    long as the old one was meant to, counted from now; the overlap never lengthens the old one's life.

    Raises:
        ApiKeyNotFound: There is none.
        ApiKeyRevoked: It is revoked or expired, or was replaced before.
        InvalidFields: The overlap is out of its range.
        IntegrationInactive, TenantInactive: Its integration or tenant was deactivated.
        TooManyApiKeys: Five keys of the integration would still be active beside the new one.
    """
    if not 0 <= command.overlap_seconds <= MAX_OVERLAP_SECONDS:
        raise InvalidFields(fields={"overlapSeconds": f"must be between 0 and {MAX_OVERLAP_SECONDS}"})
    # The integration before its key, as everybody locks them.
    integration_id = (await read_api_key(work, ReadApiKey(command.api_key_id))).integration_id
    tenant_id = await _lock_owner(work, integration_id)
    old = await _active_key_for_update(work, command.api_key_id)
    if old.replaced_by is not None:
        raise ApiKeyRevoked("The API key was replaced before")
    overlap_ends = work.now + timedelta(seconds=command.overlap_seconds)
    await _check_there_is_room(
        work, tenant_id, integration_id, ending=1 if command.overlap_seconds == 0 else 0
    )
    issued = await _issue(
        work, tenant_id, integration_id, old.label, old.ip_whitelist, _same_lifetime(old, work.now)
    )
    await store.update_api_key_replaced(
        work.conn,
        tenant_id,
        old.id,
        replaced_by=issued.key.id,
        expires_at=min(overlap_ends, old.expires_at or overlap_ends),
        now=work.now,
    )
    work.record(_event("created", issued.key, integration_id=integration_id))
    work.record(_event("rotated", old, replaced_by=issued.key.id, overlap_seconds=command.overlap_seconds))
    _forget(work, old)
    return issued


async def _lock_owner(work: Work, integration_id: int) -> int:
    """The id of the integration's tenant. Both are active, and nobody else makes keys until the end."""
    owner = await store.select_owner_for_update(work.conn, integration_id)
    if owner is None:
        raise IntegrationNotFound
    if not owner.tenant_active:
        raise TenantInactive
    if not owner.active:
        raise IntegrationInactive
    return owner.organization_id


async def _check_there_is_room(work: Work, tenant_id: int, integration_id: int, ending: int = 0) -> None:
    """One more key may work, when *ending* of those that do are about to end."""
    active = await store.select_active_count(work.conn, tenant_id, integration_id, work.now)
    if active - ending >= MAX_ACTIVE_API_KEYS:
        raise TooManyApiKeys


async def _active_key_for_update(work: Work, api_key_id: int) -> ApiKey:
    key = await store.select_api_key_for_update(work.conn, api_key_id, work.now)
    if key is None:
        raise ApiKeyNotFound
    if not key.active:
        raise ApiKeyRevoked
    return key


async def _issue(
    work: Work,
    tenant_id: int,
    integration_id: int,
    label: str,
    networks: Sequence[Network],
    expires_at: datetime | None,
) -> IssuedApiKey:
    key_id, secret = new_api_key()

    async def insert(api_key_id: int) -> bool:
        return await store.insert_api_key(
            work.conn,
            api_key_id,
            organization_id=tenant_id,
            integration_id=integration_id,
            key_id=key_id,
            secret_digest=digest(secret),
            label=label,
            ip_whitelist=networks,
            expires_at=expires_at,
            now=work.now,
        )

    api_key_id = await insert_with_new_id(insert)
    return IssuedApiKey(await read_api_key(work, ReadApiKey(api_key_id)), Secret(secret))


def _forget(work: Work, key: ApiKey) -> None:
    """Once the work is committed, no process remembers the key as it was."""
    work.wake(API_KEY_TOPICS + key.key_id)


def _same_lifetime(old: ApiKey, now: datetime) -> datetime | None:
    return None if old.expires_at is None else now + (old.expires_at - old.created_at)


def _event(what: str, key: ApiKey, **data: Detail) -> Event:
    return Event(f"api_key.{what}", "api_key", str(key.id), key.organization_id, data=data)
