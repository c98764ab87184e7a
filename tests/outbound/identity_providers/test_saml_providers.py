"""Against npm's `samlp`."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.base.secret import Secret
from server.outbound.identity_providers.failures import AnswerRejected, ProviderRefused
from server.outbound.identity_providers.model import ExternalPerson, ProviderAnswer, RelyingParty
from server.outbound.identity_providers.network import ProviderNetwork
from server.outbound.identity_providers.saml import SamlProvider
from server.outbound.identity_providers.saml_metadata import read_metadata
from tests.support.identity_providers.saml import Posted, SamlIdentityProvider

US = RelyingParty("https://auth.example/v1/auth/sso/callback", "https://auth.example/v1/auth/sso/metadata")
STATE = Secret("state-of-this-sign-in")


def now() -> datetime:
    return datetime.now(UTC)


def answer_in(posted: Posted) -> ProviderAnswer:
    return ProviderAnswer(saml_response=posted.fields["SAMLResponse"])


@pytest.fixture
def provider(saml_provider: SamlIdentityProvider) -> SamlProvider:
    return SamlProvider(saml_provider.issuer, saml_provider.sign_in_url(), (saml_provider.certificate,))


@pytest.mark.parametrize("signs", ["assertion", "response", "both"])
async def test_who_signs_in_there_is_told_with_their_address(
    saml_provider: SamlIdentityProvider, provider: SamlProvider, network: ProviderNetwork, signs: str
) -> None:
    provider = replace(provider, sign_in_url=saml_provider.sign_in_url(signs))
    begun = await provider.begin(network, US, now=now())

    posted = await saml_provider.sign_in(begun.url_with(STATE), "jane|jane@example.com")
    person = await provider.identify(network, US, answer_in(posted), begun.memory, now=now())

    assert (posted.url, posted.fields["RelayState"]) == (US.callback_url, STATE.reveal())
    assert person.assertion is not None
    assert person == ExternalPerson("jane", "jane@example.com", None, person.assertion)
    assert now() < person.assertion.expires_at < now() + timedelta(minutes=8)


async def test_a_response_to_another_request_is_refused(
    saml_provider: SamlIdentityProvider, provider: SamlProvider, network: ProviderNetwork
) -> None:
    begun, other = [await provider.begin(network, US, now=now()) for _ in range(2)]
    posted = await saml_provider.sign_in(other.url_with(STATE), "jane")

    with pytest.raises(AnswerRejected, match="another_request"):
        await provider.identify(network, US, answer_in(posted), begun.memory, now=now())


async def test_a_response_to_another_application_is_refused(
    saml_provider: SamlIdentityProvider, provider: SamlProvider, network: ProviderNetwork
) -> None:
    theirs = replace(provider, entity_id="urn:another-application")
    begun = await theirs.begin(network, US, now=now())
    posted = await saml_provider.sign_in(begun.url_with(STATE), "jane")

    with pytest.raises(AnswerRejected, match="another_audience"):
        await provider.identify(network, US, answer_in(posted), begun.memory, now=now())
    assert (await theirs.identify(network, US, answer_in(posted), begun.memory, now=now())).subject == "jane"


async def test_a_response_is_refused_once_it_is_past_its_time(
    saml_provider: SamlIdentityProvider, provider: SamlProvider, network: ProviderNetwork
) -> None:
    begun = await provider.begin(network, US, now=now())
    posted = await saml_provider.sign_in(begun.url_with(STATE), "jane")

    with pytest.raises(AnswerRejected, match="expired"):
        await provider.identify(
            network, US, answer_in(posted), begun.memory, now=now() + timedelta(minutes=8)
        )


async def test_who_gives_up_is_not_signed_in(
    saml_provider: SamlIdentityProvider, provider: SamlProvider, network: ProviderNetwork
) -> None:
    begun = await provider.begin(network, US, now=now())
    posted = await saml_provider.sign_in(begun.url_with(STATE), "")

    with pytest.raises(ProviderRefused):
        await provider.identify(network, US, answer_in(posted), begun.memory, now=now())


async def test_the_providers_own_metadata_are_enough_to_know_it(
    saml_provider: SamlIdentityProvider, provider: SamlProvider
) -> None:
    read = read_metadata(await saml_provider.metadata(), now=now())

    assert (read.issuer, read.sign_in_url) == (provider.issuer, provider.sign_in_url)
    pem = saml_provider.certificate.replace("\n", "")
    assert [f"-----BEGIN CERTIFICATE-----{der}-----END CERTIFICATE-----" for der in read.certificates] == [
        pem
    ]


@pytest.mark.parametrize("text", [None, "", "%%%", "PGE+", "A", base64.b64encode(b"<a/>").decode(), "é"])
async def test_what_is_no_response_is_refused(
    provider: SamlProvider, network: ProviderNetwork, text: str | None
) -> None:
    begun = await provider.begin(network, US, now=now())

    with pytest.raises(AnswerRejected):
        await provider.identify(network, US, ProviderAnswer(saml_response=text), begun.memory, now=now())


async def test_a_url_with_a_query_keeps_it(provider: SamlProvider, network: ProviderNetwork) -> None:
    tenant = replace(provider, sign_in_url=f"{provider.sign_in_url}?tenant=7")

    begun = await tenant.begin(network, US, now=now())

    assert begun.url_with(STATE).startswith(f"{provider.sign_in_url}?tenant=7&SAMLRequest=")
    assert begun.url_with(STATE).endswith(f"&RelayState={STATE.reveal()}")
