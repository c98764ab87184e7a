"""What phones call: camelCase, RFC 9457, the proof in the body, no Authorization header.

Source: docs/protocol/wire.md, 3.1; docs/reference/openapi/ezkey_device.json.
"""

from server.surfaces.ezkey_device import attempts, enrollments, instance
from server.surfaces.ezkey_device.surface import surface

__all__ = ["attempts", "enrollments", "instance", "surface"]
