"""Against providers that are not ours: npm's `oidc-provider` and `samlp`."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from lxml import etree

from server.core.projects.actions import DeleteProject, delete_project
from server.core.single_sign_on.actions import AddIdentityProvider, add_identity_provider
from server.core.single_sign_on.model import Provider, relying_party
from server.outbound.identity_providers.network import ProviderNetwork
from server.outbound.identity_providers.saml import SamlProvider
from tests.support.accounts import APP, an_email
from tests.support.backend import Backend, Somebody, error_of
from tests.support.identity_providers.openid import OpenIdProvider
from tests.support.identity_providers.saml import SamlIdentityProvider
from tests.support.product import Product

HOME = f"{APP}/signed-in"
CALLBACK = "/v1/auth/sso/callback"


@dataclass
class Sso:
    """An application, its provider `google`, and a browser between them."""

    app: Backend
    openid: OpenIdProvider
    network: ProviderNetwork

    async def add(self, slug: str, provider: Provider, *domains: str) -> None:
        """The application has this provider too."""
        await self.app.product.made(
            add_identity_provider,
            command=AddIdentityProvider(self.app.project.realm_id, slug, provider, domains, self.network),
        )

    async def authorize(self, **query: str) -> httpx2.Response:
        """The application's backend asks where to send the browser."""
        return await self.app.get("sso/authorize", query={"provider": "google"} | query)

    async def at_provider(self, who: str | None, **query: str) -> dict[str, str]:
        """What the browser brings back, once its owner said *who* they are."""
        started = await self.authorize(**query)
        assert started.status_code == 302, started.text
        back = await self.openid.sign_in(started.headers["Location"], who)
        assert back.path == CALLBACK
        return dict(back.params)

    async def come_back(self, query: Mapping[str, str]) -> httpx2.Response:
        """The browser comes back; it has no key."""
        return await self.app.product.client().get(CALLBACK, params=query)

    async def sign_in(self, who: str | None, **query: str) -> httpx2.Response:
        """There and back."""
        return await self.come_back(await self.at_provider(who, **query))


@pytest.fixture
async def sso(app: Backend, openid_provider: OpenIdProvider, network: ProviderNetwork) -> AsyncIterator[Sso]:
    made = Sso(app, openid_provider, network)
    callback_url = relying_party(app.product.core.settings).callback_url
    await made.add("google", await openid_provider.client(callback_url))
    yield made
    await app.product.outgoing.aclose()


def told(answer: httpx2.Response, status: int = 302, at: str = HOME) -> dict[str, str]:
    """What the application is told in the fragment of the page that the browser goes to."""
    assert answer.status_code == status, answer.text
    location = answer.headers["Location"]
    assert answer.headers["Cache-Control"] == "no-store"
    page, _, fragment = location.partition("#")
    assert page == at
    return dict(parse_qsl(fragment, strict_parsing=True))


async def test_p36_the_browser_is_sent_to_the_provider_with_state_and_pkce(sso: Sso) -> None:
    answer = await sso.authorize(state="the application's own")

    assert answer.status_code == 302
    target = urlsplit(answer.headers["Location"])
    asked = {name: value for name, [value] in parse_qs(target.query).items()}
    assert f"{target.scheme}://{target.netloc}" == sso.openid.issuer
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == relying_party(sso.app.product.core.settings).callback_url
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 43
    assert asked["state"] != "the application's own"
    assert len(asked["nonce"]) >= 43
    assert "openid" in asked["scope"].split()


async def test_p36_a_browser_without_a_key_names_the_project_by_its_login_id(sso: Sso) -> None:
    query = {"provider": "google", "login_id": sso.app.project.login_id}
    answer = await sso.app.product.client().get("/v1/auth/sso/authorize", params=query)
    nobody = await sso.app.product.client().get("/v1/auth/sso/authorize", params={"provider": "google"})

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(sso.openid.issuer)
    assert error_of(nobody) == (401, "invalid_api_key")


@pytest.mark.parametrize("slug", ["okta", "Google", "google ", "x" * 101, "", "google\x00", "é"])
async def test_p36_an_unknown_provider_is_refused(sso: Sso, slug: str) -> None:
    assert (await sso.authorize(provider=slug)).status_code == 400


async def test_p36_another_projects_provider_is_unknown(sso: Sso, other: Backend) -> None:
    refused = await other.get("sso/authorize", query={"provider": "google"})

    assert error_of(refused) == (400, "identity_provider_unknown")


@pytest.mark.parametrize(
    "url",
    ["https://mallory.example/", f"{APP}.mallory.example/", f"{APP}@mallory.example/", "//mallory.example"],
)
async def test_p36_a_foreign_redirect_url_is_refused(sso: Sso, url: str) -> None:
    assert (await sso.authorize(redirect_url=url)).status_code == 400


async def test_p37_a_code_leads_to_tokens_and_the_applications_state(sso: Sso) -> None:
    email = an_email()
    await sso.openid.tell(email, email=email, email_verified=True)

    answer = told(
        await sso.sign_in(email, state="what & who=?", redirect_url=f"{APP}/after"), at=f"{APP}/after"
    )

    assert answer.keys() == {"access_token", "refresh_token", "token_type", "expires_in", "state"}
    assert (answer["state"], answer["token_type"], answer["expires_in"]) == ("what & who=?", "Bearer", "3600")
    jane = Somebody(email, answer["access_token"], answer["refresh_token"], {})
    assert await sso.app.is_alive(jane)
    assert jane.claims["amr"] == ["fed"]
    verified = (await sso.app.post("token/verify", token=jane.access_token)).json()
    assert (verified["valid"], verified["claims"]["email"]) == (True, email)
    (session,) = (await sso.app.get("sessions", bearer=jane.access_token)).json()["data"]
    assert session["id"] == jane.claims["sid"]
    refreshed = await sso.app.post("token/refresh", refresh_token=jane.refresh_token)
    assert refreshed.status_code == 200


async def test_p37_who_comes_again_is_the_same_user(sso: Sso) -> None:
    email = an_email()
    await sso.openid.tell(email, email=email, email_verified=True)

    first, second = [
        Somebody(email, told(await sso.sign_in(email))["access_token"], "", {}) for _ in range(2)
    ]

    assert first.claims["sub"] == second.claims["sub"]
    assert first.claims["sid"] != second.claims["sid"]


async def test_p37_a_replayed_or_foreign_state_is_refused(sso: Sso) -> None:
    email = an_email()
    await sso.openid.tell(email, email=email)
    query = await sso.at_provider(email)
    theirs = await sso.at_provider(email)

    for state in ("nothing", "x" * 43, query["code"]):
        assert error_of(await sso.come_back({**query, "state": state})) == (400, "sso_failed")
    assert "access_token" in told(await sso.come_back(query))
    assert error_of(await sso.come_back(query)) == (400, "sso_failed")

    # A state of one browser with the code of another: the application is told, and nobody is signed in.
    mine = await sso.at_provider(email)
    assert told(await sso.come_back({**theirs, "state": mine["state"]}))["error"] == "sso_failed"
    assert error_of(await sso.come_back({"code": theirs["code"]})) == (400, "sso_failed")


async def test_p37_a_state_is_good_for_ten_minutes(sso: Sso, product: Product) -> None:
    query = await sso.at_provider(an_email())
    product.move_clock(minutes=10)

    assert error_of(await sso.come_back(query)) == (400, "sso_failed")


async def test_p37_an_account_is_linked_by_an_address_that_both_have_verified(sso: Sso) -> None:
    jane = await sso.app.somebody(send_verification=True)
    await sso.openid.tell(jane.email, email=jane.email, email_verified=True)

    assert told(await sso.sign_in(jane.email))["error"] == "email_taken"

    link = (await sso.app.letter(jane.email, "verify_email")).link_token
    await sso.app.product.http.post("/links/verify-email", data={"token": link})
    linked = Somebody(jane.email, told(await sso.sign_in(jane.email))["access_token"], "", {})
    assert linked.claims["sub"] == jane.id
    assert (await sso.app.letter(jane.email)).template == "identity_linked"


async def test_p37_a_second_factor_is_asked_for(sso: Sso) -> None:
    email = an_email()
    await sso.openid.tell(email, email=email, email_verified=True)
    tokens = told(await sso.sign_in(email))
    jane = Somebody(email, tokens["access_token"], tokens["refresh_token"], {})
    authenticator = await sso.app.with_totp(jane)

    challenge = told(await sso.sign_in(email, state="s"))

    assert (challenge["mfa_required"], challenge["available_methods"]) == ("true", "totp")
    assert challenge["state"] == "s"
    assert "access_token" not in challenge
    finished = await sso.app.post(
        "mfa/verify", mfa_token=challenge["mfa_token"], code=authenticator.next_code()
    )
    assert finished.status_code == 200, finished.text
    assert finished.json()["access_token"]


async def test_p37_who_gives_up_is_sent_back_with_that(sso: Sso) -> None:
    answer = told(await sso.sign_in(None, state="s"))

    assert (answer["error"], answer["state"]) == ("access_denied", "s")


async def test_p37_a_project_that_is_gone_takes_its_states_along(sso: Sso, product: Product) -> None:
    query = await sso.at_provider(an_email())
    project = sso.app.project
    await product.made(delete_project, command=DeleteProject(project.organization_id, project.id))

    assert error_of(await sso.come_back(query)) == (400, "sso_failed")


@pytest.mark.parametrize("signs", ["assertion", "response", "both"])
async def test_p37_a_saml_provider_signs_people_in(
    sso: Sso, saml_provider: SamlIdentityProvider, signs: str
) -> None:
    provider = SamlProvider(
        saml_provider.issuer, saml_provider.sign_in_url(signs), (saml_provider.certificate,)
    )
    await sso.add("corp", provider, "example.com")
    email = an_email()
    started = await sso.authorize(provider="corp", state="s")
    posted = await saml_provider.sign_in(started.headers["Location"], f"{email}|{email}")
    browser = sso.app.product.client()

    answer = told(await browser.post(urlsplit(posted.url).path, data=posted.fields), 303)
    again = await browser.post(CALLBACK, data=posted.fields)

    assert answer["state"] == "s"
    jane = Somebody(email, answer["access_token"], answer["refresh_token"], {})
    assert (jane.claims["email"], jane.claims["email_verified"]) == (email, True)
    assert error_of(again) == (400, "sso_failed")


async def test_p37_a_saml_response_without_a_request_of_ours_is_refused(
    sso: Sso, saml_provider: SamlIdentityProvider
) -> None:
    provider = SamlProvider(saml_provider.issuer, saml_provider.sign_in_url(), (saml_provider.certificate,))
    await sso.add("corp", provider)
    started = await sso.authorize(provider="corp")
    posted = await saml_provider.sign_in(started.headers["Location"], "jane|jane@example.com")
    browser = sso.app.product.client()

    for state in ({}, {"RelayState": "nothing"}):
        unasked = {"SAMLResponse": posted.fields["SAMLResponse"], **state}
        assert error_of(await browser.post(CALLBACK, data=unasked)) == (400, "sso_failed")


async def test_saml_providers_are_told_what_they_need_to_know(product: Product) -> None:
    answer = await product.http.get("/v1/auth/sso/metadata")

    us = relying_party(product.core.settings)
    root = etree.fromstring(answer.content)
    (service,) = root.iter("{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService")
    assert answer.headers["Content-Type"] == "application/samlmetadata+xml"
    assert (root.get("entityID"), service.get("Location")) == (us.entity_id, us.callback_url)
