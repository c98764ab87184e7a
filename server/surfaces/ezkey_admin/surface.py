"""The surface and its dialect."""

from server.surfaces.kit.dialect import problem_dialect
from server.surfaces.kit.surface import Surface

DIALECT = problem_dialect(
    "ezkey_admin",
    type_base="https://ezkey.io/problems/",
    headers={401: (("WWW-Authenticate", 'Bearer realm="countersign"'),)},
)

surface = Surface(
    "ezkey_admin",
    base="/api/v1",
    mount="ezkey",
    dialect=DIALECT,
    title="Countersign operators' API",
    description="What operators do: tenants, integrations, keys, enrollments; what happened. "
    "Every call but signing in carries, as bearer token, an operator key or the token of an operator who "
    "signed in. Secrets are in the answer that made them, and in no other.",
)
