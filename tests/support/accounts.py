"""Organizations, projects, keys and members for tests, made by the product's own actions.

Each takes what matters to the test and makes up the rest; names are never the same twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from secrets import token_hex

import httpx2

from server.base.secret import Secret
from server.core.api_keys.model import IssuedProjectKey, Scope
from server.core.api_keys.project_keys import CreateProjectKey, create_project_key
from server.core.memberships.model import Owner
from server.core.memberships.owners import CreateOwner, create_owner
from server.core.organizations.customers import CreateCustomer, create_customer
from server.core.organizations.model import Organization
from server.core.projects.actions import CreateProject, create_project
from server.core.projects.model import Project
from server.core.realms.actions import ChangePolicy, change_policy, read_realm
from server.core.realms.model import Realm
from server.core.work import Work
from tests.support.factories import a_name

# Long enough, in no list, and about nobody in particular.
PASSWORD = "correct horse battery staple"
APP = "https://app.example.com"

_numbers = count(1)


@dataclass(frozen=True)
class ProjectClient:
    """A client that sends a project's key.

    Args:
        key: The whole key, `pk_live_…`.
    """

    http: httpx2.AsyncClient
    project: Project
    key: str


@dataclass(frozen=True)
class Account:
    """A member who signed in: their client sends the management token."""

    http: httpx2.AsyncClient
    organization: Organization
    email: str
    password: str
    token: str


def an_email(who: str = "jane") -> str:
    """An address that nobody else has, of this or another test."""
    return f"{who}.{next(_numbers)}.{token_hex(4)}@example.com"


async def a_customer(work: Work, *, name: str | None = None) -> Organization:
    """An organization without members."""
    return await create_customer(work, CreateCustomer(name or a_name("Organization")))


async def an_owner(
    work: Work,
    *,
    organization: Organization | None = None,
    email: str | None = None,
    password: str = PASSWORD,
) -> Owner:
    """An owner, of a new organization unless one is given. Hashing the password takes its time."""
    name = organization.name if organization else a_name("Organization")
    return await create_owner(work, CreateOwner(name, email or an_email("owner"), Secret(password)))


async def a_project(
    work: Work,
    *,
    organization: Organization | None = None,
    name: str | None = None,
    description: str | None = None,
    redirect_url: str = f"{APP}/signed-in",
    allowed_origins: Sequence[str] = (APP,),
    access_token_seconds: int = 3600,
    session_seconds: int = 2_592_000,
    mfa_required: bool = False,
) -> Project:
    """A project with a realm of its own, of a new organization unless one is given."""
    organization = organization or await a_customer(work)
    return await create_project(
        work,
        CreateProject(
            organization_id=organization.id,
            name=name or a_name("Project"),
            description=description,
            redirect_url=redirect_url,
            allowed_origins=allowed_origins,
            access_token_seconds=access_token_seconds,
            session_seconds=session_seconds,
            mfa_required=mfa_required,
        ),
    )


async def a_realm(work: Work, *, project: Project | None = None, **policy: object) -> Realm:
    """The realm of a project, a new one unless it is given, with these rules of `SignInPolicy`."""
    project = project or await a_project(work)
    if policy:
        return await change_policy(work, ChangePolicy(project.realm_id, policy))
    return await read_realm(work, project.realm_id)


async def a_project_key(
    work: Work, *, project: Project | None = None, scopes: Sequence[Scope] | None = None
) -> IssuedProjectKey:
    """A key of a project, a new one unless it is given; it may do everything unless *scopes* say less."""
    project = project or await a_project(work)
    return await create_project_key(
        work, CreateProjectKey(project.organization_id, project.id, a_name("Key"), scopes)
    )
