from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from server.outbound.http import ask
from server.outbound.identity_providers import network as module
from server.outbound.identity_providers.failures import AnswerRejected, ProviderUnreachable
from server.outbound.identity_providers.network import MAX_ANSWER_BYTES, ProviderNetwork

URL = "https://idp.example/keys"
Answering = Callable[[httpx2.Request], httpx2.Response]


def answered(status: int, body: bytes = b"", **headers: str) -> httpx2.Response:
    return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(body))


class Provider:
    """Somebody who answers as the test says."""

    def __init__(self) -> None:
        self.asked: list[httpx2.Request] = []
        self.answer: Answering = lambda _: answered(200, b'{"n": %d}' % len(self.asked))

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, noted."""
        self.asked.append(request)
        return self.answer(request)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def network(provider: Provider) -> AsyncIterator[ProviderNetwork]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(provider)) as client:
        yield ProviderNetwork(client, plain_loopback=False)


async def test_a_document_is_asked_for_once_in_an_hour(
    network: ProviderNetwork, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await network.document(URL) == await network.document(URL) == {"n": 1}
    assert len(provider.asked) == 1

    monkeypatch.setattr(module, "DOCUMENT_LIFE_SECONDS", 0)
    assert await network.document(URL) == {"n": 2}


async def test_a_document_is_looked_at_anew_but_not_all_the_time(
    network: ProviderNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await network.document(URL, anew=True) == {"n": 1}
    assert await network.document(URL, anew=True) == {"n": 1}

    monkeypatch.setattr(module, "DOCUMENT_PAUSE_SECONDS", 0)
    assert await network.document(URL, anew=True) == {"n": 2}


async def test_a_failure_is_not_remembered(network: ProviderNetwork, provider: Provider) -> None:
    right = provider.answer
    provider.answer = lambda _: answered(404)
    with pytest.raises(ProviderUnreachable, match="document_not_found"):
        await network.document(URL)

    provider.answer = right
    assert await network.document(URL) == {"n": 2}


@pytest.mark.parametrize("status", [301, 302, 307, 500, 502, 503])
async def test_redirects_and_failures_are_no_answers(
    network: ProviderNetwork, provider: Provider, status: int
) -> None:
    provider.answer = lambda _: answered(status, location="https://other.example/")

    with pytest.raises(ProviderUnreachable, match=f"answered_{status}"):
        await network.ask("GET", URL)
    assert len(provider.asked) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"<html>", b"\xff", b"[" * 100_000])
async def test_what_is_no_json_object_is_refused(
    network: ProviderNetwork, provider: Provider, body: bytes
) -> None:
    provider.answer = lambda _: answered(200, body)

    with pytest.raises(AnswerRejected, match="not_a_json_object"):
        await network.ask_json("GET", URL)


async def test_an_endless_answer_is_not_read_to_its_end(network: ProviderNetwork, provider: Provider) -> None:
    provider.answer = lambda _: answered(200, b" " * (MAX_ANSWER_BYTES + 1))

    with pytest.raises(ProviderUnreachable, match="no_answer"):
        await network.ask("GET", URL)


async def test_a_connection_that_fails_is_no_answer(network: ProviderNetwork, provider: Provider) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    provider.answer = fail
    with pytest.raises(ProviderUnreachable, match="no_answer"):
        await network.ask("GET", URL)


async def test_a_provider_that_takes_its_time_is_given_up(
    network: ProviderNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def noted(*arguments: object, whole_seconds: float, **more: object) -> object:
        waited.append(whole_seconds)
        return await ask(*arguments, whole_seconds=whole_seconds, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "ask", noted)
    await network.ask("GET", URL)

    assert waited == [module.ANSWER_SECONDS]


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/",
        "http://127.0.0.1/",
        "https://user@idp.example/",
        "https://user:secret@idp.example/",
        "file:///etc/passwd",
        "ftp://idp.example/",
        "//idp.example/",
        "idp.example",
        "https://",
        "https://idp.example:x/",
        "https://idp.example/a b",
        "https://idp.example\\@mallory.example/",
        "javascript:alert(1)",
        "",
    ],
)
async def test_only_https_is_asked(network: ProviderNetwork, provider: Provider, url: str) -> None:
    assert not network.is_allowed(url)
    with pytest.raises(ProviderUnreachable, match="url_not_allowed"):
        await network.ask("GET", url)
    assert not provider.asked


def test_plain_http_is_for_development_and_this_machine() -> None:
    network = ProviderNetwork(httpx2.AsyncClient(), plain_loopback=True)

    assert network.is_allowed("http://127.0.0.1:8080/x")
    assert network.is_allowed("http://localhost/x")
    assert not network.is_allowed("http://idp.example/x")
