"""Projects as they are looked for without an organization: by browsers, by addresses, by operators."""

from dataclasses import dataclass

from server.base.errors import ProjectNotFound, RealmNotFound
from server.core.projects import store
from server.core.projects.actions import ReadProject, read_project
from server.core.projects.model import Project
from server.core.realms.actions import find_realm
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class ProjectOfLoginId:
    """A project's public name, `lp_…`, as it was sent."""

    login_id: str


async def is_origin_allowed(work: Work, origin: str) -> bool:
    """Whether any project lets pages of this origin, as their browser sends it, call. Perform at once.

    A preflight carries no key, so it cannot be asked of one project; the call itself is.
    """
    return await store.select_is_origin_allowed(work.conn, origin)


async def project_of_login_id(work: Work, command: ProjectOfLoginId) -> Project:
    """The project that addresses call so.

    Raises:
        ProjectNotFound: None has this name.
    """
    project = await store.select_project_by_login_id(work.conn, command.login_id)
    if project is None:
        raise ProjectNotFound
    return project


async def find_project(work: Work, text: str) -> Project:
    """The project that an operator means by its `proj_…` or `lp_…`, whosever it is.

    Raises:
        ProjectNotFound: There is none.
    """
    try:
        realm = await find_realm(work, text)
    except RealmNotFound as unknown:
        raise ProjectNotFound from unknown
    if realm.organization_id is None or realm.project_id is None:
        raise ProjectNotFound
    return await read_project(work, ReadProject(realm.organization_id, realm.project_id))
