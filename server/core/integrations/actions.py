"""What operators do with integrations."""

from dataclasses import dataclass, replace

from server.base.errors import IntegrationNotFound, InvalidFields, TenantInactive, TenantNotFound
from server.base.pages import Page, PageRequest
from server.core.api_keys.model import ALL_API_KEYS_TOPIC
from server.core.audit.events import Detail, Event
from server.core.changes import UNCHANGED, Unchanged, changed, names_of_changed
from server.core.drawn_ids import insert_with_new_id
from server.core.integrations import store
from server.core.integrations.model import Integration
from server.core.integrations.signing import give_new_signing_key
from server.core.open_attempts import expire_open_attempts
from server.core.shown_text import description_of, name_of
from server.core.work import Work

ATTEMPT_TTL_SECONDS = range(30, 601)
CHALLENGE_DIGITS = range(2, 7)


@dataclass(frozen=True, slots=True)
class CreateIntegration:
    """An integration of this tenant.

    Args:
        attempt_ttl_seconds: How long its attempts can be answered, 30 to 600; None: the instance's default.
        challenge_digits: How long their challenges are, 2 to 6; None: the instance's default.
    """

    tenant_id: int
    name: str
    description: str | None = None
    attempt_ttl_seconds: int | None = None
    challenge_digits: int | None = None


@dataclass(frozen=True, slots=True)
class ListIntegrations:
    """Which integrations: of all tenants or one; search is in name and description."""

    page: PageRequest
    tenant_id: int | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class ReadIntegration:
    """Which integration."""

    integration_id: int


@dataclass(frozen=True, slots=True)
class ChangeIntegration:
    """What is new about an integration; None puts the instance's default back."""

    integration_id: int
    name: str | Unchanged = UNCHANGED
    description: str | Unchanged | None = UNCHANGED
    attempt_ttl_seconds: int | Unchanged | None = UNCHANGED
    challenge_digits: int | Unchanged | None = UNCHANGED


@dataclass(frozen=True, slots=True)
class DeactivateIntegration:
    """Which integration."""

    integration_id: int


@dataclass(frozen=True, slots=True)
class ReactivateIntegration:
    """Which integration."""

    integration_id: int


@dataclass(frozen=True, slots=True)
class RotateSigningKey:
    """Of which integration."""

    integration_id: int


async def create_integration(work: Work, command: CreateIntegration) -> Integration:
    """The integration exists, is active, and has a signing key of its own.

    Raises:
        InvalidFields: A text cannot be shown or signed, or a number is out of its range.
        TenantNotFound: There is no such tenant.
        TenantInactive: The tenant was deactivated.
        IntegrationNameTaken: Another integration of the tenant has this name, in any casing.
    """
    name, description = name_of(command.name), description_of(command.description)
    _check_ranges(command.attempt_ttl_seconds, command.challenge_digits)
    active = await store.select_tenant_active_for_share(work.conn, command.tenant_id)
    if active is None:
        raise TenantNotFound
    if not active:
        raise TenantInactive

    async def insert(integration_id: int) -> bool:
        return await store.insert_integration(
            work.conn,
            integration_id,
            organization_id=command.tenant_id,
            name=name,
            description=description,
            attempt_ttl_seconds=command.attempt_ttl_seconds,
            challenge_digits=command.challenge_digits,
            now=work.now,
        )

    integration_id = await insert_with_new_id(insert)
    await give_new_signing_key(work, command.tenant_id, integration_id)
    work.record(_event("created", integration_id, command.tenant_id))
    return await read_integration(work, ReadIntegration(integration_id))


async def list_integrations(work: Work, command: ListIntegrations) -> Page[Integration]:
    """The integrations asked for, newest first."""
    return await store.select_page(
        work.conn, command.page, organization_id=command.tenant_id, active=command.active
    )


async def read_integration(work: Work, command: ReadIntegration) -> Integration:
    """The integration.

    Raises:
        IntegrationNotFound: There is none.
    """
    integration = await store.select_integration(work.conn, command.integration_id)
    if integration is None:
        raise IntegrationNotFound
    return integration


async def change_integration(work: Work, command: ChangeIntegration) -> Integration:
    """The integration is as the command says; what is the same already leaves no event.

    Open attempts keep the time and the challenge they were made with, and phones that were enrolled keep
    showing what they were told when they were bound.

    Raises:
        IntegrationNotFound: There is none.
        InvalidFields: A text cannot be shown or signed, or a number is out of its range.
        IntegrationNameTaken: Another integration of the tenant has this name, in any casing.
    """
    old = await _integration_for_update(work, command.integration_id)
    new = replace(
        old,
        name=name_of(changed(command.name, old.name)),
        description=description_of(changed(command.description, old.description)),
        attempt_ttl_seconds=changed(command.attempt_ttl_seconds, old.attempt_ttl_seconds),
        challenge_digits=changed(command.challenge_digits, old.challenge_digits),
    )
    _check_ranges(new.attempt_ttl_seconds, new.challenge_digits)
    if new == old:
        return old
    await store.update_integration(work.conn, new, work.now)
    work.record(_event("changed", old.id, old.organization_id, changed=names_of_changed(old, new)))
    return replace(new, updated_at=work.now)


async def deactivate_integration(work: Work, command: DeactivateIntegration) -> Integration:
    """The integration is not active: its keys and enrollments are refused, its open attempts have expired.

    An integration that was inactive before is left as it is.

    Raises:
        IntegrationNotFound: There is none.
    """
    tenant_id = await store.update_integration_active(
        work.conn, command.integration_id, active=False, now=work.now
    )
    if tenant_id is not None:
        work.record(_event("deactivated", command.integration_id, tenant_id))
        work.wake(ALL_API_KEYS_TOPIC)
        await expire_open_attempts(
            work,
            "integration_deactivated",
            organization_id=tenant_id,
            integration_id=command.integration_id,
        )
    return await read_integration(work, ReadIntegration(command.integration_id))


async def reactivate_integration(work: Work, command: ReactivateIntegration) -> Integration:
    """The integration is active, and its keys and enrollments are as they were before.

    Raises:
        IntegrationNotFound: There is none.
    """
    tenant_id = await store.update_integration_active(
        work.conn, command.integration_id, active=True, now=work.now
    )
    if tenant_id is not None:
        work.record(_event("reactivated", command.integration_id, tenant_id))
    return await read_integration(work, ReadIntegration(command.integration_id))


async def rotate_signing_key(work: Work, command: RotateSigningKey) -> Integration:
    """The integration has a new signing key, with which enrollments are bound from now on.

    Enrollments that were bound before keep the key their phones know; rebinding moves them to the new one.
    An inactive integration can be given a new key too, so that it can be made safe before it comes back.

    Raises:
        IntegrationNotFound: There is none.
    """
    old = await _integration_for_update(work, command.integration_id)
    signing_key_id = await give_new_signing_key(work, old.organization_id, old.id)
    work.record(
        _event(
            "signing_key_rotated",
            old.id,
            old.organization_id,
            signing_key_id=signing_key_id,
            retired_signing_key_id=old.signing_key_id,
        )
    )
    return await read_integration(work, ReadIntegration(old.id))


async def _integration_for_update(work: Work, integration_id: int) -> Integration:
    await store.select_integration_for_update(work.conn, integration_id)
    return await read_integration(work, ReadIntegration(integration_id))


def _check_ranges(attempt_ttl_seconds: int | None, challenge_digits: int | None) -> None:
    if attempt_ttl_seconds is not None and attempt_ttl_seconds not in ATTEMPT_TTL_SECONDS:
        raise InvalidFields(fields={"attemptTtlSeconds": "must be between 30 and 600"})
    if challenge_digits is not None and challenge_digits not in CHALLENGE_DIGITS:
        raise InvalidFields(fields={"challengeDigits": "must be between 2 and 6"})


def _event(what: str, integration_id: int, tenant_id: int, **data: Detail) -> Event:
    return Event(f"integration.{what}", "integration", str(integration_id), tenant_id, data=data)
