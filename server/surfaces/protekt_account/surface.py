"""The surface, and who may call it."""

from server.base.principal import Principal
from server.core.memberships.model import Role
from server.surfaces.kit.exchange import current_exchange
from server.surfaces.kit.guards import management_token
from server.surfaces.kit.protekt import DIALECT, MARK, MOUNT
from server.surfaces.kit.surface import Surface

ANY_MEMBER = management_token()
MANAGERS = management_token(Role.OWNER, Role.ADMIN)

surface = Surface(
    "protekt_account",
    base="/v1",
    mount=MOUNT,
    dialect=DIALECT,
    mark=MARK,
    title="Protekt Account API",
    description="What members of an organization do: projects, their API keys, members, usage. "
    "Calls carry a management token as bearer token; it acts for the organization that its holder joined "
    "first. Developers see everything, and make and change projects and keys; owners and admins also delete "
    "projects, invite and remove.",
)


def organization_id() -> int:
    """The organization that the caller acts for."""
    caller: Principal = current_exchange().caller
    if caller.organization_id is None:
        raise AssertionError("a member acts for an organization")
    return caller.organization_id
