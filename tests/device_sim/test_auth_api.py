"""What the device makes of HTTP answers, and of none."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from device_sim.auth_api import Answer, AuthApi
from device_sim.errors import MalformedAnswer, RateLimited, ServerRefused, ServerUnreachable
from tests.device_sim.party import BASE_URL, a_problem


async def posted(response: httpx2.Response | Exception) -> Answer | None:
    """What `post` makes of *response*."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        if isinstance(response, Exception):
            raise response
        return response

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as http:
        return await AuthApi(BASE_URL, http).post("bind", "/api/v1/enrollments/bind", {})


async def test_a_refusal_carries_its_problem_details() -> None:
    with pytest.raises(ServerRefused) as caught:
        await posted(a_problem(409, "Already bound"))

    refused = caught.value
    assert (refused.status, refused.title, refused.detail) == (409, "Already bound", "Because.")
    assert refused.type == "https://example.com/problems/409"
    assert str(refused) == "The server refused bind with 409: Already bound. Because"


async def test_a_refusal_without_a_problem_document_still_has_its_status() -> None:
    for response in (
        httpx2.Response(502, text="<h1>Bad gateway</h1>"),
        httpx2.Response(502, content=b"{", headers={"Content-Type": "application/problem+json"}),
        httpx2.Response(502, content=b'{"title": 7}', headers={"Content-Type": "application/problem+json"}),
    ):
        with pytest.raises(ServerRefused) as caught:
            await posted(response)
        assert (caught.value.status, caught.value.type, caught.value.title) == (
            502,
            "about:blank",
            "Bad Gateway",
        )


async def test_too_many_requests_say_when_to_come_back() -> None:
    with pytest.raises(RateLimited, match="try again in 17 s") as caught:
        await posted(httpx2.Response(429, headers={"Retry-After": "17"}))

    assert caught.value.retry_after == 17


async def test_retry_after_may_be_a_date_or_nonsense() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    naive = format_datetime(datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1))
    for value, low, high in ((soon, 25, 31), (naive, 0, 0)):
        with pytest.raises(RateLimited) as caught:
            await posted(httpx2.Response(429, headers={"Retry-After": value}))
        assert caught.value.retry_after is not None
        assert low <= caught.value.retry_after <= high

    with pytest.raises(RateLimited) as caught:
        await posted(httpx2.Response(429, headers={"Retry-After": "soon"}))
    assert caught.value.retry_after is None


async def test_a_redirect_is_a_refusal() -> None:
    with pytest.raises(ServerRefused) as caught:
        await posted(httpx2.Response(308, headers={"Location": "https://elsewhere.example.com/"}))

    assert caught.value.status == 308


@pytest.mark.parametrize(
    ("content", "media_type", "reason"),
    [
        (b"{}", "text/html", "media type is text/html"),
        (b"{}", "", "media type is missing"),
        (b"{", "application/json", "not JSON"),
        (b"\xff", "application/json", "not JSON"),
        (b"[" * 100_000, "application/json", "not JSON"),
        (b"[]", "application/json", "not a JSON object"),
        (b'{"a":1,"a":2}', "application/json", "says a member twice"),
    ],
)
async def test_a_success_that_is_no_json_object_is_malformed(
    content: bytes, media_type: str, reason: str
) -> None:
    with pytest.raises(MalformedAnswer, match=reason):
        await posted(httpx2.Response(200, content=content, headers={"Content-Type": media_type}))


async def test_a_charset_beside_the_media_type_is_fine() -> None:
    answer = await posted(
        httpx2.Response(200, content=b"{}", headers={"Content-Type": "Application/JSON; charset=utf-8"})
    )

    assert answer is not None


async def test_no_content_is_no_answer() -> None:
    assert await posted(httpx2.Response(204)) is None


async def test_who_does_not_answer_is_named() -> None:
    with pytest.raises(ServerUnreachable, match=rf"{BASE_URL}/api/v1/enrollments/bind: refused"):
        await posted(httpx2.ConnectError("refused"))
    with pytest.raises(ServerUnreachable, match="took too long"):
        await posted(httpx2.ReadTimeout(""))


async def test_members_are_left_out_rather_than_null() -> None:
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(204)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as http:
        await AuthApi(BASE_URL, http).post("respond", "/x", {"a": None, "b": False}, prefer="wait=7")

    assert json.loads(seen[0].content) == {"b": False}
    assert seen[0].headers["Prefer"] == "wait=7"
    assert "Authorization" not in seen[0].headers


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("text", 7),
        ("text", None),
        ("text", "half a pair \ud83d"),
        ("identifier", True),
        ("identifier", 0),
        ("identifier", 2**31),
        ("identifier", 1.0),
        ("identifier", "7"),
        ("flag", 1),
        ("flag", None),
        ("optional_text", 7),
        ("optional_identifier", "7"),
        ("optional_flag", "true"),
    ],
)
def test_a_member_of_another_type_is_malformed(method: str, value: object) -> None:
    with pytest.raises(MalformedAnswer, match="member is not"):
        getattr(Answer("bind", {"member": value}), method)("member")


@pytest.mark.parametrize("method", ["optional_text", "optional_identifier", "optional_flag"])
def test_null_and_missing_are_the_same(method: str) -> None:
    for members in ({}, {"member": None}):
        assert getattr(Answer("bind", members), method)("member") is None


@pytest.fixture
async def own_client() -> AsyncIterator[AuthApi]:
    api = AuthApi("http://127.0.0.1:1")
    yield api
    await api.aclose()


async def test_a_refused_connection_says_which_url(own_client: AuthApi) -> None:
    with pytest.raises(ServerUnreachable, match=r"http://127\.0\.0\.1:1/api/v1/x"):
        await own_client.post("bind", "/api/v1/x", {})
