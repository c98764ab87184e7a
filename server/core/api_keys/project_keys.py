"""Projects' API keys: members make and take them away, backends prove that they hold one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeGuard
from uuid import UUID

from server.base.errors import ApiKeyNotFound, InvalidApiKey, InvalidFields
from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.api_keys import project_keys_store as store
from server.core.api_keys.actions import is_current, is_use_to_be_noted
from server.core.api_keys.model import (
    API_KEY_TOPICS,
    IssuedProjectKey,
    ProjectCredential,
    ProjectKey,
    Scope,
)
from server.core.api_keys.store import update_api_key_used
from server.core.audit.events import Event
from server.core.drawn_ids import insert_with_new_id
from server.core.expiry import expiry_of
from server.core.shown_text import label_of
from server.core.work import Work
from server.crypto.tokens import digest, is_digest_of, new_project_key, project_key_name

_NO_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True)
class CreateProjectKey:
    """A key for this project.

    Args:
        scopes: What it may do, at least one; None for everything.
        expires_at: When it stops working, in the future; None for never.
    """

    organization_id: int
    project_id: UUID
    label: str
    scopes: Sequence[Scope] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListProjectKeys:
    """Which keys: of one project of the organization, or of all; how many at most."""

    organization_id: int
    project_id: UUID | None
    limit: int


@dataclass(frozen=True, slots=True)
class RevokeProjectKey:
    """Which key of the organization."""

    organization_id: int
    uid: UUID


@dataclass(frozen=True, slots=True)
class AuthenticateProjectKey:
    """A project's key as it was sent."""

    key: Secret


async def create_project_key(work: Work, command: CreateProjectKey) -> IssuedProjectKey:
    """The key works; its text is in the outcome and nowhere else.

    Raises:
        InvalidFields: The label, the scopes or the expiry is not as documented, or the organization has no
            such project; the fields are `label`, `scopes`, `expires_at` and `project_id`.
    """
    label = label_of(command.label)
    scopes = _scopes_of(command.scopes)
    expires_at = expiry_of(command.expires_at, work.now, field="expires_at")
    environment_id = await store.select_environment_for_share(
        work.conn, command.organization_id, command.project_id
    )
    if environment_id is None:
        raise _no_such_project()
    text = new_project_key()
    key_id = project_key_name(text)
    if key_id is None:
        raise AssertionError("a new project key has a name")
    key = ProjectKey(
        new_uid(),
        key_id,
        command.organization_id,
        command.project_id,
        label,
        scopes,
        expires_at,
        created_at=work.now,
    )

    async def insert(api_key_id: int) -> bool:
        return await store.insert_project_key(work.conn, api_key_id, key, environment_id, digest(text))

    await insert_with_new_id(insert)
    work.record(_event("created", key.uid, key.organization_id))
    return IssuedProjectKey(key, Secret(text))


async def list_project_keys(work: Work, command: ListProjectKeys) -> tuple[ProjectKey, ...]:
    """The keys that were not revoked, newest first; no secrets. Those that have expired are among them.

    Raises:
        InvalidFields: The organization has no such project; the field is `project_id`.
    """
    if command.project_id is not None and not await store.select_has_project(
        work.conn, command.organization_id, command.project_id
    ):
        raise _no_such_project()
    return await store.select_project_keys(
        work.conn, command.organization_id, command.project_id, command.limit
    )


async def revoke_project_key(work: Work, command: RevokeProjectKey) -> None:
    """The key is refused from now on, for good, in every process.

    Raises:
        ApiKeyNotFound: The organization has no such key, or it was revoked before.
    """
    key_id = await store.update_project_key_revoked(work.conn, command.organization_id, command.uid, work.now)
    if key_id is None:
        raise ApiKeyNotFound
    work.record(_event("revoked", command.uid, command.organization_id))
    work.wake(API_KEY_TOPICS + key_id)


async def authenticate_project_key(work: Work, command: AuthenticateProjectKey) -> ProjectCredential:
    """The key that is shown, which is right. Perform at once: one SELECT, and once a minute one UPDATE.

    Raises:
        InvalidApiKey: There is no such key, it is revoked or expired, or its organization is inactive: all
            alike.
    """
    key_id = project_key_name(command.key.reveal())
    if key_id is None:
        raise InvalidApiKey
    key = await store.select_project_credential(work.conn, key_id)
    if not is_right_project_key(key, command, work.now):
        raise InvalidApiKey
    if is_use_to_be_noted(key.last_used_at, work.now):
        await update_api_key_used(work.conn, key.organization_id, key.id, work.now)
        return replace(key, last_used_at=work.now)
    return key


def is_right_project_key(
    key: ProjectCredential | None, shown: AuthenticateProjectKey, now: datetime
) -> TypeGuard[ProjectCredential]:
    """Whether *key* is the one that is shown, and works now.

    It takes as long for a key that does not exist as for a wrong secret.
    """
    proved = is_digest_of(key.key_digest if key else _NO_DIGEST, shown.key.reveal())
    return key is not None and proved and is_current(key.revoked_at, key.expires_at, now) and key.owner_active


def _scopes_of(scopes: Sequence[Scope] | None) -> tuple[Scope, ...]:
    """*scopes*, each once and in order; all of them for None."""
    if scopes is None:
        return tuple(Scope)
    if not scopes:
        raise InvalidFields(fields={"scopes": "must name at least one scope"})
    return tuple(scope for scope in Scope if scope in scopes)


def _no_such_project() -> InvalidFields:
    return InvalidFields(fields={"project_id": "is not the id of one of your projects"})


def _event(what: str, uid: UUID, organization_id: int) -> Event:
    return Event(f"api_key.{what}", "api_key", str(uid), organization_id)
