import pytest

from server.base import ids
from server.base.errors import (
    InvalidFields,
    OrganizationNameTaken,
    OrganizationNotFound,
    TenantNotFound,
)
from server.base.pages import PageRequest
from server.core.organizations.actions import ListTenants, ReadTenant, list_tenants, read_tenant
from server.core.organizations.customers import (
    CreateCustomer,
    FindCustomer,
    create_customer,
    find_customer,
    list_customers,
)
from server.core.work import Work
from tests.support.accounts import a_customer
from tests.support.factories import a_name, a_tenant
from tests.support.work import event_names


async def test_a_customer_is_found_by_its_name_in_any_casing(work: Work) -> None:
    name = a_name("Example")

    organization = await create_customer(work, CreateCustomer(f" {name} "))

    assert organization.name == name
    assert organization == await find_customer(work, FindCustomer(name.upper()))
    assert event_names(work) == ["organization.created"]


async def test_a_taken_name_is_refused_in_any_casing(work: Work) -> None:
    organization = await a_customer(work)

    with pytest.raises(OrganizationNameTaken):
        await create_customer(work, CreateCustomer(organization.name.upper()))


async def test_a_tenant_and_a_customer_may_have_the_same_name(work: Work) -> None:
    tenant = await a_tenant(work)

    organization = await a_customer(work, name=tenant.name)

    assert organization.id != tenant.id


async def test_a_customer_is_no_tenant_to_operators(work: Work) -> None:
    organization = await a_customer(work)

    with pytest.raises(TenantNotFound):
        await read_tenant(work, ReadTenant(organization.id))
    assert (await list_tenants(work, ListTenants(PageRequest(search=organization.name)))).total == 0


async def test_a_tenant_is_no_customer(work: Work) -> None:
    tenant = await a_tenant(work)

    with pytest.raises(OrganizationNotFound):
        await find_customer(work, FindCustomer(tenant.name))


async def test_a_name_that_cannot_be_shown_is_refused(work: Work) -> None:
    for attempt in (create_customer(work, CreateCustomer("")), find_customer(work, FindCustomer("a\nb"))):
        with pytest.raises(InvalidFields) as refused:
            await attempt
        assert list(refused.value.fields) == ["name"]


async def test_customers_are_listed_by_name(work: Work) -> None:
    word = a_name("Listed")
    made = [await a_customer(work, name=f"{word} {letter}") for letter in "bCa"]

    listed = [found for found in await list_customers(work, None) if found.name.startswith(word)]

    assert listed == [made[2], made[0], made[1]]


async def test_a_taken_id_is_drawn_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = await a_customer(work), ids.new_small_id()
    drawn = iter([taken.id, free])
    monkeypatch.setattr(ids, "new_small_id", lambda: next(drawn))

    assert (await a_customer(work)).id == free
