"""Against npm's `oidc-provider`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import URL

from server.base.secret import Secret
from server.outbound.identity_providers import network as module
from server.outbound.identity_providers.failures import AnswerRejected, ProviderUnreachable
from server.outbound.identity_providers.model import Begun, ExternalPerson, ProviderAnswer, RelyingParty
from server.outbound.identity_providers.network import ProviderNetwork
from server.outbound.identity_providers.oidc import OidcProvider
from tests.support.identity_providers.openid import OpenIdProvider

US = RelyingParty("http://127.0.0.1:9/v1/auth/sso/callback", "http://127.0.0.1:9/metadata")
STATE = Secret("state-of-this-sign-in")


def now() -> datetime:
    return datetime.now(UTC)


def answer_in(back: URL) -> ProviderAnswer:
    return ProviderAnswer(code=back.params.get("code"), issuer=back.params.get("iss"))


@pytest.fixture
async def provider(openid_provider: OpenIdProvider) -> OidcProvider:
    return await openid_provider.client(US.callback_url)


@pytest.fixture
async def begun(provider: OidcProvider, network: ProviderNetwork) -> Begun:
    return await provider.begin(network, US, now=now())


async def test_who_signs_in_there_is_told_with_their_address(
    openid_provider: OpenIdProvider, provider: OidcProvider, network: ProviderNetwork, begun: Begun
) -> None:
    await openid_provider.tell("jane", email="jane@example.com", email_verified=True)
    back = await openid_provider.sign_in(begun.url_with(STATE), "jane")

    person = await provider.identify(network, US, answer_in(back), begun.memory, now=now())

    assert back.params["state"] == STATE.reveal()
    assert person == ExternalPerson("jane", "jane@example.com", email_verified=True)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"email": "joe@example.com", "email_verified": False}, ("joe@example.com", False)),
        ({"email": "joe@example.com", "email_verified": "true"}, ("joe@example.com", True)),
        ({"email": "joe@example.com"}, ("joe@example.com", None)),
        ({"email": ""}, (None, None)),
        ({}, (None, None)),
    ],
)
async def test_what_the_provider_does_not_say_is_not_made_up(
    openid_provider: OpenIdProvider,
    provider: OidcProvider,
    network: ProviderNetwork,
    begun: Begun,
    claims: dict[str, object],
    told: tuple[str | None, bool | None],
) -> None:
    await openid_provider.tell("joe", **claims)
    back = await openid_provider.sign_in(begun.url_with(STATE), "joe")

    person = await provider.identify(network, US, answer_in(back), begun.memory, now=now())

    assert person == ExternalPerson("joe", *told)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_every_usual_way_to_sign_and_to_show_the_secret_is_spoken(
    openid_provider: OpenIdProvider, network: ProviderNetwork, algorithm: str, method: str
) -> None:
    provider = await openid_provider.client(
        US.callback_url, id_token_signed_response_alg=algorithm, token_endpoint_auth_method=method
    )
    begun = await provider.begin(network, US, now=now())
    back = await openid_provider.sign_in(begun.url_with(STATE), "jane")

    person = await provider.identify(network, US, answer_in(back), begun.memory, now=now())

    assert person.subject == "jane"


async def identify_after(
    openid_provider: OpenIdProvider, network: ProviderNetwork, provider: OidcProvider, begun: Begun
) -> ExternalPerson:
    """Whom *provider* tells, once jane signed in."""
    back = await openid_provider.sign_in(begun.url_with(STATE), "jane")
    return await provider.identify(network, US, answer_in(back), begun.memory, now=now())


async def test_a_code_works_once(
    openid_provider: OpenIdProvider, provider: OidcProvider, network: ProviderNetwork, begun: Begun
) -> None:
    answer = answer_in(await openid_provider.sign_in(begun.url_with(STATE), "jane"))
    await provider.identify(network, US, answer, begun.memory, now=now())

    with pytest.raises(AnswerRejected, match="code_refused"):
        await provider.identify(network, US, answer, begun.memory, now=now())


async def test_a_code_of_another_sign_in_is_refused_by_its_verifier(
    openid_provider: OpenIdProvider, provider: OidcProvider, network: ProviderNetwork, begun: Begun
) -> None:
    other = await provider.begin(network, US, now=now())
    answer = answer_in(await openid_provider.sign_in(other.url_with(STATE), "jane"))

    with pytest.raises(AnswerRejected, match="code_refused"):
        await provider.identify(network, US, answer, begun.memory, now=now())


async def test_a_token_of_another_sign_in_is_refused_by_its_nonce(
    openid_provider: OpenIdProvider, provider: OidcProvider, network: ProviderNetwork, begun: Begun
) -> None:
    answer = answer_in(await openid_provider.sign_in(begun.url_with(STATE), "jane"))

    with pytest.raises(AnswerRejected, match="id_token_claims_invalid"):
        await provider.identify(network, US, answer, {**begun.memory, "nonce": "another"}, now=now())


async def test_a_wrong_secret_is_refused(
    openid_provider: OpenIdProvider, provider: OidcProvider, network: ProviderNetwork, begun: Begun
) -> None:
    forgetful = replace(provider, client_secret=Secret("not the secret: 100%+"))

    with pytest.raises(AnswerRejected, match="code_refused"):
        await identify_after(openid_provider, network, forgetful, begun)


async def test_a_token_that_is_signed_with_the_client_secret_is_refused(
    openid_provider: OpenIdProvider, network: ProviderNetwork
) -> None:
    provider = await openid_provider.client(US.callback_url, id_token_signed_response_alg="HS256")
    begun = await provider.begin(network, US, now=now())

    with pytest.raises(AnswerRejected, match="id_token_signature_invalid"):
        await identify_after(openid_provider, network, provider, begun)


async def test_a_token_is_refused_once_it_is_past_its_time(
    openid_provider: OpenIdProvider, provider: OidcProvider, network: ProviderNetwork, begun: Begun
) -> None:
    answer = answer_in(await openid_provider.sign_in(begun.url_with(STATE), "jane"))

    with pytest.raises(AnswerRejected, match="id_token_claims_invalid"):
        await provider.identify(network, US, answer, begun.memory, now=now() + timedelta(hours=2))


async def test_new_keys_of_the_provider_are_looked_up_when_a_token_names_one(
    openid_provider: OpenIdProvider,
    provider: OidcProvider,
    network: ProviderNetwork,
    begun: Begun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await identify_after(openid_provider, network, provider, begun)
    await openid_provider.rotate_keys()
    begun = await provider.begin(network, US, now=now())

    # Keys that were read a moment ago are not read again, so that strangers' tokens make no traffic.
    with pytest.raises(AnswerRejected, match="id_token_key_unknown"):
        await identify_after(openid_provider, network, provider, begun)

    monkeypatch.setattr(module, "DOCUMENT_PAUSE_SECONDS", 0)
    assert (await identify_after(openid_provider, network, provider, begun)).subject == "jane"


async def test_an_answer_that_says_it_is_of_another_provider_is_refused(
    openid_provider: OpenIdProvider, provider: OidcProvider, network: ProviderNetwork, begun: Begun
) -> None:
    back = await openid_provider.sign_in(begun.url_with(STATE), "jane")
    code = back.params["code"]

    for issuer in ("https://other.example", None):
        with pytest.raises(AnswerRejected, match="answer_of_another_issuer"):
            await provider.identify(
                network, US, ProviderAnswer(code=code, issuer=issuer), begun.memory, now=now()
            )


async def test_who_gives_up_comes_back_with_an_error(
    openid_provider: OpenIdProvider, provider: OidcProvider, network: ProviderNetwork, begun: Begun
) -> None:
    back = await openid_provider.sign_in(begun.url_with(STATE), None)

    assert (back.params["error"], back.params["state"]) == ("access_denied", STATE.reveal())
    with pytest.raises(AnswerRejected, match="no_code"):
        await provider.identify(network, US, answer_in(back), begun.memory, now=now())


async def test_a_provider_is_checked_before_it_is_taken(
    openid_provider: OpenIdProvider, network: ProviderNetwork
) -> None:
    await OidcProvider(openid_provider.issuer, "somebody").check(network)

    with pytest.raises(AnswerRejected, match="metadata_of_another_issuer"):
        await OidcProvider(f"{openid_provider.issuer}/", "somebody").check(network)
    with pytest.raises(ProviderUnreachable, match="document_not_found"):
        await OidcProvider(f"{openid_provider.issuer}/nowhere", "somebody").check(network)
