"""Requests to other machines: what is checked, followed and read, and what is not."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from server.outbound.http import NoAnswer, ask, open_client
from tests.support.certificates import a_certificate
from tests.support.web_server import CLOSED, Said, a_web_server


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """A client that trusts the system's authorities."""
    async with open_client() as client:
        yield client


async def test_the_whole_answer_comes_whatever_its_status(client: httpx2.AsyncClient) -> None:
    async with a_web_server(Said(418, b"short and stout", {"X-Kind": "teapot"})) as web:
        answer = await ask(client, client.build_request("GET", f"{web.origin}/tea?milk=no"))

    assert (answer.status, answer.body, answer.headers["x-kind"]) == (418, b"short and stout", "teapot")
    assert (web.asked[0].method, web.asked[0].path) == ("GET", "/tea?milk=no")
    assert web.asked[0].headers["user-agent"] == "Countersign"


async def test_a_redirect_is_an_answer_like_any_other(client: httpx2.AsyncClient) -> None:
    async with a_web_server(Said(302, headers={"Location": "/elsewhere"})) as web:
        answer = await ask(client, client.build_request("GET", web.origin))

    assert (answer.status, len(web.asked)) == (302, 1)


async def test_a_server_whose_certificate_nobody_knows_is_asked_nothing(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    certificate = a_certificate(tmp_path)
    async with a_web_server(Said(200), tls=certificate.server) as web:
        with pytest.raises(NoAnswer, match="certificate is not accepted"):
            await ask(client, client.build_request("GET", web.origin))
        async with open_client(tls=certificate.client) as trusting:
            assert (await ask(trusting, trusting.build_request("GET", web.origin))).status == 200

    assert len(web.asked) == 1


async def test_a_longer_answer_than_is_read_is_none(client: httpx2.AsyncClient) -> None:
    async with a_web_server(Said(200, b"x" * 1001)) as web:
        request = client.build_request("GET", web.origin)
        with pytest.raises(NoAnswer, match="too long"):
            await ask(client, request, most_bytes=1000)
        assert len((await ask(client, request, most_bytes=1001)).body) == 1001


async def test_a_compressed_answer_was_not_asked_for(client: httpx2.AsyncClient) -> None:
    """A few of its bytes could be any number."""
    packed = Said(200, gzip.compress(b"x" * 1_000_000), {"Content-Encoding": "gzip"})
    async with a_web_server(packed) as web:
        with pytest.raises(NoAnswer, match="compressed"):
            await ask(client, client.build_request("GET", web.origin))

    assert web.asked[0].headers["accept-encoding"] == "identity"


async def test_an_answer_that_takes_too_long_is_none() -> None:
    async with a_web_server(Said(200, seconds=5)) as web:
        async with open_client(timeout_seconds=0.1) as client:
            with pytest.raises(NoAnswer, match="no answer in time"):
                await ask(client, client.build_request("GET", web.origin))
        async with open_client() as client:
            with pytest.raises(NoAnswer, match="no answer in time"):
                await ask(client, client.build_request("GET", web.origin), whole_seconds=0.1)


async def test_why_there_is_no_answer_does_not_tell_the_url(client: httpx2.AsyncClient) -> None:
    async with a_web_server(Said(CLOSED)) as web:
        with pytest.raises(NoAnswer) as cut:
            await ask(client, client.build_request("GET", f"{web.origin}/?code=sesame"))
    with pytest.raises(NoAnswer) as down:
        await ask(client, client.build_request("GET", f"{web.origin}/?code=sesame"))

    for refused in (cut, down):
        assert "no connection" in str(refused.value)
        assert "sesame" not in str(refused.value)
        assert "127.0.0.1" not in str(refused.value)
