"""Providers that answer as no real one does."""

from datetime import UTC, datetime

import pytest

from server.base.secret import Secret
from server.outbound.identity_providers.failures import AnswerRejected, ProviderFailure, ProviderUnreachable
from server.outbound.identity_providers.model import ExternalPerson, ProviderAnswer, RelyingParty
from tests.support.identity_providers.made_provider import MadeOpenIdProvider

US = RelyingParty("https://auth.example/callback", "https://auth.example/metadata")
NOW = datetime(2027, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def provider() -> MadeOpenIdProvider:
    return MadeOpenIdProvider(int(NOW.timestamp()))


async def identified(provider: MadeOpenIdProvider, **claims: object) -> ExternalPerson:
    """Whom the provider tells, there and back."""
    network = provider.network()
    begun = await provider.client.begin(network, US, now=NOW)
    back = provider.sign_in(begun.url_with(Secret("state")), "jane", **claims)
    answer = ProviderAnswer(code=back["code"])
    return await provider.client.identify(network, US, answer, begun.memory, now=NOW)


async def test_one_that_says_what_is_needed_and_no_more_is_enough(provider: MadeOpenIdProvider) -> None:
    assert await identified(provider) == ExternalPerson("jane", None, None)
    assert await identified(provider, email="j@x.example") == ExternalPerson("jane", "j@x.example", None)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "issuer"])
@pytest.mark.parametrize("value", [None, 7, [], "", "http://idp.example/x", "javascript:alert(1)", "/x"])
async def test_metadata_without_what_is_needed_are_refused(
    provider: MadeOpenIdProvider, name: str, value: object
) -> None:
    provider.metadata[name] = value

    with pytest.raises(AnswerRejected):
        await provider.client.check(provider.network())


@pytest.mark.parametrize("value", [None, [], ["private_key_jwt"], "client_secret_basic"])
async def test_odd_ways_to_show_a_secret_are_no_matter(provider: MadeOpenIdProvider, value: object) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = value

    assert (await identified(provider)).subject == "jane"


@pytest.mark.parametrize("value", [None, 7, {}])
async def test_a_userinfo_endpoint_that_is_none_is_not_asked(
    provider: MadeOpenIdProvider, value: object
) -> None:
    provider.metadata["userinfo_endpoint"] = value

    assert (await identified(provider)).email is None


async def test_what_is_told_about_somebody_else_is_refused(provider: MadeOpenIdProvider) -> None:
    provider.metadata["userinfo_endpoint"] = f"{provider.issuer}/userinfo"

    with pytest.raises(AnswerRejected, match="user_info_of_another"):
        await identified(provider)


async def test_nobody_is_asked_over_http_about_somebody(provider: MadeOpenIdProvider) -> None:
    provider.metadata["userinfo_endpoint"] = "http://idp.example/userinfo"

    with pytest.raises(ProviderUnreachable, match="url_not_allowed"):
        await identified(provider)


@pytest.mark.parametrize(
    "answer", [{}, {"id_token": None}, {"id_token": 7}, {"id_token": "x"}, {"error": "x"}]
)
async def test_an_answer_without_a_token_is_refused(
    provider: MadeOpenIdProvider, answer: dict[str, object]
) -> None:
    provider.token_answer = answer

    with pytest.raises(ProviderFailure):
        await identified(provider)
