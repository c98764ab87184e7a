"""What members do with their organization's projects. What is another's is not found, as if nobody's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from server.base.errors import ProjectNotFound
from server.base.ids import new_uid
from server.base.pages import CursorPage, CursorRequest
from server.core.api_keys.model import ALL_API_KEYS_TOPIC
from server.core.audit.events import Detail, Event
from server.core.changes import UNCHANGED, Unchanged, changed, names_of_changed
from server.core.projects import store
from server.core.projects.model import Project
from server.core.projects.rules import check_lifetimes, origins_of, redirect_url_of
from server.core.realms.actions import ChangePolicy, CreateRealm, change_policy, create_realm
from server.core.realms.model import RealmKind
from server.core.realms.policy import MfaMode
from server.core.shown_text import free_description_of, free_name_of
from server.core.work import Work
from server.crypto.tokens import new_login_id

SURFACE: Final = "protekt_auth"
DEFAULT_ACCESS_SECONDS = 3600
DEFAULT_SESSION_SECONDS = 2_592_000


@dataclass(frozen=True, slots=True)
class CreateProject:
    """A project of this organization; the rest is as `Project` has it."""

    organization_id: int
    name: str
    redirect_url: str
    allowed_origins: Sequence[str] = ()
    description: str | None = None
    access_token_seconds: int = DEFAULT_ACCESS_SECONDS
    session_seconds: int = DEFAULT_SESSION_SECONDS
    mfa_required: bool = False


@dataclass(frozen=True, slots=True)
class ListProjects:
    """Which part of the organization's projects."""

    organization_id: int
    page: CursorRequest


@dataclass(frozen=True, slots=True)
class ReadProject:
    """Which project of which organization."""

    organization_id: int
    project_id: UUID


@dataclass(frozen=True, slots=True)
class ChangeProject:
    """What is new about a project; None takes a description away."""

    organization_id: int
    project_id: UUID
    name: str | Unchanged = UNCHANGED
    description: str | Unchanged | None = UNCHANGED
    redirect_url: str | Unchanged = UNCHANGED
    allowed_origins: Sequence[str] | Unchanged = UNCHANGED
    access_token_seconds: int | Unchanged = UNCHANGED
    session_seconds: int | Unchanged = UNCHANGED
    mfa_required: bool | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True)
class DeleteProject:
    """Which project of which organization."""

    organization_id: int
    project_id: UUID


async def create_project(work: Work, command: CreateProject) -> Project:
    """The project exists, with a realm of its own in which nobody is yet.

    Raises:
        InvalidFields: A member is not as documented; see `rules`.
    """
    check_lifetimes(command.access_token_seconds, command.session_seconds)
    project_id, environment_id = new_uid(), new_uid()
    await store.insert_project(
        work.conn,
        project_id,
        environment_id,
        organization_id=command.organization_id,
        name=free_name_of(command.name),
        description=free_description_of(command.description),
        login_id=new_login_id(),
        redirect_url=redirect_url_of(command.redirect_url),
        allowed_origins=origins_of(command.allowed_origins),
        now=work.now,
    )
    await create_realm(
        work,
        CreateRealm(RealmKind.CUSTOMER, SURFACE, command.organization_id, environment_id, _policy(command)),
    )
    project = await read_project(work, ReadProject(command.organization_id, project_id))
    work.record(_event("created", project))
    return project


async def list_projects(work: Work, command: ListProjects) -> CursorPage[Project]:
    """The organization's projects asked for, newest first."""
    return await store.select_page(work.conn, command.organization_id, command.page)


async def read_project(work: Work, command: ReadProject) -> Project:
    """The project.

    Raises:
        ProjectNotFound: The organization has no such project.
    """
    project = await store.select_project(work.conn, command.organization_id, command.project_id)
    if project is None:
        raise ProjectNotFound
    return project


async def change_project(work: Work, command: ChangeProject) -> Project:
    """The project is as the command says; what is the same already leaves no event.

    Tokens that were given out keep the time that they were given; new ones are by the new rules.

    Raises:
        ProjectNotFound: The organization has no such project.
        InvalidFields: A member is not as documented; see `rules`.
    """
    await store.select_project_for_update(work.conn, command.organization_id, command.project_id)
    old = await read_project(work, ReadProject(command.organization_id, command.project_id))
    new = replace(
        old,
        name=free_name_of(changed(command.name, old.name)),
        description=free_description_of(changed(command.description, old.description)),
        redirect_url=redirect_url_of(changed(command.redirect_url, old.redirect_url)),
        allowed_origins=origins_of(changed(command.allowed_origins, old.allowed_origins)),
        access_token_seconds=changed(command.access_token_seconds, old.access_token_seconds),
        session_seconds=changed(command.session_seconds, old.session_seconds),
        mfa_required=changed(command.mfa_required, old.mfa_required),
    )
    check_lifetimes(new.access_token_seconds, new.session_seconds)
    if new == old:
        return old
    what, new = names_of_changed(old, new), replace(new, updated_at=work.now)
    await store.update_project(work.conn, new)
    if _policy(new) != _policy(old):
        await change_policy(work, ChangePolicy(new.realm_id, _policy(new)))
    work.record(_event("changed", old, changed=what))
    # Its keys are remembered with its origins.
    work.wake(ALL_API_KEYS_TOPIC)
    return new


async def delete_project(work: Work, command: DeleteProject) -> None:
    """The project is gone with its keys, users, sessions and counts; every token of it is refused at once.

    Raises:
        ProjectNotFound: The organization has no such project.
    """
    project = await read_project(work, ReadProject(command.organization_id, command.project_id))
    if not await store.delete_project(work.conn, command.organization_id, command.project_id):
        raise ProjectNotFound
    work.record(_event("deleted", project))
    work.wake(ALL_API_KEYS_TOPIC)


def _policy(project: CreateProject | Project) -> dict[str, object]:
    """What a project says of its realm's policy, as `ChangePolicy` has it."""
    return {
        "access_token_seconds": project.access_token_seconds,
        "session_seconds": project.session_seconds,
        "mfa": MfaMode.REQUIRED if project.mfa_required else MfaMode.OPTIONAL,
    }


def _event(what: str, project: Project, **data: Detail) -> Event:
    return Event(
        f"project.{what}",
        "project",
        str(project.id),
        project.organization_id,
        data=data,
        realm_id=project.realm_id,
    )
