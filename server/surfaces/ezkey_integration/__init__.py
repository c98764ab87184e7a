"""What relying parties' backends call: HTTP Basic with an integration's API key, camelCase, RFC 9457.

Source: docs/protocol/wire.md, 3.2; docs/reference/openapi/ezkey_integration.json.
"""

from server.surfaces.ezkey_integration import attempts
from server.surfaces.ezkey_integration.surface import surface

__all__ = ["attempts", "surface"]
