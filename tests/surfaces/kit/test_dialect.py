import asyncio
import json

import pytest

from server.base import errors
from server.base.errors import (
    AppError,
    InvalidFields,
    Kind,
    MethodNotAllowed,
    TooManyAttempts,
    TooManyRequests,
    TooManyWaits,
)
from server.surfaces.kit import protekt
from server.surfaces.kit.dialect import STATUS_OF, Dialect, nested_error_dialect, problem_dialect
from server.surfaces.kit.exchange import Exchange, Response
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.lanes.hot import LINE
from tests.surfaces.kit.example import DEVICE_DIALECT, DIALECT

EVERY_ERROR = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, AppError) and found is not AppError
]


@pytest.fixture
def exchange(gateway: Gateway) -> Exchange:
    return Exchange(
        gateway.serving,
        surface="example",
        method="GET",
        path="/api/v1/x",
        raw_query=b"",
        raw_headers=[],
        peer=None,
        receive=asyncio.Future,
        line=LINE,
    )


def an_error(kind: type[AppError]) -> AppError:
    if issubclass(kind, MethodNotAllowed):
        return kind(("GET",))
    if issubclass(kind, TooManyAttempts):
        return kind(3, 7)
    if issubclass(kind, TooManyRequests):
        return kind(7)
    return kind()


def header(response: Response, name: str) -> str | None:
    return dict(response.headers).get(name)


def test_every_kind_has_a_status() -> None:
    assert set(STATUS_OF) == set(Kind)


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.code)
def test_every_error_is_a_problem(kind: type[AppError], exchange: Exchange) -> None:
    error = an_error(kind)

    response = problem_dialect("plain", type_base="https://problems.example/").refuse(error, exchange)

    body = json.loads(response.body)
    assert response.media_type == "application/problem+json"
    assert body == {
        "type": f"https://problems.example/{kind.code.replace('_', '-')}",
        "title": kind.title,
        "status": response.status,
        "detail": str(error),
        "path": "/api/v1/x",
    }
    assert 400 <= response.status < 600


def test_a_detail_is_told_and_the_title_stays(exchange: Exchange) -> None:
    body = json.loads(DIALECT.refuse(InvalidFields("polling must be shorter"), exchange).body)

    assert (body["title"], body["detail"]) == ("The request is not valid", "polling must be shorter")


def test_invalid_fields_are_listed(exchange: Exchange) -> None:
    body = json.loads(DIALECT.refuse(InvalidFields(fields={"a": "is required"}), exchange).body)

    assert body["errors"] == [{"field": "a", "message": "is required"}]


@pytest.mark.parametrize("kind", [TooManyRequests, TooManyWaits])
def test_a_limited_caller_hears_when_to_come_again(kind: type[TooManyRequests], exchange: Exchange) -> None:
    assert header(DIALECT.refuse(kind(7), exchange), "Retry-After") == "7"
    assert header(DIALECT.refuse(kind(0), exchange), "Retry-After") == "1"


def test_a_status_may_have_no_body_but_headers(exchange: Exchange) -> None:
    response = DIALECT.refuse(errors.InvalidApiKey(), exchange)

    assert (response.status, response.body, response.media_type) == (401, b"", None)
    assert header(response, "WWW-Authenticate") == 'Basic realm="countersign", charset="UTF-8"'
    assert DEVICE_DIALECT.refuse(TooManyRequests(1), exchange).body == b""


def test_a_surface_may_have_a_body_of_its_own(exchange: Exchange) -> None:
    plain = Dialect(
        "plain", "text/plain", lambda error, status, path: f"{status} {error.code} {path}".encode()
    )

    assert plain.refuse(errors.TenantNotFound(), exchange).body == b"404 tenant_not_found /api/v1/x"


# --- errors within a member ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.code)
def test_every_error_has_a_code_and_a_message_within_error(kind: type[AppError], exchange: Exchange) -> None:
    error = an_error(kind)

    response = protekt.DIALECT.refuse(error, exchange)

    assert response.media_type == "application/json"
    assert json.loads(response.body) == {"error": {"code": kind.code, "message": str(error)}}
    assert 400 <= response.status < 600


def test_what_is_wrong_with_members_is_in_the_details(exchange: Exchange) -> None:
    error = InvalidFields("Look again", fields={"email": "is required"})

    body = json.loads(nested_error_dialect("plain").refuse(error, exchange).body)

    assert body["error"] == {
        "code": "invalid_fields",
        "message": "Look again",
        "details": {"email": "is required"},
    }


@pytest.mark.parametrize("error", [errors.LinkUnknown(), errors.LinkUsed(), errors.LinkExpired()])
def test_a_link_that_is_not_good_is_a_bad_request_for_protekt(error: AppError, exchange: Exchange) -> None:
    assert protekt.DIALECT.refuse(error, exchange).status == 400


def test_protekt_says_which_scheme_a_401_wants(exchange: Exchange) -> None:
    response = protekt.DIALECT.refuse(errors.InvalidCredentials(), exchange)

    assert header(response, "WWW-Authenticate") == 'Bearer realm="countersign"'
