"""Projects: the organization's applications."""

from typing import Self
from uuid import UUID

from pydantic import Field

from server.base.errors import ProjectNotFound
from server.base.ids import public_id, uid_of
from server.core.projects import actions
from server.core.projects.model import Project
from server.surfaces.kit.body import Instant, SnakeAnswer, SnakeBody, Url
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.limits import ACCOUNT
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.protekt import PROJECT, ChangeBody, CursorBody, CursorQuery
from server.surfaces.kit.reading import path_text, read, read_query
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_account.surface import ANY_MEMBER, MANAGERS, organization_id, surface


class ProjectCreation(SnakeBody):
    """A project to be made."""

    name: str
    allowed_origins: list[str]
    redirect_url: Url
    description: str | None = None
    token_expiry: int = actions.DEFAULT_ACCESS_SECONDS
    refresh_token_expiry: int = actions.DEFAULT_SESSION_SECONDS
    mfa_required: bool = False

    def command(self, organization_id: int) -> actions.CreateProject:
        """What is asked for."""
        return actions.CreateProject(
            organization_id=organization_id,
            name=self.name,
            redirect_url=self.redirect_url,
            allowed_origins=self.allowed_origins,
            description=self.description,
            access_token_seconds=self.token_expiry,
            session_seconds=self.refresh_token_expiry,
            mfa_required=self.mfa_required,
        )


class ProjectChange(ChangeBody):
    """What is new about a project. The document has neither `description` nor `refresh_token_expiry` here."""

    name: str = Field(default_factory=str)
    allowed_origins: list[str] = Field(default_factory=list)
    redirect_url: Url = Field(default_factory=str)
    description: str | None = None
    token_expiry: int = Field(default_factory=int)
    refresh_token_expiry: int = Field(default_factory=int)
    mfa_required: bool = Field(default_factory=bool)

    def command(self, organization_id: int, project_id: UUID) -> actions.ChangeProject:
        """What is asked for.

        Raises:
            InvalidFields: Nothing is.
        """
        self.check_says_something()
        return actions.ChangeProject(
            organization_id,
            project_id,
            name=self.said("name", self.name),
            description=self.said("description", self.description),
            redirect_url=self.said("redirect_url", self.redirect_url),
            allowed_origins=self.said("allowed_origins", self.allowed_origins),
            access_token_seconds=self.said("token_expiry", self.token_expiry),
            session_seconds=self.said("refresh_token_expiry", self.refresh_token_expiry),
            mfa_required=self.said("mfa_required", self.mfa_required),
        )


class ProjectBody(SnakeAnswer):
    """A project. `login_id` is its public name in addresses."""

    id: str
    login_id: str
    name: str
    description: str | None
    redirect_url: str
    allowed_origins: list[str]
    token_expiry: int
    refresh_token_expiry: int
    mfa_required: bool
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, project: Project) -> Self:
        """What members see."""
        return cls(
            id=public_id(PROJECT, project.id),
            login_id=project.login_id,
            name=project.name,
            description=project.description,
            redirect_url=project.redirect_url,
            allowed_origins=list(project.allowed_origins),
            token_expiry=project.access_token_seconds,
            refresh_token_expiry=project.session_seconds,
            mfa_required=project.mfa_required,
            created_at=project.created_at,
            updated_at=project.updated_at,
        )


class ProjectPage(CursorBody[ProjectBody]):
    """A page of projects."""


class DeletedBody(SnakeAnswer):
    """The project is gone."""

    deleted: bool = True
    id: str


@surface.post("/projects", guard=ANY_MEMBER, limit=ACCOUNT, takes=ProjectCreation, gives={201: ProjectBody})
async def create_project() -> Response:
    """POST /v1/projects: a new project, with nobody in it."""
    body = await read(ProjectCreation)
    project = ProjectBody.of(await perform(actions.create_project, body.command(organization_id())))
    return reply(project, 201, headers=(("Location", f"/v1/projects/{project.id}"),))


@surface.get("/projects", guard=ANY_MEMBER, limit=ACCOUNT, query=CursorQuery, gives={200: ProjectPage})
async def list_projects() -> Response:
    """GET /v1/projects: the organization's projects, newest first."""
    query, of = read_query(CursorQuery), f"projects:{organization_id()}"
    command = actions.ListProjects(organization_id(), query.request(of))
    return reply(ProjectPage.of(await perform_at_once(actions.list_projects, command), ProjectBody.of, of))


@surface.get(
    "/projects/{id:text}",
    guard=ANY_MEMBER,
    limit=ACCOUNT,
    gives={200: ProjectBody},
    refuses=(ProjectNotFound,),
)
async def read_project() -> Response:
    """GET /v1/projects/{id}: one project."""
    command = actions.ReadProject(organization_id(), _project_id())
    return reply(ProjectBody.of(await perform_at_once(actions.read_project, command)))


@surface.patch(
    "/projects/{id:text}",
    guard=ANY_MEMBER,
    limit=ACCOUNT,
    takes=ProjectChange,
    gives={200: ProjectBody},
    refuses=(ProjectNotFound,),
)
async def change_project() -> Response:
    """PATCH /v1/projects/{id}: the members that are present are changed."""
    body = await read(ProjectChange)
    command = body.command(organization_id(), _project_id())
    return reply(ProjectBody.of(await perform(actions.change_project, command)))


@surface.delete(
    "/projects/{id:text}",
    guard=MANAGERS,
    limit=ACCOUNT,
    gives={200: DeletedBody},
    refuses=(ProjectNotFound,),
)
async def delete_project() -> Response:
    """DELETE /v1/projects/{id}: gone with its users, sessions and keys; its tokens are refused at once."""
    await perform(actions.delete_project, actions.DeleteProject(organization_id(), _project_id()))
    return reply(DeletedBody(id=path_text()))


def _project_id() -> UUID:
    uid = uid_of(PROJECT, path_text())
    if uid is None:
        raise ProjectNotFound
    return uid
