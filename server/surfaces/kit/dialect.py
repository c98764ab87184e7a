"""How a surface says no: statuses, media type, body and headers, as one value."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from server.base.errors import AppError, Kind, MethodNotAllowed, TooManyRequests, Unavailable
from server.surfaces.kit.exchange import Exchange, Response

STATUS_OF: Mapping[Kind, int] = {
    Kind.INVALID_INPUT: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.TOO_SLOW: 408,
    Kind.CONFLICT: 409,
    Kind.USED: 409,
    Kind.EXPIRED: 410,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED_MEDIA: 415,
    Kind.LIMITED: 429,
    Kind.INTERNAL: 500,
    Kind.UNAVAILABLE: 503,
}

PROBLEM_MEDIA_TYPE = "application/problem+json"
JSON_MEDIA_TYPE = "application/json"

ErrorBody = Callable[[AppError, int, str], bytes]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one surface spells refusals.

    Args:
        name: What the surface's dialect is called in the reference.
        media_type: Of an error's body.
        body: An error's body, from the error, its status and the request's path.
        status_of: The status of each kind.
        status_by_code: Statuses of single errors that differ from their kind's.
        bodiless: Statuses that are answered without a body.
        headers: Further headers by status.
        schema: The error body as JSON schema, for the reference.
        resets_at_instant: X-RateLimit-Reset is a Unix time, on the instance's clock, rather than a number of
            seconds from now.
    """

    name: str
    media_type: str
    body: ErrorBody
    status_of: Mapping[Kind, int] = field(default_factory=lambda: STATUS_OF)
    status_by_code: Mapping[str, int] = field(default_factory=dict)
    bodiless: frozenset[int] = frozenset()
    headers: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    schema: Mapping[str, object] = field(default_factory=dict)
    resets_at_instant: bool = False

    def status(self, error: AppError | type[AppError]) -> int:
        """The status under which *error* is answered."""
        return self.status_by_code.get(error.code) or self.status_of[error.kind]

    def refuse(self, error: AppError, exchange: Exchange) -> Response:
        """*error* as an answer. Two errors of the same class, detail and path give the same bytes."""
        status = self.status(error)
        headers = self.headers.get(status, ()) + _headers_of(error)
        if status in self.bodiless:
            return Response(status, headers=headers)
        return Response(status, self.body(error, status, exchange.path), self.media_type, headers)


def _headers_of(error: AppError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, TooManyRequests | Unavailable):
        return (("Retry-After", str(error.retry_after_seconds)),)
    if isinstance(error, MethodNotAllowed):
        return (("Allow", ", ".join(error.allowed)),)
    return ()


def problem_dialect(
    name: str,
    *,
    type_base: str,
    types: Mapping[str, str] | None = None,
    status_by_code: Mapping[str, int] | None = None,
    bodiless: frozenset[int] = frozenset(),
    headers: Mapping[int, tuple[tuple[str, str], ...]] | None = None,
) -> Dialect:
    """A dialect of problem details.

    A body has type, title, status, detail and path, and with invalid fields `errors`, a list of field and
    message, never a value. It has neither a time nor an instance, so refusals that must look alike are the
    same bytes; the request's id is in the X-Request-Id header.

    Args:
        name: What the dialect is called in the reference.
        type_base: Begins every type URI.
        types: What follows it, by error code; the code with hyphens where it is not listed.
        status_by_code: Statuses of single errors that differ from their kind's.
        bodiless: Statuses that are answered without a body.
        headers: Further headers by status.

    Source: RFC 9457, section 3.
    """
    named = types or {}

    def body(error: AppError, status: int, path: str) -> bytes:
        problem: dict[str, object] = {
            "type": type_base + (named.get(error.code) or error.code.replace("_", "-")),
            "title": error.title,
            "status": status,
            "detail": str(error),
            "path": path,
        }
        if error.fields:
            problem["errors"] = [
                {"field": field, "message": message} for field, message in error.fields.items()
            ]
        return json.dumps(problem, separators=(",", ":")).encode()

    return Dialect(
        name=name,
        media_type=PROBLEM_MEDIA_TYPE,
        body=body,
        status_by_code=status_by_code or {},
        bodiless=bodiless,
        headers=headers or {},
        schema=PROBLEM_SCHEMA,
    )


PROBLEM_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail", "path"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "path": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def nested_error_dialect(
    name: str,
    *,
    status_by_code: Mapping[str, int] | None = None,
    status_by_kind: Mapping[Kind, int] | None = None,
    headers: Mapping[int, tuple[tuple[str, str], ...]] | None = None,
) -> Dialect:
    """A dialect of JSON objects with one member, `error`: its code, a message and perhaps details.

    `details` is there when members of the request are not as documented, and says of each by its name what
    is wrong with it, never its value. X-RateLimit-Reset is a Unix time.

    Args:
        name: What the dialect is called in the reference.
        status_by_code: Statuses of single errors that differ from their kind's.
        status_by_kind: Statuses of kinds that differ from `STATUS_OF`.
        headers: Further headers by status.
    """

    def body(error: AppError, _status: int, _path: str) -> bytes:
        told: dict[str, object] = {"code": error.code, "message": str(error)}
        if error.fields:
            told["details"] = dict(error.fields)
        return json.dumps({"error": told}, separators=(",", ":")).encode()

    return Dialect(
        name=name,
        media_type=JSON_MEDIA_TYPE,
        body=body,
        status_of={**STATUS_OF, **(status_by_kind or {})},
        status_by_code=status_by_code or {},
        headers=headers or {},
        schema=NESTED_ERROR_SCHEMA,
        resets_at_instant=True,
    )


NESTED_ERROR_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "title": "Error",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    },
}
