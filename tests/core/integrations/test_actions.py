import asyncio

import pytest

from server.base import ids
from server.base.errors import (
    IntegrationNameTaken,
    IntegrationNotFound,
    InvalidFields,
    TenantInactive,
    TenantNotFound,
)
from server.base.pages import PageRequest
from server.core.integrations.actions import (
    ChangeIntegration,
    CreateIntegration,
    DeactivateIntegration,
    ListIntegrations,
    ReactivateIntegration,
    ReadIntegration,
    RotateSigningKey,
    change_integration,
    create_integration,
    deactivate_integration,
    list_integrations,
    reactivate_integration,
    read_integration,
    rotate_signing_key,
)
from server.core.integrations.model import Integration, signing_key_purpose
from server.core.organizations.actions import DeactivateTenant, deactivate_tenant
from server.core.work import Core, Work
from server.crypto.encoding import b64url_encode
from server.crypto.signing_keys import SigningKey
from tests.support.factories import (
    a_name,
    a_tenant,
    a_verified_enrollment,
    an_integration,
    an_open_attempt,
    status_of_attempt,
)
from tests.support.work import OPERATOR, event_names, later


async def test_a_created_integration_has_a_signing_key_that_is_sealed_at_rest(work: Work) -> None:
    integration = await an_integration(work)

    sealed = await work.conn.fetchval(
        "SELECT private_key_sealed FROM integration_signing_keys WHERE id = $1", integration.signing_key_id
    )
    seed = work.keys.open(sealed, signing_key_purpose(integration.signing_key_id))

    assert SigningKey(seed).public_key == b64url_encode(integration.public_key)
    assert seed not in sealed


async def test_a_created_integration_is_active_with_the_instance_s_defaults(work: Work) -> None:
    tenant = await a_tenant(work)
    afterwards = later(work, seconds=1)
    name = a_name("Shop")

    integration = await create_integration(afterwards, CreateIntegration(tenant.id, name))

    assert integration == await read_integration(work, ReadIntegration(integration.id))
    assert (integration.name, integration.active, integration.description) == (name, True, None)
    assert (integration.attempt_ttl_seconds, integration.challenge_digits) == (None, None)
    assert integration.organization_id == tenant.id
    assert event_names(afterwards) == ["integration.created"]


@pytest.mark.parametrize("ttl", [29, 601])
async def test_an_attempt_lifetime_out_of_range_is_refused(work: Work, ttl: int) -> None:
    with pytest.raises(InvalidFields) as refused:
        await an_integration(work, attempt_ttl_seconds=ttl)

    assert list(refused.value.fields) == ["attemptTtlSeconds"]


@pytest.mark.parametrize("digits", [1, 7])
async def test_a_challenge_length_out_of_range_is_refused(work: Work, digits: int) -> None:
    with pytest.raises(InvalidFields) as refused:
        await an_integration(work, challenge_digits=digits)

    assert list(refused.value.fields) == ["challengeDigits"]


@pytest.mark.parametrize(("ttl", "digits"), [(30, 2), (600, 6)])
async def test_the_ends_of_the_ranges_are_accepted(work: Work, ttl: int, digits: int) -> None:
    integration = await an_integration(work, attempt_ttl_seconds=ttl, challenge_digits=digits)

    assert (integration.attempt_ttl_seconds, integration.challenge_digits) == (ttl, digits)


@pytest.mark.parametrize(("name", "description"), [("a|b", None), ("a", "b|c"), ("a\u2067", None)])
async def test_text_that_cannot_be_signed_or_shown_is_refused(
    work: Work, name: str, description: str | None
) -> None:
    with pytest.raises(InvalidFields):
        await an_integration(work, name=name, description=description)


async def test_it_needs_a_tenant_that_is_there_and_active(work: Work) -> None:
    tenant = await a_tenant(work)
    await deactivate_tenant(work, DeactivateTenant(tenant.id))

    with pytest.raises(TenantInactive):
        await create_integration(work, CreateIntegration(tenant.id, a_name("Shop")))
    with pytest.raises(TenantNotFound):
        await create_integration(work, CreateIntegration(ids.new_small_id(), a_name("Shop")))


async def test_a_name_is_taken_within_its_tenant_only(work: Work) -> None:
    integration = await an_integration(work)
    await an_integration(work, name=integration.name)

    with pytest.raises(IntegrationNameTaken):
        await create_integration(
            work, CreateIntegration(integration.organization_id, integration.name.swapcase())
        )


async def test_taken_ids_are_drawn_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    other = await an_integration(work)
    tenant = await a_tenant(work)
    free, free_key = ids.new_small_id(), ids.new_small_id()
    drawn = iter([other.id, free, other.signing_key_id, free_key])
    monkeypatch.setattr(ids, "new_small_id", lambda: next(drawn))

    integration = await create_integration(work, CreateIntegration(tenant.id, a_name("Shop")))

    assert (integration.id, integration.signing_key_id) == (free, free_key)
    assert await read_integration(work, ReadIntegration(other.id)) == other


async def test_a_change_changes_what_it_says_and_none_puts_the_default_back(work: Work) -> None:
    integration = await an_integration(work, attempt_ttl_seconds=60, challenge_digits=4)
    afterwards = later(work, seconds=1)

    changed = await change_integration(
        afterwards, ChangeIntegration(integration.id, description="New", attempt_ttl_seconds=None)
    )

    assert (changed.name, changed.description) == (integration.name, "New")
    assert (changed.attempt_ttl_seconds, changed.challenge_digits) == (None, 4)
    assert changed == await read_integration(work, ReadIntegration(integration.id))
    assert [dict(event.data) for event in afterwards.events] == [
        {"changed": "attempt_ttl_seconds, description"}
    ]


async def test_a_change_to_what_is_already_so_leaves_no_event(work: Work) -> None:
    integration = await an_integration(work)
    afterwards = later(work, seconds=1)

    await change_integration(afterwards, ChangeIntegration(integration.id, name=integration.name))

    assert afterwards.events == []


async def test_deactivating_expires_its_open_attempts_and_no_others(work: Work) -> None:
    attempt, someone_elses = await an_open_attempt(work), await an_open_attempt(work)
    integration_id = await work.conn.fetchval(
        "SELECT integration_id FROM auth_attempts WHERE id = $1", attempt.id
    )
    afterwards = later(work, seconds=1)

    for _ in range(2):
        integration = await deactivate_integration(afterwards, DeactivateIntegration(integration_id))
        assert not integration.active

    assert await status_of_attempt(work, attempt.id) == "EXPIRED"
    assert await status_of_attempt(work, someone_elses.id) == "PENDING"
    assert event_names(afterwards) == ["integration.deactivated", "auth_attempt.expired"]
    assert afterwards.wakes == ["api_key:*", f"attempt:{attempt.id}"]
    assert (await reactivate_integration(afterwards, ReactivateIntegration(integration_id))).active


async def test_a_rotated_signing_key_is_new_and_the_old_one_stays_for_those_bound_with_it(work: Work) -> None:
    integration = await an_integration(work)
    enrollment = await a_verified_enrollment(work, integration=integration)
    afterwards = later(work, seconds=1)

    rotated = await rotate_signing_key(afterwards, RotateSigningKey(integration.id))

    assert rotated.public_key != integration.public_key
    keys = await work.conn.fetch(
        "SELECT id, retired_at FROM integration_signing_keys WHERE integration_id = $1", integration.id
    )
    assert {row["id"]: row["retired_at"] for row in keys} == {
        integration.signing_key_id: afterwards.now,
        rotated.signing_key_id: None,
    }
    assert integration.signing_key_id == await work.conn.fetchval(
        "SELECT signing_key_id FROM enrollments WHERE id = $1", enrollment.id
    )
    assert [(event.name, dict(event.data)) for event in afterwards.events] == [
        (
            "integration.signing_key_rotated",
            {
                "signing_key_id": rotated.signing_key_id,
                "retired_signing_key_id": integration.signing_key_id,
            },
        )
    ]


async def test_an_inactive_integration_s_signing_key_can_be_rotated(work: Work) -> None:
    integration = await an_integration(work)
    await deactivate_integration(work, DeactivateIntegration(integration.id))

    rotated = await rotate_signing_key(work, RotateSigningKey(integration.id))

    assert rotated.signing_key_id != integration.signing_key_id


async def test_rotations_at_the_same_moment_leave_one_key_that_is_not_retired(core: Core) -> None:
    integration = await core.perform(_an_integration, None, actor=OPERATOR)

    await asyncio.gather(
        *(
            core.perform(rotate_signing_key, RotateSigningKey(integration.id), actor=OPERATOR)
            for _ in range(4)
        )
    )

    async with core.db.acquire() as conn:
        current = await conn.fetch(
            """
            SELECT k.id, i.signing_key_id
              FROM integration_signing_keys AS k JOIN integrations AS i ON i.id = k.integration_id
             WHERE k.integration_id = $1 AND k.retired_at IS NULL
            """,
            integration.id,
        )
    assert len(current) == 1
    assert current[0]["id"] == current[0]["signing_key_id"]


async def test_a_change_and_a_rotation_at_the_same_moment_both_happen(core: Core) -> None:
    integration = await core.perform(_an_integration, None, actor=OPERATOR)

    await asyncio.gather(
        core.perform(rotate_signing_key, RotateSigningKey(integration.id), actor=OPERATOR),
        core.perform(
            change_integration, ChangeIntegration(integration.id, description="Changed"), actor=OPERATOR
        ),
    )

    after = await core.perform_at_once(read_integration, ReadIntegration(integration.id), actor=OPERATOR)
    assert after.description == "Changed"
    assert after.signing_key_id != integration.signing_key_id


async def test_an_unknown_integration_is_not_found(work: Work) -> None:
    unknown = ids.new_small_id()

    for asked in (
        read_integration(work, ReadIntegration(unknown)),
        change_integration(work, ChangeIntegration(unknown)),
        deactivate_integration(work, DeactivateIntegration(unknown)),
        reactivate_integration(work, ReactivateIntegration(unknown)),
        rotate_signing_key(work, RotateSigningKey(unknown)),
    ):
        with pytest.raises(IntegrationNotFound):
            await asked


async def test_lists_are_by_tenant_and_searched(work: Work) -> None:
    tenant = await a_tenant(work)
    shop = await an_integration(work, tenant=tenant, description="Buys and sells")
    bank = await an_integration(later(work, seconds=1), tenant=tenant)
    await an_integration(work)

    async def listed(search: str = "", *, active: bool | None = None) -> list[int]:
        page = await list_integrations(
            work, ListIntegrations(PageRequest(search=search), tenant_id=tenant.id, active=active)
        )
        assert page.total == len(page.items)
        return [integration.id for integration in page.items]

    assert await listed() == [bank.id, shop.id]
    assert await listed("SELLS") == [shop.id]
    assert await listed(active=False) == []


async def _an_integration(work: Work, _: None) -> Integration:
    return await an_integration(work)
