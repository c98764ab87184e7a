"""The surface and its dialect."""

from server.surfaces.kit.dialect import problem_dialect
from server.surfaces.kit.surface import Surface

DIALECT = problem_dialect(
    "ezkey_device",
    type_base="https://ezkey.io/problems/auth/",
    types={
        "malformed_body": "invalid-request-body",
        "invalid_fields": "validation-failed",
        "route_not_found": "resource-not-found",
    },
    bodiless=frozenset({429}),
)

surface = Surface("ezkey_device", base="/api/v1", mount="ezkey", dialect=DIALECT, title="Ezkey Auth API")
