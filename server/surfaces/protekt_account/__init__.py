"""What members of an organization call: management token, snake_case, the Protekt document's Account API."""

from server.surfaces.protekt_account import api_keys, members, projects, tokens, usage
from server.surfaces.protekt_account.surface import surface

__all__ = ["api_keys", "members", "projects", "surface", "tokens", "usage"]
