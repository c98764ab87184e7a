"""What a phone's request is refused for before its operation is asked. Source: docs/protocol/wire.md, A10."""

import json
from collections.abc import Callable

import httpx2
import pytest

from tests.support.phone import Body, new_proof_token
from tests.support.product import BASE_URL, Product

OPERATIONS: dict[str, Body] = {
    "enrollments/bind": {"enrollmentId": 1, "enrollmentProofToken": "t"},
    "enrollments/verify": {
        "enrollmentId": 1,
        "challengeResponse": 100_000,
        "devicePublicKey": "k",
        "enrollmentProofTokenSigned": "s",
    },
    "enrollments/instance-info": {"enrollmentProofToken": "t"},
    "enrollments/push-address": {
        "enrollmentId": 1,
        "enrollmentProofToken": "t",
        "provider": "FCM",
        "address": "a",
        "deviceProofToken": "d",
        "deviceProofTokenSigned": "s",
    },
    "auth-attempts/pending": {
        "enrollmentId": 1,
        "enrollmentProofToken": "t",
        "deviceProofToken": "d",
        "deviceProofTokenSigned": "s",
    },
    "auth-attempts/respond": {
        "authAttemptId": 1,
        "authAttemptAccepted": True,
        "authAttemptProofTokenSignedByDevice": "s",
    },
}
"""Every operation that takes a body, with one that is complete."""

each_operation = pytest.mark.parametrize("operation", OPERATIONS)

NOT_OBJECTS = {
    "nothing": b"",
    "not JSON": b"{",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"text"',
    "two values": b"{}{}",
    "a member twice": b'{"enrollmentId": 1, "enrollmentId": 2}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "U+0000": b'{"a": "\\u0000"}',
    "U+0000 in a name": b'{"\\u0000": 1}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a comment": b"{} // that is all",
    "33 deep": b'{"a":' * 33 + b"1" + b"}" * 33,
    "very deep": b"[" * 20_000,
}

NOT_IDS: list[object] = ["1", 1.5, 1.0, True, 0, -1, 2**31, 2**63, 10**40, None, [], {}, "", 1e300]
NOT_TEXTS: list[object] = [1, None, True, [], {}, ["t"]]


def problem(response: httpx2.Response) -> tuple[int, str]:
    """Status and type of a refusal."""
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].removeprefix("https://ezkey.io/problems/auth/")


async def send(product: Product, operation: str, body: bytes, **headers: str) -> httpx2.Response:
    """The answer to exactly these bytes."""
    sent = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    return await product.http.post(f"/api/v1/{operation}", content=body, headers=sent)


@each_operation
async def test_e36_a_body_that_is_no_object_is_told_so(product: Product, operation: str) -> None:
    answers = {name: await send(product, operation, body) for name, body in NOT_OBJECTS.items()}

    assert {name: problem(each) for name, each in answers.items()} == dict.fromkeys(
        NOT_OBJECTS, (400, "invalid-request-body")
    )
    assert len({each.content for each in answers.values()}) == 1


@each_operation
async def test_e36_an_empty_object_is_told_what_is_missing(product: Product, operation: str) -> None:
    response = await send(product, operation, b"{}")

    assert problem(response) == (400, "validation-failed")
    assert response.json()["path"] == f"/api/v1/{operation}"
    assert {error["field"]: error["message"] for error in response.json()["errors"]} == dict.fromkeys(
        OPERATIONS[operation], "is required"
    )


@each_operation
async def test_e36_a_member_of_another_type_is_told_its_name_and_never_its_value(
    product: Product, operation: str
) -> None:
    complete = OPERATIONS[operation]
    for member, value in complete.items():
        wrong = NOT_TEXTS if isinstance(value, str) else [0, "true", None] if value is True else NOT_IDS
        for other in wrong:
            response = await send(product, operation, json.dumps(complete | {member: other}).encode())

            assert problem(response) == (400, "validation-failed"), (member, other)
            assert [error["field"] for error in response.json()["errors"]] == [member]


@each_operation
async def test_a_secret_that_was_sent_wrongly_is_not_sent_back(product: Product, operation: str) -> None:
    canary = "canary-" + new_proof_token()
    bodies = [
        json.dumps({member: [canary] for member in OPERATIONS[operation]}).encode(),
        json.dumps({canary: canary}).encode(),
        json.dumps(canary).encode(),
        b'{"' + canary.encode(),
    ]

    for body in bodies:
        assert canary not in (await send(product, operation, body)).text


@each_operation
@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "multipart/form-data; boundary=x"},
        {"Content_Type": "application/json; charset=latin-1"},
        {"Content_Type": "application/jsonp"},
        {"Content_Type": ""},
        {"Content_Encoding": "gzip"},
    ],
)
async def test_a_body_that_is_not_called_json_is_not_read(
    product: Product, operation: str, headers: dict[str, str]
) -> None:
    response = await send(product, operation, json.dumps(OPERATIONS[operation]).encode(), **headers)

    assert problem(response) == (415, "unsupported-media-type")


async def test_a_body_without_a_media_type_is_not_read(product: Product) -> None:
    response = await product.http.post("/api/v1/enrollments/bind", content=b"{}")

    assert problem(response) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    "media_type",
    ["application/json;charset=utf-8", 'Application/JSON; Charset="UTF-8"', "application/vnd.ezkey.v1+json"],
)
async def test_json_may_be_called_by_its_other_names(product: Product, media_type: str) -> None:
    body = json.dumps(OPERATIONS["enrollments/bind"]).encode()

    assert problem(await send(product, "enrollments/bind", body, Content_Type=media_type)) == (
        400,
        "enrollment-binding-failed",
    )


@each_operation
async def test_a_body_of_more_than_64_kib_is_not_read(product: Product, operation: str) -> None:
    body = json.dumps(OPERATIONS[operation] | {"padding": "x" * 65_536}).encode()

    assert problem(await send(product, operation, body)) == (413, "body-too-large")


async def test_64_kib_are_read(product: Product) -> None:
    body = json.dumps(OPERATIONS["enrollments/bind"]).encode()

    response = await send(product, "enrollments/bind", body + b" " * (65_536 - len(body)))

    assert problem(response) == (400, "enrollment-binding-failed")


@each_operation
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_another_method_is_told_which_is_right(product: Product, operation: str, method: str) -> None:
    response = await product.http.request(method, f"/api/v1/{operation}")

    assert problem(response) == (405, "method-not-allowed")
    assert response.headers["allow"] == "POST"
    assert response.headers["x-surface"] == "ezkey_device"


async def test_head_is_get_without_its_body(product: Product) -> None:
    told = await product.http.get("/api/v1/public/instance-info")

    response = await product.http.head("/api/v1/public/instance-info")

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(told.content))


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/enrollments/bind/",
        "/api/v1//enrollments/bind",
        "/api/v1/enrollments%2Fbind",
        "/api/v1/Enrollments/bind",
        "/api/v1/enrollments/bind/1",
        "/api/v1/trust/spki-recovery",
    ],
)
async def test_there_is_nothing_at_another_path(product: Product, path: str) -> None:
    response = await product.http.post(httpx2.URL(BASE_URL + path), json={})

    assert problem(response) == (404, "resource-not-found")


async def test_the_same_operations_are_under_the_mount_prefix(product: Product) -> None:
    phone = await product.invited_phone(await product.relying_party())

    response = await product.http.post("/s/ezkey/api/v1/enrollments/bind", json=phone.bind_body())

    assert response.status_code == 200


async def test_every_answer_has_its_id_and_is_not_kept(product: Product) -> None:
    answers = [await send(product, "enrollments/bind", b"{}") for _ in range(2)]

    assert len({each.headers["x-request-id"] for each in answers}) == 2
    for each in answers:
        assert each.headers["x-surface"] == "ezkey_device"
        assert each.headers["cache-control"] == "no-store"
        assert each.headers["x-request-id"] not in each.text


async def test_what_nobody_foresaw_tells_nothing(
    make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product()
    phone = await product.enrolled_phone(await product.relying_party())

    def fail() -> None:
        raise RuntimeError(f"cannot digest {phone.proof_token}")

    monkeypatch.setattr(product.core.clock, "now", fail)
    response = await product.bind(phone)

    assert problem(response) == (500, "internal-error")
    assert phone.proof_token not in response.text
    assert "digest" not in response.text
