"""countersign admin projects: the applications of customers' organizations."""

from typing import Annotated

import typer

from server.base.pages import MAX_LIMIT, CursorRequest
from server.commands.members import DEFAULT_ORGANIZATION
from server.commands.options import FIRST_PAGE, AsJson
from server.commands.performing import perform
from server.commands.showing import show, show_lines, show_list
from server.core.organizations.customers import FindCustomer, find_customer
from server.core.projects import actions
from server.core.projects.lookup import find_project
from server.core.projects.model import Project
from server.core.work import Work
from server.surfaces.kit.body import SnakeAnswer
from server.surfaces.protekt_account.projects import ProjectBody

app = typer.Typer(no_args_is_help=True, help="Projects: applications, each with users of its own.")

COLUMNS = ("id", "login_id", "name", "redirect_url", "mfa_required", "created_at")

Name = Annotated[str, typer.Argument(show_default=False, help="1 to 100 characters; messages show it.")]
ProjectId = Annotated[str, typer.Argument(show_default=False, help="Its `proj_…` or `lp_…`.")]
OrganizationName = Annotated[str, typer.Option("--organization", help="The organization's name.")]
RedirectUrl = Annotated[
    str, typer.Option(show_default=False, help="Where its users go when they have signed in.")
]
Origins = Annotated[
    list[str] | None,
    typer.Option("--allow-origin", show_default=False, help="Whose pages may call; may be given again."),
]
Limit = Annotated[int, typer.Option(min=1, max=MAX_LIMIT, help="How many at most: the newest.")]


class ProjectList(SnakeAnswer):
    """Projects, newest first."""

    data: list[ProjectBody]


@app.command("create")
def create_project(
    name: Name,
    redirect_url: RedirectUrl,
    allow_origin: Origins = None,
    organization: OrganizationName = DEFAULT_ORGANIZATION,
    description: str | None = None,
    token_expiry: int = actions.DEFAULT_ACCESS_SECONDS,
    refresh_token_expiry: int = actions.DEFAULT_SESSION_SECONDS,
    *,
    mfa_required: bool = False,
    json: AsJson = False,
) -> None:
    """Make a project."""

    async def create(work: Work, organization_name: str) -> Project:
        found = await find_customer(work, FindCustomer(organization_name))
        return await actions.create_project(
            work,
            actions.CreateProject(
                organization_id=found.id,
                name=name,
                redirect_url=redirect_url,
                allowed_origins=allow_origin or (),
                description=description,
                access_token_seconds=token_expiry,
                session_seconds=refresh_token_expiry,
                mfa_required=mfa_required,
            ),
        )

    show(ProjectBody.of(perform(create, organization)), as_json=json)


@app.command("list")
def list_projects(
    organization: OrganizationName = DEFAULT_ORGANIZATION, limit: Limit = FIRST_PAGE, *, json: AsJson = False
) -> None:
    """List an organization's projects, newest first."""

    async def find(work: Work, organization_name: str) -> tuple[Project, ...]:
        found = await find_customer(work, FindCustomer(organization_name))
        page = await actions.list_projects(work, actions.ListProjects(found.id, CursorRequest(limit=limit)))
        return page.items

    body = ProjectList(data=[ProjectBody.of(project) for project in perform(find, organization)])
    show_list(body, body.data, COLUMNS, as_json=json)


@app.command("show")
def read_project(project: ProjectId, *, json: AsJson = False) -> None:
    """Show a project."""
    show(ProjectBody.of(perform(find_project, project)), as_json=json)


@app.command("delete")
def delete_project(
    project: ProjectId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a project with its users, sessions and keys, for good."""
    found = perform(find_project, project)
    if not yes:
        typer.confirm(f"Delete {found.name} with all of its users?", abort=True, err=True)
    perform(actions.delete_project, actions.DeleteProject(found.organization_id, found.id))
    show_lines([f"{found.name} is gone"])
