import pytest

from server.base import ids
from server.base.errors import InvalidFields, TenantNameTaken, TenantNotFound
from server.base.pages import PageRequest
from server.core.organizations.actions import (
    ChangeTenant,
    CreateTenant,
    DeactivateTenant,
    ListTenants,
    ReactivateTenant,
    ReadTenant,
    change_tenant,
    create_tenant,
    deactivate_tenant,
    list_tenants,
    reactivate_tenant,
    read_tenant,
)
from server.core.work import Work
from tests.support.factories import (
    a_name,
    a_tenant,
    a_verified_enrollment,
    an_integration,
    an_open_attempt,
    status_of_attempt,
)
from tests.support.work import event_names, later


async def test_a_created_tenant_is_active_and_can_be_read(work: Work) -> None:
    name = a_name("Example")

    tenant = await create_tenant(work, CreateTenant(name, "Sells examples"))

    assert tenant == await read_tenant(work, ReadTenant(tenant.id))
    assert (tenant.name, tenant.description, tenant.active) == (name, "Sells examples", True)
    assert event_names(work) == ["tenant.created"]
    assert work.events[0].organization_id == tenant.id


async def test_names_are_stored_trimmed_and_in_nfc(work: Work) -> None:
    tenant = await create_tenant(work, CreateTenant(f"  Cafe\u0301 {a_name('x')} ", "  "))

    assert tenant.name.startswith("Café ")
    assert not tenant.name.endswith(" ")
    assert tenant.description is None


@pytest.mark.parametrize("name", ["", "   ", "a|b", "a\nb", "a\u202eb", "\ud800", "x" * 101])
async def test_a_name_that_cannot_be_shown_or_signed_is_refused(work: Work, name: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        await create_tenant(work, CreateTenant(name))

    assert list(refused.value.fields) == ["name"]


@pytest.mark.parametrize("description", ["a|b", "two\nlines", "x" * 501])
async def test_a_description_that_cannot_be_shown_or_signed_is_refused(work: Work, description: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        await create_tenant(work, CreateTenant(a_name("Tenant"), description))

    assert list(refused.value.fields) == ["description"]


async def test_a_name_of_exactly_one_hundred_characters_is_accepted(work: Work) -> None:
    name = a_name("Tenant").ljust(100, "x")

    assert (await create_tenant(work, CreateTenant(name))).name == name


async def test_a_taken_id_is_drawn_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = await a_tenant(work)
    free = ids.new_small_id()
    drawn = iter([taken.id, taken.id, free])
    monkeypatch.setattr(ids, "new_small_id", lambda: next(drawn))

    assert (await a_tenant(work)).id == free


async def test_a_taken_name_is_refused_in_any_casing(work: Work) -> None:
    tenant = await a_tenant(work)

    with pytest.raises(TenantNameTaken):
        await create_tenant(work, CreateTenant(tenant.name.upper()))


async def test_a_change_changes_what_it_says_and_nothing_else(work: Work) -> None:
    tenant = await a_tenant(work, description="Before")
    afterwards = later(work, seconds=1)

    changed = await change_tenant(afterwards, ChangeTenant(tenant.id, description="After"))

    assert (changed.name, changed.description) == (tenant.name, "After")
    assert changed.updated_at == afterwards.now
    assert changed == await read_tenant(work, ReadTenant(tenant.id))
    assert [(event.name, event.data) for event in afterwards.events] == [
        ("tenant.changed", {"changed": "description"})
    ]


async def test_none_clears_the_description(work: Work) -> None:
    tenant = await a_tenant(work, description="Before")

    assert (await change_tenant(work, ChangeTenant(tenant.id, description=None))).description is None


async def test_a_change_to_what_is_already_so_leaves_no_event(work: Work) -> None:
    tenant = await a_tenant(work)
    afterwards = later(work, seconds=1)

    assert await change_tenant(afterwards, ChangeTenant(tenant.id, name=f" {tenant.name} ")) == tenant
    assert afterwards.events == []


async def test_a_change_to_a_taken_name_is_refused(work: Work) -> None:
    tenant, other = await a_tenant(work), await a_tenant(work)

    with pytest.raises(TenantNameTaken):
        await change_tenant(work, ChangeTenant(tenant.id, name=other.name))


async def test_deactivating_a_tenant_expires_the_open_attempts_of_all_its_integrations(work: Work) -> None:
    tenant = await a_tenant(work)
    attempts = [
        await an_open_attempt(
            work,
            enrollment=await a_verified_enrollment(
                work, integration=await an_integration(work, tenant=tenant)
            ),
        )
        for _ in range(2)
    ]
    someone_elses = await an_open_attempt(work)
    afterwards = later(work, seconds=1)

    assert not (await deactivate_tenant(afterwards, DeactivateTenant(tenant.id))).active

    assert [await status_of_attempt(work, attempt.id) for attempt in attempts] == ["EXPIRED", "EXPIRED"]
    assert await status_of_attempt(work, someone_elses.id) == "PENDING"
    assert event_names(afterwards) == ["tenant.deactivated", "auth_attempt.expired", "auth_attempt.expired"]
    assert {event.data["reason"] for event in afterwards.events[1:]} == {"tenant_deactivated"}
    assert set(afterwards.wakes) == {"api_key:*"} | {f"attempt:{attempt.id}" for attempt in attempts}


async def test_deactivating_and_reactivating_twice_happens_once(work: Work) -> None:
    tenant = await a_tenant(work)
    afterwards = later(work, seconds=1)

    for _ in range(2):
        assert not (await deactivate_tenant(afterwards, DeactivateTenant(tenant.id))).active
    for _ in range(2):
        assert (await reactivate_tenant(afterwards, ReactivateTenant(tenant.id))).active

    assert event_names(afterwards) == ["tenant.deactivated", "tenant.reactivated"]


async def test_an_unknown_tenant_is_not_found(work: Work) -> None:
    unknown = ids.new_small_id()

    for asked in (
        read_tenant(work, ReadTenant(unknown)),
        change_tenant(work, ChangeTenant(unknown)),
        deactivate_tenant(work, DeactivateTenant(unknown)),
        reactivate_tenant(work, ReactivateTenant(unknown)),
    ):
        with pytest.raises(TenantNotFound):
            await asked


async def test_lists_are_searched_filtered_and_paged(work: Work) -> None:
    word = a_name("Findable")
    tenants = [await a_tenant(later(work, seconds=age), name=f"{word} {age}") for age in range(3)]
    await deactivate_tenant(work, DeactivateTenant(tenants[0].id))
    described = await a_tenant(later(work, seconds=3), description=f"about {word.upper()}")
    newest_first = [described.id, tenants[2].id, tenants[1].id, tenants[0].id]

    first = await list_tenants(work, ListTenants(PageRequest(limit=3, search=word)))
    second = await list_tenants(work, ListTenants(PageRequest(limit=3, offset=3, search=word)))
    beyond = await list_tenants(work, ListTenants(PageRequest(limit=3, offset=9, search=word)))
    inactive = await list_tenants(work, ListTenants(PageRequest(search=word), active=False))

    assert [tenant.id for tenant in first.items + second.items] == newest_first
    assert (first.total, second.total, beyond.total, beyond.items) == (4, 4, 4, ())
    assert [tenant.id for tenant in inactive.items] == [tenants[0].id]


async def test_search_takes_percent_and_underscore_literally(work: Work) -> None:
    await a_tenant(work, name=a_name("100% sure"))

    assert (await list_tenants(work, ListTenants(PageRequest(search="1_0%")))).total == 0
