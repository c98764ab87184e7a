"""What operators do with tenants."""

from dataclasses import dataclass, replace

from server.base.errors import TenantNotFound
from server.base.pages import Page, PageRequest
from server.core.api_keys.model import ALL_API_KEYS_TOPIC
from server.core.audit.events import Detail, Event
from server.core.changes import UNCHANGED, Unchanged, changed, names_of_changed
from server.core.drawn_ids import insert_with_new_id
from server.core.open_attempts import expire_open_attempts
from server.core.organizations import store
from server.core.organizations.model import Tenant
from server.core.shown_text import description_of, name_of
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class CreateTenant:
    """A tenant by this name, with a description that phones may show."""

    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class ListTenants:
    """Which tenants: all, or only the active or the inactive ones; search is in name and description."""

    page: PageRequest
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class ReadTenant:
    """Which tenant."""

    tenant_id: int


@dataclass(frozen=True, slots=True)
class ChangeTenant:
    """What is new about a tenant."""

    tenant_id: int
    name: str | Unchanged = UNCHANGED
    description: str | Unchanged | None = UNCHANGED


@dataclass(frozen=True, slots=True)
class DeactivateTenant:
    """Which tenant."""

    tenant_id: int


@dataclass(frozen=True, slots=True)
class ReactivateTenant:
    """Which tenant."""

    tenant_id: int


async def create_tenant(work: Work, command: CreateTenant) -> Tenant:
    """The tenant exists and is active.

    Raises:
        InvalidFields: The name or the description cannot be shown or signed.
        TenantNameTaken: Another tenant has this name, in any casing.
    """
    name, description = name_of(command.name), description_of(command.description)

    async def insert(tenant_id: int) -> bool:
        return await store.insert_tenant(
            work.conn, tenant_id, name=name, description=description, now=work.now
        )

    tenant_id = await insert_with_new_id(insert)
    work.record(_event("created", tenant_id))
    return Tenant(tenant_id, name, description, active=True, created_at=work.now, updated_at=work.now)


async def list_tenants(work: Work, command: ListTenants) -> Page[Tenant]:
    """The tenants asked for, newest first."""
    return await store.select_page(work.conn, command.page, active=command.active)


async def read_tenant(work: Work, command: ReadTenant) -> Tenant:
    """The tenant.

    Raises:
        TenantNotFound: There is none.
    """
    tenant = await store.select_tenant(work.conn, command.tenant_id)
    if tenant is None:
        raise TenantNotFound
    return tenant


async def change_tenant(work: Work, command: ChangeTenant) -> Tenant:
    """The tenant is as the command says; what is the same already leaves no event.

    Phones that were enrolled keep showing what they were told when they were bound.

    Raises:
        TenantNotFound: There is none.
        InvalidFields: The name or the description cannot be shown or signed.
        TenantNameTaken: Another tenant has this name, in any casing.
    """
    old = await store.select_tenant_for_update(work.conn, command.tenant_id)
    if old is None:
        raise TenantNotFound
    new = replace(
        old,
        name=name_of(changed(command.name, old.name)),
        description=description_of(changed(command.description, old.description)),
    )
    if new == old:
        return old
    await store.update_tenant(work.conn, old.id, name=new.name, description=new.description, now=work.now)
    work.record(_event("changed", old.id, changed=names_of_changed(old, new)))
    return replace(new, updated_at=work.now)


async def deactivate_tenant(work: Work, command: DeactivateTenant) -> Tenant:
    """The tenant is not active: its keys and enrollments are refused, its open attempts have expired.

    A tenant that was inactive before is left as it is.

    Raises:
        TenantNotFound: There is none.
    """
    if await store.update_tenant_active(work.conn, command.tenant_id, active=False, now=work.now):
        work.record(_event("deactivated", command.tenant_id))
        work.wake(ALL_API_KEYS_TOPIC)
        await expire_open_attempts(work, "tenant_deactivated", organization_id=command.tenant_id)
    return await read_tenant(work, ReadTenant(command.tenant_id))


async def reactivate_tenant(work: Work, command: ReactivateTenant) -> Tenant:
    """The tenant is active, and everything in it is as it was before.

    Raises:
        TenantNotFound: There is none.
    """
    if await store.update_tenant_active(work.conn, command.tenant_id, active=True, now=work.now):
        work.record(_event("reactivated", command.tenant_id))
    return await read_tenant(work, ReadTenant(command.tenant_id))


def _event(what: str, tenant_id: int, **data: Detail) -> Event:
    return Event(f"tenant.{what}", "tenant", str(tenant_id), tenant_id, data=data)
