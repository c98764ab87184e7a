from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, cast

import pytest

from server.base import ids
from server.base.errors import InvalidFields, ProjectNotFound
from server.base.pages import CursorRequest
from server.core.organizations.model import Organization
from server.core.projects.actions import (
    ChangeProject,
    CreateProject,
    DeleteProject,
    ListProjects,
    ReadProject,
    change_project,
    create_project,
    delete_project,
    list_projects,
    read_project,
)
from server.core.projects.lookup import ProjectOfLoginId, is_origin_allowed, project_of_login_id
from server.core.realms.actions import read_realm
from server.core.realms.policy import MfaMode
from server.core.work import Work
from server.db.pool import STATEMENT_TIMEOUT_SECONDS, Connection
from tests.support.accounts import a_customer, a_project, a_project_key
from tests.support.work import event_names, later


class Patience:
    """A connection, and how long the most patient statement would have waited.

    Args:
        conn: What the statements are sent on.
    """

    def __init__(self, conn: Connection) -> None:
        self.fetchrow, self.execute = conn.fetchrow, conn.execute
        self._conn = conn
        self.longest = 0.0

    async def fetchval(self, query: str, *args: object, timeout: float | None = None) -> Any:  # noqa: ANN401, ASYNC109 - as of a connection
        """The first value of the first row."""
        self.longest = max(self.longest, timeout or 0)
        return await self._conn.fetchval(query, *args, timeout=timeout)


async def test_a_created_project_can_be_read_and_has_a_realm_of_its_own(work: Work) -> None:
    organization = await a_customer(work)

    project = await create_project(
        work,
        CreateProject(
            organization.id,
            " My App | Production ",
            "https://app.example/signed-in",
            ["https://App.example/"],
            description="Sells examples",
        ),
    )

    assert project == await read_project(work, ReadProject(organization.id, project.id))
    assert (project.name, project.description) == ("My App | Production", "Sells examples")
    assert project.allowed_origins == ("https://app.example",)
    assert project.login_id.startswith("lp_")
    assert (project.access_token_seconds, project.session_seconds) == (3600, 2_592_000)
    assert not project.mfa_required
    realm = await read_realm(work, project.realm_id)
    assert (realm.project_id, realm.organization_id) == (project.id, organization.id)
    assert (realm.surface, realm.app_name) == ("protekt_auth", project.name)
    assert event_names(work)[-1] == "project.created"
    assert work.events[-1].organization_id == organization.id


async def test_what_a_project_says_of_sign_in_is_its_realms_policy(work: Work) -> None:
    project = await a_project(work, access_token_seconds=60, session_seconds=300, mfa_required=True)

    policy = (await read_realm(work, project.realm_id)).policy

    assert (policy.access_token_seconds, policy.session_seconds) == (60, 300)
    assert policy.mfa is MfaMode.REQUIRED
    assert project.mfa_required


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"description": "two\nlines"}, "description"),
        ({"redirect_url": "http://app.example"}, "redirect_url"),
        ({"allowed_origins": ["*"]}, "allowed_origins"),
        ({"access_token_seconds": 59}, "token_expiry"),
        ({"session_seconds": 31_536_001}, "refresh_token_expiry"),
    ],
)
async def test_what_is_not_as_documented_is_refused(work: Work, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        await a_project(work, **({"name": "A name"} | wrong))

    assert list(refused.value.fields) == [field]


async def test_a_change_changes_what_it_says_and_nothing_else(work: Work) -> None:
    project = await a_project(work, description="Before")
    afterwards = later(work, seconds=1)

    changed = await change_project(
        afterwards, _change_of(project.organization_id, project.id, access_token_seconds=120)
    )

    assert changed == await read_project(work, ReadProject(project.organization_id, project.id))
    assert changed.updated_at == afterwards.now
    assert changed.access_token_seconds == 120
    assert _rest(changed) == _rest(project)
    changes = [event for event in afterwards.events if event.name == "project.changed"]
    assert [event.data for event in changes] == [{"changed": "access_token_seconds"}]
    assert (await read_realm(work, project.realm_id)).policy.access_token_seconds == 120


async def test_its_keys_are_forgotten_when_a_project_changes(work: Work) -> None:
    project = await a_project(work)
    afterwards = later(work, seconds=1)

    await change_project(
        afterwards, _change_of(project.organization_id, project.id, allowed_origins=["https://b.example"])
    )

    assert afterwards.wakes == ["api_key:*"]


async def test_none_takes_the_description_away(work: Work) -> None:
    project = await a_project(work, description="Before")

    changed = await change_project(work, _change_of(project.organization_id, project.id, description=None))

    assert changed.description is None


async def test_a_change_to_what_is_already_so_leaves_nothing(work: Work) -> None:
    project = await a_project(work)
    afterwards = later(work, seconds=1)

    same = await change_project(
        afterwards,
        _change_of(project.organization_id, project.id, name=f" {project.name} ", mfa_required=False),
    )

    assert same == project
    assert (afterwards.events, afterwards.wakes) == ([], [])


async def test_a_token_never_outlives_the_session_whichever_is_changed(work: Work) -> None:
    project = await a_project(work, access_token_seconds=600, session_seconds=900)

    for change in ({"access_token_seconds": 901}, {"session_seconds": 599}):
        with pytest.raises(InvalidFields) as refused:
            await change_project(work, _change_of(project.organization_id, project.id, **change))
        assert list(refused.value.fields) == ["token_expiry"]
    both = await change_project(
        work,
        _change_of(project.organization_id, project.id, access_token_seconds=1800, session_seconds=1800),
    )
    assert both.session_seconds == 1800


async def test_a_deleted_project_is_gone_with_everything_in_it(work: Work) -> None:
    project = await a_project(work)
    await a_project_key(work, project=project)
    afterwards = later(work, seconds=1)

    await delete_project(afterwards, DeleteProject(project.organization_id, project.id))

    left = await work.conn.fetchval(
        """
        SELECT (SELECT count(*) FROM projects WHERE id = $1)
             + (SELECT count(*) FROM environments WHERE project_id = $1)
             + (SELECT count(*) FROM realms WHERE id = $2)
             + (SELECT count(*) FROM api_keys WHERE organization_id = $3)
        """,
        project.id,
        project.realm_id,
        project.organization_id,
    )
    assert left == 0
    assert event_names(afterwards) == ["project.deleted"]
    assert afterwards.wakes == ["api_key:*"]


async def test_a_project_may_take_longer_to_delete_than_other_statements_may(work: Work) -> None:
    """It goes with its users, who may be millions."""
    project, patience = await a_project(work), Patience(work.conn)

    await delete_project(
        replace(work, conn=cast("Connection", patience)), DeleteProject(project.organization_id, project.id)
    )

    assert patience.longest == 600 > STATEMENT_TIMEOUT_SECONDS


async def test_an_unknown_project_and_another_organizations_are_not_found(work: Work) -> None:
    foreign, organization = await a_project(work), await a_customer(work)

    for project_id in (foreign.id, ids.new_uid()):
        asked: tuple[Awaitable[object], ...] = (
            read_project(work, ReadProject(organization.id, project_id)),
            change_project(work, ChangeProject(organization.id, project_id, name="Mine now")),
            delete_project(work, DeleteProject(organization.id, project_id)),
        )
        for question in asked:
            with pytest.raises(ProjectNotFound):
                await question
    assert await read_project(work, ReadProject(foreign.organization_id, foreign.id)) == foreign


async def test_projects_are_listed_newest_first_and_page_by_page(work: Work) -> None:
    organization = await a_customer(work)
    made = [await a_project(work, organization=organization) for _ in range(5)]
    await a_project(work)

    first = await list_projects(work, ListProjects(organization.id, CursorRequest(limit=2)))
    # What is made meanwhile moves nothing.
    await a_project(work, organization=organization)
    second = await list_projects(work, ListProjects(organization.id, CursorRequest(2, first.next)))
    third = await list_projects(work, ListProjects(organization.id, CursorRequest(2, second.next)))

    assert first.items + second.items + third.items == tuple(reversed(made))
    assert third.next is None


async def test_a_page_that_is_just_full_is_the_last(work: Work) -> None:
    organization = await a_customer(work)
    made = [await a_project(work, organization=organization) for _ in range(2)]

    page = await list_projects(work, ListProjects(organization.id, CursorRequest(limit=2)))
    empty = await list_projects(work, ListProjects((await a_customer(work)).id, CursorRequest()))

    assert (page.items, page.next) == (tuple(reversed(made)), None)
    assert (empty.items, empty.next) == ((), None)


async def test_an_origin_is_allowed_if_any_project_allows_it(work: Work, organization: Organization) -> None:
    await a_project(work, organization=organization, allowed_origins=["https://only-here.example"])

    assert await is_origin_allowed(work, "https://only-here.example")
    for other in ("https://only-here.example:8443", "http://only-here.example", "null", ""):
        assert not await is_origin_allowed(work, other)


async def test_a_project_is_found_by_its_public_name(work: Work) -> None:
    project = await a_project(work)

    assert await project_of_login_id(work, ProjectOfLoginId(project.login_id)) == project
    with pytest.raises(ProjectNotFound):
        await project_of_login_id(work, ProjectOfLoginId("lp_nobodys"))


@pytest.fixture
async def organization(work: Work) -> Organization:
    """A customer without projects."""
    return await a_customer(work)


def _change_of(organization_id: int, project_id: object, **new: Any) -> ChangeProject:  # noqa: ANN401 - members
    return ChangeProject(organization_id, project_id, **new)  # type: ignore[arg-type]  # a project's


def _rest(project: object) -> dict[str, object]:
    """Everything that a change of the tokens' life leaves as it is."""
    names = ("name", "description", "login_id", "redirect_url", "allowed_origins", "session_seconds")
    return {name: getattr(project, name) for name in (*names, "mfa_required", "realm_id", "created_at")}
