"""What is done with customers' organizations."""

from dataclasses import dataclass

from server.base.errors import OrganizationNotFound
from server.core.audit.events import Event
from server.core.drawn_ids import insert_with_new_id
from server.core.organizations import customers_store as store
from server.core.organizations.model import Organization
from server.core.shown_text import name_of
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class CreateCustomer:
    """An organization by this name."""

    name: str


@dataclass(frozen=True, slots=True)
class FindCustomer:
    """Which organization, by its name in any casing."""

    name: str


async def create_customer(work: Work, command: CreateCustomer) -> Organization:
    """The organization exists and is active; it has no members yet.

    Raises:
        InvalidFields: The name cannot be shown.
        OrganizationNameTaken: Another customer has this name, in any casing.
    """
    name = name_of(command.name)

    async def insert(organization_id: int) -> bool:
        return await store.insert_customer(work.conn, organization_id, name=name, now=work.now)

    organization_id = await insert_with_new_id(insert)
    work.record(Event("organization.created", "organization", str(organization_id), organization_id))
    return Organization(organization_id, name, active=True, created_at=work.now)


async def find_customer(work: Work, command: FindCustomer) -> Organization:
    """The organization.

    Raises:
        InvalidFields: No organization can have this name.
        OrganizationNotFound: None has it.
    """
    organization = await store.select_customer_by_name(work.conn, name_of(command.name))
    if organization is None:
        raise OrganizationNotFound
    return organization


async def list_customers(work: Work, _: None) -> tuple[Organization, ...]:
    """All organizations, by name."""
    return await store.select_customers(work.conn)
