"""Who is asking, one type for everybody."""

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Actor(StrEnum):
    """What kind of caller a principal is."""

    ANYONE = "anyone"  # nothing is proved yet
    DEVICE = "device"
    INTEGRATION = "integration"
    OPERATOR = "operator"
    PROJECT = "project"  # a relying party's backend, by its project's key
    USER = "user"  # a person of a realm, by a session
    MEMBER = "member"  # a person who acts for an organization
    SYSTEM = "system"  # jobs and the command line


class Principal(NamedTuple):
    """Who is asking, from where, through which surface.

    Args:
        kind: What was proved.
        id: The caller's id in text form: an enrollment, an API key, an operator key, the `RealmPrincipal` of
            a user or member; empty for anyone.
        surface: The surface that was called, `jobs` or `command_line`.
        organization_id: The tenant that the caller acts in; None for operators and before proof.
        integration_id: The integration that the caller is, or belongs to.
        address: The client's address, trusted proxies taken off; None where there is none.
        request_id: The id of the request, in every log line and audit record of it.
        realm_id: The realm that the caller acts in: a project's, for its key and its users.
        project_id: The project of that realm, if it is one's.
        session_id: The session of a user or member.
        scopes: What an API key may do; of other callers nothing is to be read here.
        role: A member's role in the organization; empty for others.
    """

    kind: Actor
    id: str = ""
    surface: str = ""
    organization_id: int | None = None
    integration_id: int | None = None
    address: str | None = None
    request_id: str | None = None
    realm_id: UUID | None = None
    project_id: UUID | None = None
    session_id: UUID | None = None
    scopes: frozenset[str] = frozenset()
    role: str = ""
