from datetime import datetime, timedelta
from typing import Any

import pytest

from server.base import ids
from server.base.errors import ApiKeyNotFound, InvalidApiKey, InvalidFields
from server.base.pages import PageRequest
from server.base.secret import Secret
from server.core.api_keys.actions import AuthenticateApiKey, authenticate_api_key
from server.core.api_keys.administration import ListApiKeys, list_api_keys
from server.core.api_keys.model import IssuedProjectKey, ProjectCredential, Scope
from server.core.api_keys.project_keys import (
    AuthenticateProjectKey,
    CreateProjectKey,
    ListProjectKeys,
    RevokeProjectKey,
    authenticate_project_key,
    create_project_key,
    list_project_keys,
    revoke_project_key,
)
from server.core.projects.actions import DeleteProject, delete_project
from server.core.work import Work
from server.crypto.tokens import new_project_key
from tests.support.accounts import a_customer, a_project, a_project_key
from tests.support.factories import an_api_key
from tests.support.work import event_names, later

ALL = tuple(Scope)


async def show(work: Work, issued: IssuedProjectKey) -> ProjectCredential:
    """What comes of showing the key."""
    return await authenticate_project_key(work, AuthenticateProjectKey(issued.secret))


async def test_a_key_says_for_which_project_it_speaks_and_what_it_may_do(work: Work) -> None:
    project = await a_project(work, allowed_origins=["https://a.example", "https://b.example"])
    issued = await a_project_key(work, project=project, scopes=[Scope.USERS_READ])

    key = await show(work, issued)

    assert (key.uid, key.key_id) == (issued.key.uid, issued.key.key_id)
    assert (key.organization_id, key.project_id) == (project.organization_id, project.id)
    assert key.realm_id == project.realm_id
    assert key.scopes == {"users:read"}
    assert key.allowed_origins == ("https://a.example", "https://b.example")
    assert issued.secret.reveal().startswith(issued.key.key_id + "_")
    assert event_names(work)[-1] == "api_key.created"
    assert work.events[-1].target_id == str(issued.key.uid)


async def test_without_scopes_a_key_may_do_everything(work: Work) -> None:
    assert (await a_project_key(work)).key.scopes == ALL


async def test_scopes_are_kept_each_once_and_in_order(work: Work) -> None:
    issued = await a_project_key(work, scopes=[Scope.USERS_WRITE, Scope.AUTH_READ, Scope.USERS_WRITE])

    assert issued.key.scopes == (Scope.AUTH_READ, Scope.USERS_WRITE)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"label": " "}, "label"),
        ({"label": "x" * 101}, "label"),
        ({"scopes": ()}, "scopes"),
        ({"expires_at": datetime(2001, 1, 1)}, "expires_at"),  # noqa: DTZ001 - that is what is wrong with it
    ],
)
async def test_what_is_not_as_documented_is_refused(work: Work, wrong: dict[str, Any], field: str) -> None:
    project = await a_project(work)

    with pytest.raises(InvalidFields) as refused:
        await create_project_key(
            work, CreateProjectKey(**({"label": "L"} | wrong), **_of(project.organization_id, project.id))
        )

    assert list(refused.value.fields) == [field]


async def test_an_expiry_is_later_than_now_and_within_ten_years(work: Work) -> None:
    project = await a_project(work)

    for expires_at in (work.now, work.now + timedelta(days=3654)):
        with pytest.raises(InvalidFields) as refused:
            await create_project_key(
                work, CreateProjectKey(project.organization_id, project.id, "Key", None, expires_at)
            )
        assert list(refused.value.fields) == ["expires_at"]


async def test_no_key_is_made_for_another_organizations_project(work: Work) -> None:
    foreign, organization = await a_project(work), await a_customer(work)

    for project_id in (foreign.id, ids.new_uid()):
        with pytest.raises(InvalidFields) as refused:
            await create_project_key(work, CreateProjectKey(organization.id, project_id, "Key"))
        assert list(refused.value.fields) == ["project_id"]


async def test_unknown_malformed_and_altered_keys_are_refused(work: Work) -> None:
    right = (await a_project_key(work)).secret.reveal()
    altered = right[:-1] + ("A" if right[-1] != "A" else "B")

    for wrong in (
        new_project_key(),
        altered,
        right + "A",
        right.upper(),
        right[:24],
        "pk_live_",
        "",
        "\ud800",
    ):
        with pytest.raises(InvalidApiKey):
            await authenticate_project_key(work, AuthenticateProjectKey(Secret(wrong)))


async def test_an_expired_key_is_refused(work: Work) -> None:
    project = await a_project(work)
    expires_at = work.now + timedelta(seconds=10)
    issued = await create_project_key(
        work, CreateProjectKey(project.organization_id, project.id, "Key", None, expires_at)
    )

    assert (await show(later(work, seconds=9), issued)).expires_at == expires_at
    with pytest.raises(InvalidApiKey):
        await show(later(work, seconds=10), issued)


async def test_a_revoked_key_is_refused_from_then_on_and_listed_no_more(work: Work) -> None:
    issued = await a_project_key(work)
    afterwards = later(work, seconds=1)

    await revoke_project_key(afterwards, RevokeProjectKey(issued.key.organization_id, issued.key.uid))

    with pytest.raises(InvalidApiKey):
        await show(work, issued)
    assert await list_project_keys(work, ListProjectKeys(issued.key.organization_id, None, 20)) == ()
    assert afterwards.wakes == [f"api_key:{issued.key.key_id}"]
    assert event_names(afterwards) == ["api_key.revoked"]


async def test_a_key_is_revoked_once_and_only_by_its_own_organization(work: Work) -> None:
    issued, organization = await a_project_key(work), await a_customer(work)

    with pytest.raises(ApiKeyNotFound):
        await revoke_project_key(work, RevokeProjectKey(organization.id, issued.key.uid))
    await revoke_project_key(work, RevokeProjectKey(issued.key.organization_id, issued.key.uid))
    for uid in (issued.key.uid, ids.new_uid()):
        with pytest.raises(ApiKeyNotFound):
            await revoke_project_key(work, RevokeProjectKey(issued.key.organization_id, uid))


async def test_the_key_of_an_inactive_organization_is_refused(work: Work) -> None:
    issued = await a_project_key(work)
    await work.conn.execute(
        "UPDATE organizations SET active = false WHERE id = $1", issued.key.organization_id
    )

    with pytest.raises(InvalidApiKey):
        await show(work, issued)


async def test_the_key_of_a_deleted_project_is_refused(work: Work) -> None:
    project = await a_project(work)
    issued = await a_project_key(work, project=project)
    await delete_project(work, DeleteProject(project.organization_id, project.id))

    with pytest.raises(InvalidApiKey):
        await show(work, issued)


async def test_the_last_use_is_written_once_a_minute(work: Work) -> None:
    issued = await a_project_key(work)

    assert (await show(work, issued)).last_used_at == work.now
    assert (await show(later(work, seconds=59), issued)).last_used_at == work.now
    assert (await show(later(work, seconds=60), issued)).last_used_at == later(work, seconds=60).now


async def test_keys_are_listed_newest_first_of_one_project_or_all(work: Work) -> None:
    organization = await a_customer(work)
    projects = [await a_project(work, organization=organization) for _ in range(2)]
    keys = [
        (await a_project_key(later(work, seconds=age), project=projects[age % 2])).key for age in range(4)
    ]
    await a_project_key(work)

    async def listed(project: int | None, limit: int = 20) -> list[int]:
        project_id = None if project is None else projects[project].id
        found = await list_project_keys(work, ListProjectKeys(organization.id, project_id, limit))
        return [keys.index(key) for key in found]

    assert await listed(None) == [3, 2, 1, 0]
    assert await listed(None, limit=2) == [3, 2]
    assert await listed(0) == [2, 0]
    assert await listed(1) == [3, 1]


async def test_keys_of_another_organizations_project_are_not_listed(work: Work) -> None:
    issued, organization = await a_project_key(work), await a_customer(work)

    with pytest.raises(InvalidFields) as refused:
        await list_project_keys(work, ListProjectKeys(organization.id, issued.key.project_id, 20))

    assert list(refused.value.fields) == ["project_id"]


async def test_the_two_kinds_of_keys_are_strangers_to_each_other(work: Work) -> None:
    project_key, integration_key = await a_project_key(work), await an_api_key(work)

    with pytest.raises(InvalidApiKey):
        await authenticate_api_key(
            work, AuthenticateApiKey(project_key.key.key_id, project_key.secret, address=None)
        )
    with pytest.raises(InvalidApiKey):
        await authenticate_project_key(work, AuthenticateProjectKey(integration_key.secret))
    assert (await list_api_keys(work, ListApiKeys(PageRequest(search=project_key.key.key_id)))).total == 0
    with pytest.raises(ApiKeyNotFound):
        await revoke_project_key(
            work,
            RevokeProjectKey(
                integration_key.key.organization_id, await _uid_of(work, integration_key.key.id)
            ),
        )


def _of(organization_id: int, project_id: object) -> dict[str, Any]:
    return {"organization_id": organization_id, "project_id": project_id}


async def _uid_of(work: Work, api_key_id: int) -> Any:  # noqa: ANN401 - a column
    return await work.conn.fetchval("SELECT uid FROM api_keys WHERE id = $1", api_key_id)
