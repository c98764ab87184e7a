"""Who is asking, one type for everybody."""

from enum import StrEnum
from typing import NamedTuple


class Actor(StrEnum):
    """What kind of caller a principal is."""

    ANYONE = "anyone"  # nothing is proved yet
    DEVICE = "device"
    INTEGRATION = "integration"
    OPERATOR = "operator"
    SYSTEM = "system"  # jobs and the command line


class Principal(NamedTuple):
    """Who is asking, from where, through which surface.

    Args:
        kind: What was proved.
        id: The caller's id in text form: an enrollment, an API key, an operator key; empty for anyone.
        surface: The surface that was called, `jobs` or `command_line`.
        organization_id: The tenant that the caller acts in; None for operators and before proof.
        integration_id: The integration that the caller is, or belongs to.
        address: The client's address, trusted proxies taken off; None where there is none.
        request_id: The id of the request, in every log line and audit record of it.
    """

    kind: Actor
    id: str = ""
    surface: str = ""
    organization_id: int | None = None
    integration_id: int | None = None
    address: str | None = None
    request_id: str | None = None
