"""The clients of all tests check what they receive; here it is checked that they do."""

import json
from collections.abc import Mapping

import httpx2
import pytest

from tests.support.contract import Answer, Checked, CheckedSync, ContractBroken, contracts
from tests.support.documents import merged

BIND = "/api/v1/enrollments/bind"
WAIT = "/api/v1/auth-attempts/7/wait"
PROBLEM = {
    "type": "https://ezkey.io/problems/auth/enrollment-binding-failed",
    "title": "No",
    "status": 400,
    "detail": "No",
    "path": BIND,
}
BOUND = {
    "enrollmentId": 1,
    "enrollmentProofToken": "t",
    "integrationPublicKey": "k" * 43,
    "integrationKeyAlgorithm": "ed25519",
    "enrollmentBindPayloadSignedByIntegration": "s" * 86,
}


def an_answer(
    body: object = PROBLEM,
    status: int = 400,
    media_type: str = "application/problem+json",
    *,
    method: str = "POST",
    path: str = BIND,
    surface: str = "ezkey_device",
    headers: Mapping[str, str] | None = None,
    request: object = None,
) -> Answer:
    """A refused bind, unless something else is said."""
    sent = {"x-surface": surface, "content-type": media_type, **(headers or {})}
    return Answer(
        method=method,
        path=path,
        status=status,
        headers=httpx2.Headers(sent),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        request_body=b"" if request is None else json.dumps(request).encode(),
    )


def bound(**members: object) -> dict[str, object]:
    """A bind's answer with other members."""
    return BOUND | members


RIGHT = {
    "a refusal": an_answer(),
    "a success": an_answer(
        BOUND, 200, "application/json", request={"enrollmentId": 1, "enrollmentProofToken": "t"}
    ),
    "under the mount prefix": an_answer(path=f"/s/ezkey{BIND}"),
    "nothing there": an_answer(PROBLEM | {"status": 404}, 404, path="/api/v1/nothing"),
    "another method": an_answer(PROBLEM | {"status": 405}, 405, method="GET", headers={"allow": "POST"}),
    "too often": an_answer(
        b"",
        429,
        "",
        headers={
            "retry-after": "1",
            "x-ratelimit-limit": "1",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": "1",
        },
    ),
}
ASKED = {"enrollmentId": 1, "enrollmentProofToken": "t"}
WRONG = {
    "a status that is not documented": an_answer(PROBLEM, 402),
    "another media type": an_answer(media_type="text/html"),
    "a refusal that is called plain JSON": an_answer(media_type="application/json"),
    "a body that is not JSON": an_answer(b"no"),
    "a member too few": an_answer({"title": "No"}),
    "a member too many": an_answer(PROBLEM | {"trace": "line 1"}),
    "a member of another type": an_answer(PROBLEM | {"status": "400"}),
    "a problem that tells another status": an_answer(PROBLEM | {"status": 409}),
    "a URI that is none": an_answer(PROBLEM | {"type": "no URI"}),
    "a success without its signature": an_answer({"enrollmentId": 1}, 200, "application/json", request=ASKED),
    "a secret that slipped through": an_answer(
        bound(challenge=123456), 200, "application/json", request=ASKED
    ),
    "an id beyond int32": an_answer(bound(enrollmentId=2**31), 200, "application/json", request=ASKED),
    "a request that should not have been taken": an_answer(
        BOUND, 200, "application/json", request={"enrollmentId": 1}
    ),
    "another surface's answer": an_answer(surface="ezkey_integration"),
    "nobody's answer": an_answer(surface="", path="/api/v1/nothing", status=404),
    "too often without saying when": an_answer(b"", 429, ""),
    "too often with a body": an_answer(headers={"retry-after": "1"}, status=429),
    "something where nothing is": an_answer(BOUND, 200, "application/json", path="/api/v1/nothing"),
    "another method without saying which": an_answer(PROBLEM, 405, method="GET"),
    "another method as if there were nothing": an_answer(PROBLEM, 404, method="GET"),
    "HEAD with a body": an_answer(
        b"body", 200, "application/json", method="HEAD", path="/api/v1/public/instance-info"
    ),
    "an instant that is none": an_answer(
        {
            "authAttempt": {
                "authAttemptId": 7,
                "enrollmentId": 1,
                "authAttemptStatus": "PENDING",
                "createdAt": "yesterday.000000Z",
                "expiresAt": "2026-01-01T00:00:00.000000Z",
            },
            "status": "PENDING",
            "completed": False,
            "timeoutReached": True,
            "waitDuration": 1,
            "completedAt": "2026-01-01T00:00:00.000000Z",
        },
        200,
        "application/json",
        method="GET",
        path=WAIT,
        surface="ezkey_integration",
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_document_says_passes(name: str) -> None:
    contracts().check(RIGHT[name])


@pytest.mark.parametrize("name", WRONG)
def test_what_the_document_does_not_say_does_not_pass(name: str) -> None:
    with pytest.raises(ContractBroken):
        contracts().check(WRONG[name])


def _answering(answer: Answer) -> httpx2.MockTransport:
    return httpx2.MockTransport(
        lambda _: httpx2.Response(answer.status, headers=answer.headers, content=answer.body)
    )


async def test_a_client_sees_only_what_passes() -> None:
    seen: list[Answer] = []
    async with httpx2.AsyncClient(transport=Checked(_answering(RIGHT["a refusal"]), seen)) as http:
        response = await http.post(f"http://countersign.test{BIND}", json=ASKED)
    assert (response.status_code, response.json()) == (400, PROBLEM)
    assert [(each.path, json.loads(each.request_body)) for each in seen] == [(BIND, ASKED)]

    async with httpx2.AsyncClient(transport=Checked(_answering(WRONG["a member too many"]))) as http:
        with pytest.raises(ContractBroken, match="trace"):
            await http.post(f"http://countersign.test{BIND}", json=ASKED)


def test_a_client_without_a_loop_sees_only_what_passes_too() -> None:
    with httpx2.Client(transport=CheckedSync(_answering(RIGHT["a refusal"]))) as http:
        assert http.post(f"http://countersign.test{BIND}", json=ASKED).json() == PROBLEM

    with (
        httpx2.Client(transport=CheckedSync(_answering(WRONG["a member too many"]))) as http,
        pytest.raises(ContractBroken),
    ):
        http.post(f"http://countersign.test{BIND}", json=ASKED)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_divergences_are_merged_as_rfc_7396_says(target: object, patch: object, result: object) -> None:
    """Its appendix A."""
    assert merged(target, patch) == result
