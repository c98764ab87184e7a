"""What operators call: bearer operator key or token, camelCase, RFC 9457.

Tenants, integrations, keys, enrollments; attempts and events to look at. The same things, by the same
actions, are done at the command line: `countersign admin`.
"""

from server.surfaces.ezkey_admin import (
    api_keys,
    audit_events,
    auth_attempts,
    enrollments,
    integrations,
    operator_keys,
    operators,
    tenants,
)
from server.surfaces.ezkey_admin.surface import surface

__all__ = [
    "api_keys",
    "audit_events",
    "auth_attempts",
    "enrollments",
    "integrations",
    "operator_keys",
    "operators",
    "surface",
    "tenants",
]
