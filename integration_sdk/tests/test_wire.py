"""What goes out, byte for byte, and what is made of what comes in."""

import json
from datetime import UTC, datetime
from typing import Any, cast

import httpx2
import pytest

from countersign import AuthAttemptStatus, DenyReason
from countersign._wire import (
    Answer,
    cancel_request,
    create_request,
    read_cancelled,
    read_created,
    read_waited,
    wait_request,
)
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

CREATED = {
    "authAttemptId": 7,
    "authAttemptChallenge": 482913,
    "timeoutSeconds": 120,
    "expiresAt": "2030-01-01T00:02:00.123456Z",
    "contextTitle": "Payment",
    "contextMessage": None,
}
ATTEMPT = {
    "authAttemptId": 7,
    "enrollmentId": 3,
    "authAttemptStatus": "REJECTED",
    "authAttemptChallenge": 42,
    "createdAt": "2030-01-01T01:00:00+01:00",
    "expiresAt": "2030-01-01T01:02:00+01:00",
    "contextTitle": "Payment",
}


def answer(status: int, body: object, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, httpx2.Headers(named), content)


def creating(**said: object) -> dict[str, Any]:
    nobody: dict[str, Any] = {
        "user_identifier": None,
        "enrollment_id": None,
        "challenge_requested": False,
        "context_title": None,
        "context_message": None,
        "idempotency_key": "k-1",
    }
    return {**nobody, **said}


# --- requests ------------------------------------------------------------------------------------------


def test_a_create_says_what_it_was_told_and_nothing_else() -> None:
    request = create_request(**creating(user_identifier="jane"))

    assert (request.method, request.target) == ("POST", "/api/v1/auth-attempts")
    assert request.body == b'{"challengeRequested":false,"userIdentifier":"jane"}'
    assert dict(request.headers) == {"Content-Type": "application/json", "Idempotency-Key": "k-1"}


def test_a_create_carries_the_context_whatever_its_script() -> None:
    request = create_request(
        **creating(
            enrollment_id=3,
            challenge_requested=True,
            context_title="Überweisung",
            context_message="40 € an 😀\ud800",
        )
    )

    assert json.loads(request.body or b"") == {
        "challengeRequested": True,
        "enrollmentId": 3,
        "contextTitle": "Überweisung",
        "contextMessage": "40 € an 😀\ud800",
    }


def test_empty_texts_are_left_out() -> None:
    request = create_request(**creating(enrollment_id=3, context_title="", context_message=""))

    assert request.body == b'{"challengeRequested":false,"enrollmentId":3}'


@pytest.mark.parametrize("user", [None, "", "  "])
def test_a_create_for_nobody_is_not_sent(user: str | None) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        create_request(**creating(user_identifier=user))

    assert refused.value.status is None


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX: y", "ä", "k" * 256])
def test_an_idempotency_key_must_fit_into_a_header(key: str) -> None:
    with pytest.raises(InvalidRequestError):
        create_request(**creating(user_identifier="jane", idempotency_key=key))


def test_what_is_asked_shows_no_text_in_its_repr() -> None:
    request = create_request(**creating(user_identifier="jane", context_message="40 € to Bob"))

    assert "jane" not in repr(request)
    assert "Bob" not in repr(request)


@pytest.mark.parametrize(("seconds", "polling"), [(1, 1), (2, 2), (30, 2), (300, 2)])
def test_a_wait_never_polls_slower_than_it_waits(seconds: int, polling: int) -> None:
    request = wait_request(7, seconds)

    assert request.method == "GET"
    assert request.target == f"/api/v1/auth-attempts/7/wait?timeout={seconds}&polling={polling}"


def test_a_cancel_has_no_body() -> None:
    request = cancel_request(7)

    assert (request.method, request.target) == ("POST", "/api/v1/auth-attempts/7/cancel")
    assert (request.body, dict(request.headers)) == (None, {})


@pytest.mark.parametrize("attempt_id", ["7/../../enrollments", "7", 7.0])
def test_an_id_that_is_no_number_never_becomes_a_path(attempt_id: object) -> None:
    with pytest.raises(ValueError, match="format code 'd'"):
        cancel_request(cast("int", attempt_id))


# --- answers -------------------------------------------------------------------------------------------


def test_a_created_attempt_is_read() -> None:
    made = read_created(answer(201, CREATED))

    assert (made.id, made.status, made.challenge) == (7, AuthAttemptStatus.PENDING, 482913)
    assert made.expires_at == datetime(2030, 1, 1, 0, 2, 0, 123456, tzinfo=UTC)
    assert (made.timeout_seconds, made.context_title, made.context_message) == (120, "Payment", None)
    assert (made.enrollment_id, made.created_at, made.deny_reason) == (None, None, None)


def test_a_waited_and_a_cancelled_attempt_are_read_alike_and_in_utc() -> None:
    seen = read_waited(answer(200, {"authAttempt": ATTEMPT, "status": "REJECTED", "completed": True}))

    assert seen == read_cancelled(answer(200, ATTEMPT))
    assert (seen.id, seen.enrollment_id, seen.status) == (7, 3, AuthAttemptStatus.REJECTED)
    assert seen.created_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert seen.created_at.tzinfo is UTC
    assert seen.timeout_seconds == 120


@pytest.mark.parametrize(
    ("said", "read"),
    [("FRAUD", DenyReason.FRAUD), ("MISTAKE", DenyReason.MISTAKE), ("NEW", None), (None, None), (3, None)],
)
def test_a_reason_is_read_and_an_unknown_one_is_no_error(said: object, read: DenyReason | None) -> None:
    assert read_cancelled(answer(200, {**ATTEMPT, "authAttemptDenyReason": said})).deny_reason is read


@pytest.mark.parametrize("member", ["authAttemptId", "authAttemptStatus", "createdAt", "expiresAt"])
@pytest.mark.parametrize("wrong", [None, "x", [], True, 1.5])
def test_an_answer_in_another_shape_is_not_believed(member: str, wrong: object) -> None:
    with pytest.raises(UnexpectedAnswerError):
        read_waited(answer(200, {"authAttempt": {**ATTEMPT, member: wrong}}))


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"null", b"\xff", b'"x"', b"{}", b'{"authAttempt":[]}', b'{"authAttempt":'],
)
def test_another_document_is_not_believed(body: bytes) -> None:
    for read in (read_waited, read_cancelled):
        with pytest.raises(UnexpectedAnswerError):
            read(answer(200, body))
    with pytest.raises(UnexpectedAnswerError):
        read_created(answer(201, body))


def test_a_time_without_its_offset_is_not_believed() -> None:
    with pytest.raises(UnexpectedAnswerError):
        read_created(answer(201, {**CREATED, "expiresAt": "2030-01-01T00:02:00"}))


# --- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, InvalidRequestError, "invalid-request"),
        (401, InvalidApiKeyError, "invalid-api-key"),
        (403, ForbiddenError, "forbidden"),
        (404, AttemptNotFoundError, "auth-attempt-not-found"),
        (409, ConflictError, "conflict"),
        (413, RefusedError, "refused"),
        (429, RateLimitError, "too-many-requests"),
        (500, ServerError, "server-error"),
        (501, ServerError, "server-error"),
        (502, UnavailableError, "unavailable"),
        (503, UnavailableError, "unavailable"),
        (504, UnavailableError, "unavailable"),
        (204, UnexpectedAnswerError, "unexpected-answer"),
        (302, UnexpectedAnswerError, "unexpected-answer"),
    ],
)
def test_every_status_has_its_error_though_the_body_be_empty(
    status: int, error: type[CountersignError], code: str
) -> None:
    with pytest.raises(CountersignError) as refused:
        read_waited(answer(status, b"", x_request_id="r-1"))

    assert type(refused.value) is error
    assert (refused.value.status, refused.value.code, refused.value.request_id) == (status, code, "r-1")
    assert str(refused.value)


def test_a_problem_document_says_what_is_wrong() -> None:
    problem = {
        "type": "https://ezkey.io/problems/enrollment/enrollment-inactive",
        "title": "The enrollment is not active",
        "detail": "The enrollment was revoked",
    }
    with pytest.raises(ForbiddenError, match="The enrollment was revoked") as refused:
        read_created(answer(403, problem))

    assert refused.value.code == "enrollment-inactive"


@pytest.mark.parametrize(
    ("problem", "code", "text"),
    [
        ({"type": "about:blank", "title": "No"}, "conflict", "No"),
        ({"type": 7, "detail": ["x"], "title": ""}, "conflict", "The server answered with status 409"),
        ({"type": "https://x/a\nb"}, "conflict", "The server answered with status 409"),
        ({"type": "https://x/y/", "detail": "", "title": "No"}, "y", "No"),
    ],
)
def test_a_problem_document_is_not_believed_blindly(problem: object, code: str, text: str) -> None:
    with pytest.raises(ConflictError) as refused:
        read_cancelled(answer(409, problem))

    assert (refused.value.code, str(refused.value)) == (code, text)


def test_an_unaccepted_key_comes_with_a_hint() -> None:
    with pytest.raises(InvalidApiKeyError, match=r"wrong.*expired.*revoked.*address"):
        read_created(answer(401, b""))


def test_a_redirect_says_that_the_url_is_wrong() -> None:
    with pytest.raises(UnexpectedAnswerError, match=r"redirect.*URL"):
        read_created(answer(308, b"", location="https://elsewhere.example.com"))


def test_a_create_that_is_not_found_means_the_url_is_wrong() -> None:
    with pytest.raises(UnexpectedAnswerError, match="URL"):
        read_created(answer(404, {"detail": "no such page"}))


@pytest.mark.parametrize(
    ("retry_after", "date", "seconds"),
    [
        ("0", None, 0.0),
        ("17", None, 17.0),
        (" 17 ", None, 17.0),
        ("Tue, 01 Jan 2030 00:00:30 GMT", "Tue, 01 Jan 2030 00:00:00 GMT", 30.0),
        ("Tue, 01 Jan 2030 00:00:00 GMT", "Tue, 01 Jan 2030 00:00:30 GMT", 0.0),
        ("Tue, 01 Jan 2030 00:00:30 GMT", None, None),
        ("Tue, 01 Jan 2030 00:00:30 -0000", "Tue, 01 Jan 2030 00:00:00 GMT", None),
        ("-3", None, None),
        ("3.5", None, None),
        ("soon", "now", None),
        (None, None, None),
    ],
)
def test_the_server_says_when_to_come_again_in_seconds_or_as_a_date(
    retry_after: str | None, date: str | None, seconds: float | None
) -> None:
    headers = {"retry_after": retry_after, "date": date}
    with pytest.raises(RateLimitError) as refused:
        read_waited(answer(429, b"", **{name: value for name, value in headers.items() if value is not None}))

    assert refused.value.retry_after == seconds


@pytest.mark.parametrize("request_id", ["", "a b", "r" * 129])
def test_a_request_id_that_does_not_look_like_one_is_left_out(request_id: str) -> None:
    with pytest.raises(ServerError) as failed:
        read_waited(answer(500, b"", x_request_id=request_id))

    assert failed.value.request_id is None
