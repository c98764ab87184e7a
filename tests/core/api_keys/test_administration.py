import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest

from server.base import ids
from server.base.errors import (
    ApiKeyNotFound,
    ApiKeyRevoked,
    IntegrationInactive,
    IntegrationNotFound,
    InvalidFields,
    TenantInactive,
    TooManyApiKeys,
)
from server.base.pages import PageRequest
from server.core.api_keys.actions import AuthenticateApiKey, authenticate_api_key
from server.core.api_keys.administration import (
    ChangeApiKey,
    CreateApiKey,
    ListApiKeys,
    ReadApiKey,
    RevokeApiKey,
    RotateApiKey,
    change_api_key,
    create_api_key,
    list_api_keys,
    read_api_key,
    revoke_api_key,
    rotate_api_key,
)
from server.core.api_keys.ip_whitelist import text_of
from server.core.api_keys.model import IssuedApiKey
from server.core.integrations.actions import DeactivateIntegration, deactivate_integration
from server.core.integrations.model import Integration
from server.core.organizations.actions import DeactivateTenant, deactivate_tenant
from server.core.work import Core, Work
from server.crypto.tokens import digest
from tests.support.factories import an_api_key, an_integration
from tests.support.work import OPERATOR, event_names, later


async def test_a_secret_is_in_the_outcome_and_only_its_digest_is_kept(work: Work) -> None:
    issued = await an_api_key(work)

    row = await work.conn.fetchrow("SELECT * FROM api_keys WHERE id = $1", issued.key.id)

    assert row is not None
    assert row["secret_digest"] == digest(issued.secret.reveal())
    assert issued.secret.reveal() not in repr(dict(row))
    assert issued.secret.reveal() not in repr(issued)
    assert issued.secret.reveal() not in repr(work.events)


async def test_a_created_key_can_be_read(work: Work) -> None:
    integration = await an_integration(work)
    afterwards = later(work, seconds=1)

    issued = await create_api_key(
        afterwards,
        CreateApiKey(
            integration.id,
            "  Production ",
            expires_at=work.now + timedelta(days=1),
            ip_whitelist=["10.0.0.0/8", " 2001:DB8::1 ", "10.0.0.0/8", "192.0.2.1/32"],
        ),
    )

    key = await read_api_key(afterwards, ReadApiKey(issued.key.id))
    assert key == issued.key
    assert (key.label, key.active) == ("Production", True)
    assert [text_of(network) for network in key.ip_whitelist] == ["10.0.0.0/8", "2001:db8::1", "192.0.2.1"]
    assert event_names(afterwards) == ["api_key.created"]


@pytest.mark.parametrize(
    "entry", ["", "localhost", "10.0.0.1/8", "10.0.0.0/33", "fe80::1%eth0", "1.2.3", "10.0.0.0/8/8"]
)
async def test_what_is_no_address_is_refused(work: Work, entry: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        await an_api_key(work, ip_whitelist=(entry,))

    assert list(refused.value.fields) == ["ipWhitelist"]


async def test_a_list_of_more_than_a_hundred_addresses_is_refused(work: Work) -> None:
    with pytest.raises(InvalidFields):
        await an_api_key(work, ip_whitelist=tuple(f"10.0.0.{number}" for number in range(101)))


@pytest.mark.parametrize(
    "expires_at",
    [
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2999, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=12))),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=12))),
        datetime(2030, 1, 1),  # noqa: DTZ001 - without a time zone, on purpose
    ],
)
async def test_an_expiry_that_is_past_or_far_off_or_ambiguous_is_refused(
    work: Work, expires_at: datetime
) -> None:
    integration = await an_integration(work)

    with pytest.raises(InvalidFields) as refused:
        await create_api_key(work, CreateApiKey(integration.id, "Key", expires_at=expires_at))

    assert list(refused.value.fields) == ["expiresAt"]


async def test_an_expiry_of_this_very_instant_is_refused(work: Work) -> None:
    integration = await an_integration(work)

    with pytest.raises(InvalidFields):
        await create_api_key(work, CreateApiKey(integration.id, "Key", expires_at=work.now))


async def test_a_sixth_active_key_is_refused(work: Work) -> None:
    integration = await an_integration(work)
    for _ in range(5):
        await an_api_key(work, integration=integration)

    with pytest.raises(TooManyApiKeys):
        await an_api_key(work, integration=integration)


async def test_revoked_and_expired_keys_do_not_count(work: Work) -> None:
    integration = await an_integration(work)
    soon = await create_api_key(
        work, CreateApiKey(integration.id, "Soon", expires_at=work.now + timedelta(seconds=10))
    )
    keys = [await an_api_key(work, integration=integration) for _ in range(4)]
    await revoke_api_key(work, RevokeApiKey(keys[0].key.id))
    await an_api_key(work, integration=integration)

    afterwards = later(work, seconds=10)
    await an_api_key(afterwards, integration=integration)

    assert not (await read_api_key(afterwards, ReadApiKey(soon.key.id))).active
    with pytest.raises(TooManyApiKeys):
        await an_api_key(afterwards, integration=integration)


async def test_six_creations_at_the_same_moment_make_five_keys(core: Core) -> None:
    integration = await core.perform(_an_integration, None, actor=OPERATOR)

    outcomes: Sequence[IssuedApiKey | BaseException] = await asyncio.gather(
        *(
            core.perform(create_api_key, CreateApiKey(integration.id, f"Key {number}"), actor=OPERATOR)
            for number in range(6)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, IssuedApiKey) for outcome in outcomes) == 5
    assert sum(isinstance(outcome, TooManyApiKeys) for outcome in outcomes) == 1


async def test_rotations_and_creations_at_the_same_moment_make_no_sixth_key(core: Core) -> None:
    integration = await core.perform(_an_integration, None, actor=OPERATOR)
    first = [
        await core.perform(create_api_key, CreateApiKey(integration.id, "Key"), actor=OPERATOR)
        for _ in range(3)
    ]

    await asyncio.gather(
        *(core.perform(rotate_api_key, RotateApiKey(each.key.id), actor=OPERATOR) for each in first),
        *(core.perform(create_api_key, CreateApiKey(integration.id, "Key"), actor=OPERATOR) for _ in first),
        return_exceptions=True,
    )

    page = await core.perform_at_once(
        list_api_keys, ListApiKeys(PageRequest(), integration.id, active=True), actor=OPERATOR
    )
    assert page.total == 5


async def test_of_revocations_at_the_same_moment_one_wins(core: Core) -> None:
    issued = await core.perform(_an_api_key, None, actor=OPERATOR)

    outcomes = await asyncio.gather(
        *(core.perform(revoke_api_key, RevokeApiKey(issued.key.id), actor=OPERATOR) for _ in range(5)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, ApiKeyRevoked) for outcome in outcomes) == 4
    async with core.db.acquire() as conn:
        recorded = await conn.fetchval(
            "SELECT count(*) FROM audit_events WHERE event = 'api_key.revoked' AND target_id = $1",
            str(issued.key.id),
        )
    assert recorded == 1


async def test_a_key_needs_an_integration_and_a_tenant_that_are_active(work: Work) -> None:
    integration, other = await an_integration(work), await an_integration(work)
    existing = await an_api_key(work, integration=integration)
    await deactivate_integration(work, DeactivateIntegration(integration.id))
    await deactivate_tenant(work, DeactivateTenant(other.organization_id))

    with pytest.raises(IntegrationInactive):
        await an_api_key(work, integration=integration)
    with pytest.raises(IntegrationInactive):
        await rotate_api_key(work, RotateApiKey(existing.key.id))
    with pytest.raises(TenantInactive):
        await an_api_key(work, integration=other)
    with pytest.raises(IntegrationNotFound):
        await create_api_key(work, CreateApiKey(ids.new_small_id(), "Key"))


async def test_a_change_changes_what_it_says_and_nothing_else(work: Work) -> None:
    issued = await an_api_key(work, ip_whitelist=("10.0.0.1",))
    afterwards = later(work, seconds=1)
    until = afterwards.now + timedelta(days=3)

    changed = await change_api_key(afterwards, ChangeApiKey(issued.key.id, label="Renamed", expires_at=until))

    assert (changed.label, changed.expires_at) == ("Renamed", until)
    assert changed.ip_whitelist == issued.key.ip_whitelist
    assert changed == await read_api_key(work, ReadApiKey(issued.key.id))
    assert [dict(event.data) for event in afterwards.events] == [{"changed": "expires_at, label"}]
    cleared = await change_api_key(afterwards, ChangeApiKey(issued.key.id, expires_at=None))
    assert cleared.expires_at is None


async def test_a_key_that_ended_cannot_be_changed_revoked_again_or_rotated(work: Work) -> None:
    revoked = await an_api_key(work)
    await revoke_api_key(work, RevokeApiKey(revoked.key.id))
    expired = await create_api_key(
        work,
        CreateApiKey(revoked.key.integration_id, "Key", expires_at=work.now + timedelta(seconds=1)),
    )
    afterwards = later(work, seconds=1)

    for issued in (revoked, expired):
        with pytest.raises(ApiKeyRevoked):
            await change_api_key(afterwards, ChangeApiKey(issued.key.id, expires_at=None))
        with pytest.raises(ApiKeyRevoked):
            await rotate_api_key(afterwards, RotateApiKey(issued.key.id))
    with pytest.raises(ApiKeyRevoked):
        await revoke_api_key(afterwards, RevokeApiKey(revoked.key.id))
    assert (await revoke_api_key(afterwards, RevokeApiKey(expired.key.id))).revoked_at == afterwards.now


async def test_a_rotated_key_works_beside_its_successor_until_the_overlap_ends(work: Work) -> None:
    old = await an_api_key(work, ip_whitelist=("10.0.0.1",))
    afterwards = later(work, seconds=1)

    new = await rotate_api_key(afterwards, RotateApiKey(old.key.id, overlap_seconds=60))

    assert (new.key.label, new.key.ip_whitelist) == (old.key.label, old.key.ip_whitelist)
    assert new.key.expires_at is None
    retiring = await read_api_key(afterwards, ReadApiKey(old.key.id))
    assert retiring.replaced_by == new.key.id
    assert retiring.expires_at == afterwards.now + timedelta(seconds=60)
    for issued in (old, new):
        command = AuthenticateApiKey(issued.key.key_id, issued.secret, "10.0.0.1")
        await authenticate_api_key(later(work, seconds=60), command)
    assert not (await read_api_key(later(work, seconds=61), ReadApiKey(old.key.id))).active
    assert event_names(afterwards) == ["api_key.created", "api_key.rotated"]


async def test_an_overlap_never_lengthens_the_old_key_s_life(work: Work) -> None:
    integration = await an_integration(work)
    ends = work.now + timedelta(seconds=100)
    old = await create_api_key(work, CreateApiKey(integration.id, "Key", expires_at=ends))
    afterwards = later(work, seconds=40)

    new = await rotate_api_key(afterwards, RotateApiKey(old.key.id))

    assert (await read_api_key(afterwards, ReadApiKey(old.key.id))).expires_at == ends
    assert new.key.expires_at == afterwards.now + timedelta(seconds=100)


async def test_a_key_that_still_works_after_its_rotation_counts(work: Work) -> None:
    integration = await an_integration(work)
    keys = [await an_api_key(work, integration=integration) for _ in range(5)]

    with pytest.raises(TooManyApiKeys):
        await rotate_api_key(work, RotateApiKey(keys[0].key.id))
    await rotate_api_key(work, RotateApiKey(keys[0].key.id, overlap_seconds=0))

    assert not (await read_api_key(work, ReadApiKey(keys[0].key.id))).active
    with pytest.raises(TooManyApiKeys):
        await an_api_key(work, integration=integration)


async def test_a_key_is_replaced_once(work: Work) -> None:
    issued = await an_api_key(work)
    await rotate_api_key(work, RotateApiKey(issued.key.id))

    with pytest.raises(ApiKeyRevoked):
        await rotate_api_key(work, RotateApiKey(issued.key.id))


@pytest.mark.parametrize("seconds", [-1, 2_592_001])
async def test_an_overlap_out_of_range_is_refused(work: Work, seconds: int) -> None:
    issued = await an_api_key(work)

    with pytest.raises(InvalidFields) as refused:
        await rotate_api_key(work, RotateApiKey(issued.key.id, overlap_seconds=seconds))

    assert list(refused.value.fields) == ["overlapSeconds"]


async def test_an_unknown_key_is_not_found(work: Work) -> None:
    unknown = ids.new_small_id()

    for asked in (
        read_api_key(work, ReadApiKey(unknown)),
        change_api_key(work, ChangeApiKey(unknown)),
        revoke_api_key(work, RevokeApiKey(unknown)),
        rotate_api_key(work, RotateApiKey(unknown)),
    ):
        with pytest.raises(ApiKeyNotFound):
            await asked


async def test_lists_are_by_integration_and_by_whether_keys_work(work: Work) -> None:
    integration = await an_integration(work)
    kept = await an_api_key(work, integration=integration)
    revoked = await an_api_key(later(work, seconds=1), integration=integration)
    await revoke_api_key(work, RevokeApiKey(revoked.key.id))
    await an_api_key(work)

    async def listed(*, search: str = "", active: bool | None = None) -> list[int]:
        page = await list_api_keys(
            work, ListApiKeys(PageRequest(search=search), integration_id=integration.id, active=active)
        )
        assert page.total == len(page.items)
        return [key.id for key in page.items]

    assert await listed() == [revoked.key.id, kept.key.id]
    assert await listed(active=True) == [kept.key.id]
    assert await listed(active=False) == [revoked.key.id]
    assert await listed(search=kept.key.key_id) == [kept.key.id]


async def _an_integration(work: Work, _: None) -> Integration:
    return await an_integration(work)


async def _an_api_key(work: Work, _: None) -> IssuedApiKey:
    return await an_api_key(work)
