"""The integration API's requests and answers. No input, no output, no time.

Source: docs/protocol/wire.md, section 3.2.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar, cast

from countersign.attempts import AuthAttempt, AuthAttemptStatus, DenyReason
from countersign.errors import (
    AttemptNotFoundError,
    ConflictError,
    CountersignError,
    ForbiddenError,
    InvalidApiKeyError,
    InvalidRequestError,
    RateLimitError,
    RefusedError,
    ServerError,
    UnavailableError,
    UnexpectedAnswerError,
)

Value = TypeVar("Value")
Body = Mapping[str, object]

PATH: Final = "/api/v1/auth-attempts"
SHORTEST_WAIT_SECONDS: Final = 1
LONGEST_WAIT_SECONDS: Final = 300

_POLLING_SECONDS: Final = 2
_GRACE_SECONDS: Final = 10.0
"""How long the server may take for its own work; a wait may take this much longer than it was asked for."""

_NOT_OURS: Final = "The answer is not the protocol's: is the URL that of a Countersign server?"

_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_PROBLEM_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, but for the server's address and the key.

    Attributes:
        target: Path and query, below the server's URL.
        read_seconds: How long to wait for the answer.
    """

    method: str
    target: str
    read_seconds: float = _GRACE_SECONDS
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `headers` finds a name in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


# --- requests ------------------------------------------------------------------------------------------


def create_request(
    *,
    enrollment_id: int | None,
    user_identifier: str | None,
    challenge_requested: bool,
    context_title: str | None,
    context_message: str | None,
    idempotency_key: str,
) -> Request:
    """The request that makes an attempt. Absent and empty texts are left out.

    Raises:
        InvalidRequestError: It says neither which enrollment nor which user, or the Idempotency-Key is not
            1 to 255 visible ASCII characters.
    """
    if enrollment_id is None and not (user_identifier and user_identifier.strip()):
        raise InvalidRequestError("Say who is asked: enrollment_id or user_identifier")
    if not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise InvalidRequestError("The Idempotency-Key must be 1 to 255 visible ASCII characters")
    body: dict[str, object] = {"challengeRequested": challenge_requested}
    if enrollment_id is not None:
        body["enrollmentId"] = enrollment_id
    if user_identifier:
        body["userIdentifier"] = user_identifier
    if context_title:
        body["contextTitle"] = context_title
    if context_message:
        body["contextMessage"] = context_message
    return Request(
        "POST",
        PATH,
        headers={"Content-Type": "application/json", "Idempotency-Key": idempotency_key},
        body=json.dumps(body, separators=(",", ":")).encode("ascii"),
    )


def wait_request(attempt_id: int, seconds: int) -> Request:
    """The request that the server holds until the attempt has ended, *seconds* (1 to 300) at most."""
    polling = min(_POLLING_SECONDS, seconds)
    return Request(
        "GET",
        f"{PATH}/{attempt_id:d}/wait?timeout={seconds:d}&polling={polling:d}",
        read_seconds=seconds + _GRACE_SECONDS,
    )


def cancel_request(attempt_id: int) -> Request:
    """The request that ends an attempt which nobody has answered."""
    return Request("POST", f"{PATH}/{attempt_id:d}/cancel")


# --- answers -------------------------------------------------------------------------------------------


def read_created(answer: Answer) -> AuthAttempt:
    """The attempt that was made.

    Raises:
        CountersignError: The answer is a refusal, a failure, or not the protocol's.
    """
    if answer.status == 404:  # noqa: PLR2004 - nothing can be unknown here but the path itself
        raise UnexpectedAnswerError(_NOT_OURS, status=answer.status, request_id=_request_id(answer))
    return _read(answer, 201, _created)


def read_waited(answer: Answer) -> AuthAttempt:
    """The attempt as it stands after a wait; it may not have ended.

    Raises:
        CountersignError: The answer is a refusal, a failure, or not the protocol's.
    """
    return _read(answer, 200, lambda body: _attempt(_object(body["authAttempt"])))


def read_cancelled(answer: Answer) -> AuthAttempt:
    """The attempt that was cancelled.

    Raises:
        CountersignError: The answer is a refusal, a failure, or not the protocol's.
    """
    return _read(answer, 200, _attempt)


def _read(answer: Answer, status: int, shape: Callable[[Body], Value]) -> Value:
    """What *shape* makes of the body of an answer that must have this *status*."""
    if answer.status != status:
        raise _failure(answer)
    try:
        return shape(_object(json.loads(answer.body)))
    except (KeyError, TypeError, ValueError) as wrong:
        raise UnexpectedAnswerError(
            _NOT_OURS, status=answer.status, request_id=_request_id(answer)
        ) from wrong


def _created(body: Body) -> AuthAttempt:
    return AuthAttempt(
        id=_whole(body["authAttemptId"]),
        status=AuthAttemptStatus.PENDING,
        expires_at=_instant(body["expiresAt"]),
        timeout_seconds=_whole(body["timeoutSeconds"]),
        challenge=_optional(body.get("authAttemptChallenge"), _whole),
        context_title=_optional(body.get("contextTitle"), _text),
        context_message=_optional(body.get("contextMessage"), _text),
    )


def _attempt(body: Body) -> AuthAttempt:
    created_at, expires_at = _instant(body["createdAt"]), _instant(body["expiresAt"])
    reason = body.get("authAttemptDenyReason")
    return AuthAttempt(
        id=_whole(body["authAttemptId"]),
        status=AuthAttemptStatus(_text(body["authAttemptStatus"])),
        expires_at=expires_at,
        timeout_seconds=int((expires_at - created_at).total_seconds()),
        enrollment_id=_whole(body["enrollmentId"]),
        created_at=created_at,
        challenge=_optional(body.get("authAttemptChallenge"), _whole),
        context_title=_optional(body.get("contextTitle"), _text),
        context_message=_optional(body.get("contextMessage"), _text),
        # A reason this version does not know must not turn a clear "no" into an error.
        deny_reason=DenyReason(str(reason)) if reason in set(DenyReason) else None,
    )


def _object(value: object) -> Body:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return cast("Body", value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value


def _instant(value: object) -> datetime:
    instant = datetime.fromisoformat(_text(value))
    if instant.tzinfo is None:
        raise ValueError("an instant without its offset")
    return instant.astimezone(UTC)


def _optional(value: object, read: Callable[[object], Value]) -> Value | None:
    return None if value is None else read(value)


# --- refusals and failures -----------------------------------------------------------------------------

_ERRORS: Final[Mapping[int, type[CountersignError]]] = {
    400: InvalidRequestError,
    401: InvalidApiKeyError,
    403: ForbiddenError,
    404: AttemptNotFoundError,
    409: ConflictError,
    429: RateLimitError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}

_HINTS: Final[Mapping[int, str]] = {
    401: "The API key was not accepted: its id or secret is wrong, it has expired or was revoked, "
    "or this machine's address is not in its list",
    404: "The server knows no such attempt",
    429: "Too many requests",
    **dict.fromkeys(
        (301, 302, 303, 307, 308),
        "The server answered with a redirect, which is not followed: the URL must be the server's own",
    ),
}


def _failure(answer: Answer) -> CountersignError:
    """The error that an answer with another status than the wanted one stands for."""
    problem = _problem(answer)
    error = _ERRORS.get(answer.status) or _class_of_status(answer.status)
    return error(
        _sentence(answer.status, problem),
        status=answer.status,
        code=_code(problem),
        request_id=_request_id(answer),
        retry_after=_retry_after(answer),
    )


def _sentence(status: int, problem: Body) -> str:
    """What the server says about its refusal, or else what its status says."""
    for member in ("detail", "title"):
        said = problem.get(member)
        if isinstance(said, str) and said:
            return said
    return _HINTS.get(status) or f"The server answered with status {status}"


def _class_of_status(status: int) -> type[CountersignError]:
    match status // 100:
        case 4:
            return RefusedError
        case 5:
            return ServerError
        case _:
            return UnexpectedAnswerError


def _problem(answer: Answer) -> Body:
    """The problem document (RFC 9457) of *answer*; empty if it holds none."""
    try:
        return _object(json.loads(answer.body))
    except (TypeError, ValueError):
        return {}


def _code(problem: Body) -> str | None:
    kind = problem.get("type")
    if not isinstance(kind, str) or "/" not in kind:
        return None
    segment = kind.rstrip("/").rpartition("/")[2]
    return segment if _PROBLEM_CODE.fullmatch(segment) else None


def _request_id(answer: Answer) -> str | None:
    value = answer.headers.get("X-Request-Id", "")
    return value if _REQUEST_ID.fullmatch(value) else None


def _retry_after(answer: Answer) -> float | None:
    """Seconds from now, never negative; from seconds or a date (RFC 9110, 10.2.3)."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        then = parsedate_to_datetime(value)
        now = parsedate_to_datetime(answer.headers.get("Date", ""))
        return max(0.0, (then - now).total_seconds())
    except (TypeError, ValueError):  # not a date, or only one of the two with an offset
        return None
