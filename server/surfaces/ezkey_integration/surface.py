"""The surface and its dialect."""

from server.surfaces.kit.dialect import problem_dialect
from server.surfaces.kit.surface import Surface

DIALECT = problem_dialect(
    "ezkey_integration",
    type_base="https://ezkey.io/problems/",
    types={
        "malformed_body": "validation/invalid-request-body",
        "invalid_fields": "validation/validation-failed",
        "auth_attempt_create_invalid": "validation/auth-attempt-create-invalid",
        "auth_attempt_wait_invalid": "validation/auth-attempt-wait-invalid",
        "idempotency_key_reused": "validation/idempotency-key-reused",
        "enrollment_inactive": "enrollment/enrollment-inactive",
        "enrollment_forbidden": "enrollment/enrollment-forbidden",
        "auth_attempt_not_found": "domain/auth-attempt-not-found",
        "auth_attempt_state_conflict": "domain/auth-attempt-state-conflict",
    },
    bodiless=frozenset({401}),
    headers={401: (("WWW-Authenticate", 'Basic realm="countersign", charset="UTF-8"'),)},
)

surface = Surface(
    "ezkey_integration", base="/api/v1", mount="ezkey", dialect=DIALECT, title="Ezkey Integration API"
)
