from uuid import UUID, uuid4

import pytest

from server.base.errors import IntegrationNotFound, InvalidFields, RealmNotFound
from server.base.ids import public_id
from server.core.realms.actions import (
    ChangePolicy,
    SetPushIntegration,
    change_policy,
    find_realm,
    list_realms,
    read_named_realm,
    read_realm,
    set_push_integration,
)
from server.core.realms.model import RealmKind, RealmName
from server.core.realms.policy import Delivery, MfaMode, SignInPolicy
from server.core.work import Work
from tests.support.accounts import a_project, a_realm
from tests.support.factories import an_integration
from tests.support.work import event_names, later


async def test_the_realm_of_a_project_says_whose_people_they_are(work: Work) -> None:
    project = await a_project(work, name="Shop")

    realm = await read_realm(work, project.realm_id)

    assert (realm.kind, realm.surface, realm.name) == (RealmKind.CUSTOMER, "protekt_auth", None)
    assert (realm.project_id, realm.organization_id) == (project.id, project.organization_id)
    assert (realm.app_name, realm.login_id) == ("Shop", project.login_id)
    assert (realm.redirect_url, realm.allowed_origins) == (project.redirect_url, project.allowed_origins)
    assert realm.policy == SignInPolicy()


async def test_every_instance_has_the_realms_of_its_operators_and_members(work: Work) -> None:
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    platform = await read_named_realm(work, RealmName.PLATFORM)

    assert (accounts.kind, platform.kind) == (RealmKind.WORKFORCE, RealmKind.PLATFORM)
    assert accounts.delivery is platform.delivery is Delivery.REFERENCE
    assert not accounts.policy.registration_open
    assert accounts.app_name == work.settings.instance_name
    assert (accounts.project_id, accounts.redirect_url, accounts.allowed_origins) == (None, None, ())


@pytest.mark.parametrize("name", ["nobody", ""])
async def test_a_realm_that_is_not_there_is_not_found(work: Work, name: str) -> None:
    with pytest.raises(RealmNotFound):
        await read_realm(work, uuid4())
    with pytest.raises(RealmNotFound):
        await read_named_realm(work, name)
    with pytest.raises(RealmNotFound):
        await find_realm(work, name)


async def test_operators_find_a_realm_by_all_its_names(work: Work) -> None:
    project = await a_project(work)
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)

    for text in (public_id("proj", project.id), project.login_id, str(project.realm_id)):
        assert (await find_realm(work, text)).id == project.realm_id
    for text in ("protekt-accounts", str(accounts.id)):
        assert (await find_realm(work, text)).id == accounts.id


async def test_realms_are_listed_with_those_of_the_instance_first(work: Work) -> None:
    realm = await a_realm(work)

    realms = await list_realms(work, None)

    assert [each.name for each in realms[:2]] == ["platform", "protekt-accounts"]
    assert realm in realms


async def test_changed_rules_hold_and_are_in_the_log_by_name(work: Work) -> None:
    realm = await a_realm(work)
    then = later(work, minutes=1)

    after = await change_policy(then, ChangePolicy(realm.id, {"mfa": "required", "max_sessions": 5}))

    assert after == await read_realm(then, realm.id)
    assert (after.policy.mfa, after.policy.max_sessions) == (MfaMode.REQUIRED, 5)
    assert event_names(then) == ["realm.policy_changed"]
    assert then.events[0].data == {"changed": "max_sessions, mfa"}
    assert (then.events[0].realm_id, then.events[0].organization_id) == (realm.id, realm.organization_id)


async def test_rules_that_are_so_already_leave_no_event(work: Work) -> None:
    realm = await a_realm(work, max_sessions=5)
    then = later(work)

    await change_policy(then, ChangePolicy(realm.id, {"max_sessions": 5, "mfa": None}))

    assert event_names(then) == []


async def test_a_change_with_one_bad_rule_changes_nothing(work: Work) -> None:
    realm = await a_realm(work)

    with pytest.raises(InvalidFields) as refused:
        await change_policy(work, ChangePolicy(realm.id, {"max_sessions": 5, "mfa": "no", "x": 1}))

    assert sorted(refused.value.fields) == ["mfa", "x"]
    assert (await read_realm(work, realm.id)).policy == SignInPolicy()


async def test_rules_of_a_realm_that_is_not_there_cannot_change(work: Work) -> None:
    with pytest.raises(RealmNotFound):
        await change_policy(work, ChangePolicy(UUID(int=0), {}))


async def test_a_realm_can_use_the_phones_of_an_integration(work: Work) -> None:
    realm, integration = await a_realm(work), await an_integration(work)
    then = later(work)

    after = await set_push_integration(then, SetPushIntegration(realm.id, integration.id))

    assert after == await read_realm(work, realm.id)
    assert after.push_integration_id == integration.id
    await set_push_integration(then, SetPushIntegration(realm.id, integration.id))
    assert event_names(then) == ["realm.push_integration_set"]
    assert (await set_push_integration(then, SetPushIntegration(realm.id, None))).push_integration_id is None


async def test_a_realm_cannot_use_phones_of_no_integration(work: Work) -> None:
    realm = await a_realm(work)

    with pytest.raises(IntegrationNotFound):
        await set_push_integration(work, SetPushIntegration(realm.id, 1))
