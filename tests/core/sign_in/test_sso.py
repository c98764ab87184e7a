"""Single sign-on as applications see it, with providers that say what no real one would."""

import base64
import zlib
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from server.base.errors import IdentityProviderUnknown, RedirectNotAllowed, SsoFailed, Unavailable
from server.core.principals.actions import SetStatus, set_status
from server.core.principals.model import PrincipalStatus
from server.core.sign_in.model import SignedIn, StepRequired
from server.core.sign_in.sso import SsoDenied
from server.core.single_sign_on.actions import (
    SetProviderActive,
    WhichProvider,
    remove_identity_provider,
    set_provider_active,
)
from server.core.single_sign_on.model import relying_party
from server.core.work import Core
from server.outbound.identity_providers.saml import SamlProvider
from tests.support.accounts import APP, an_email
from tests.support.application import Application
from tests.support.identity_providers.made_responses import Made, pem_of, provider_key, saml_time
from tests.support.identity_providers.saml import make_certificate
from tests.support.locks import LockPrincipal, lock_principal
from tests.support.scene import made_on
from tests.support.sign_in import a_principal
from tests.support.single_sign_on import Sso

HOME = f"{APP}/signed-in"


@pytest.fixture
async def sso(application: Application) -> Sso:
    return await Sso.of(application)


async def test_somebody_new_is_registered_and_signed_in(sso: Sso) -> None:
    email = an_email()

    outcome = await sso.signed_in("jane", email=email, email_verified=True)

    assert outcome.is_new
    assert await sso.application.letters(email) == []
    assert (outcome.principal.email, outcome.principal.email_verified) == (email, True)
    assert (outcome.session.session.amr, outcome.session.session.provider) == (("fed",), "google")
    assert outcome.session.access_token is not None
    (linked,) = await sso.application.events("identity.linked")
    assert linked["target_id"] == str(outcome.principal.id)
    assert email not in linked["data"]


async def test_the_application_gets_its_state_back_at_its_own_page(sso: Sso) -> None:
    elsewhere = f"{APP}/after?x=1"
    url = await sso.start(redirect_url=elsewhere, state="what the application said")

    finished = await sso.come_back(sso.provider.sign_in(url, "jane", email=an_email()))

    assert (finished.redirect_url, finished.caller_state) == (elsewhere, "what the application said")
    assert (await sso.sign_in("joe", email=an_email())).redirect_url == HOME
    assert (await sso.sign_in("joe")).caller_state is None


async def test_who_comes_again_is_the_same_whatever_their_address_is_by_now(sso: Sso) -> None:
    first = await sso.signed_in("jane", email=an_email(), email_verified=True)

    again = await sso.signed_in("jane", email=an_email(), email_verified=True)
    silent = await sso.signed_in("jane")
    other = await sso.signed_in("joe", email=an_email())

    assert again.principal.id == silent.principal.id == first.principal.id
    assert not again.is_new
    assert again.principal.email == first.principal.email
    assert other.principal.id != first.principal.id


@pytest.mark.parametrize("by_us", [True, False])
@pytest.mark.parametrize("by_them", [True, False, None])
async def test_an_address_makes_somebody_known_only_if_both_have_it_verified(
    sso: Sso, *, by_us: bool, by_them: bool | None
) -> None:
    email = an_email()
    account = await made_on(
        sso.application.core, a_principal, realm=sso.application.realm, email=email, email_verified=by_us
    )
    claims = {"email": email.upper()} | ({} if by_them is None else {"email_verified": by_them})

    outcome = (await sso.sign_in("jane", **claims)).outcome

    if by_us and by_them:
        assert isinstance(outcome, SignedIn)
        assert (outcome.principal.id, outcome.is_new) == (account.id, False)
        assert (await sso.signed_in("jane")).principal.id == account.id
        (letter,) = await sso.application.letters(email)
        assert (letter.template, "google" in letter.text) == ("identity_linked", True)
    else:
        assert isinstance(outcome, SsoDenied)
        assert outcome.error == "email_taken"
        assert await sso.application.events("identity.linked") == []
        assert await sso.application.letters(email) == []
        assert await sso.reasons() == ['{"reason": "email_taken", "provider": "google"}']


@pytest.mark.parametrize(
    ("email", "claims", "linked"),
    [
        ("jane@corp.example", {}, True),
        ("jane@CORP.example", {}, True),
        ("jane@corp.example", {"email_verified": False}, False),
        ("jane@sub.corp.example", {}, False),
        ("jane@other.example", {}, False),
    ],
)
async def test_a_provider_decides_about_the_addresses_of_its_domains(
    sso: Sso, email: str, claims: dict[str, object], *, linked: bool
) -> None:
    await sso.add("corp", email_domains=("corp.example",))
    realm, core = sso.application.realm, sso.application.core
    await made_on(core, a_principal, realm=realm, email=email, email_verified=True)

    url = await sso.start("corp")
    outcome = (await sso.come_back(sso.provider.sign_in(url, "jane", email=email, **claims))).outcome

    assert isinstance(outcome, SignedIn) is linked


async def test_an_address_that_only_looks_like_somebodys_is_not_theirs(sso: Sso) -> None:
    realm, core = sso.application.realm, sso.application.core
    jim = await made_on(core, a_principal, realm=realm, email="jim@corp.example", email_verified=True)

    outcome = await sso.signed_in("mallory", email="j\u0130m@corp.example", email_verified=True)

    assert outcome.is_new
    assert outcome.principal.id != jim.id


async def test_a_domain_of_a_provider_is_known_however_it_is_written(sso: Sso) -> None:
    await sso.add("corp", email_domains=("xn--exmple-cua.example",))
    realm, core = sso.application.realm, sso.application.core
    email = "jane@ex\u00e4mple.example"
    jane = await made_on(core, a_principal, realm=realm, email=email, email_verified=True)

    url = await sso.start("corp")
    outcome = (await sso.come_back(sso.provider.sign_in(url, "jane", email=email))).outcome

    assert isinstance(outcome, SignedIn)
    assert outcome.principal.id == jane.id


async def test_nobody_new_is_taken_where_registration_is_closed(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, registration_open=False)
    closed = await Sso.of(application)

    assert await closed.denied("jane", email=an_email(), email_verified=True) == "registration_closed"

    email = an_email()
    await made_on(uncommitted, a_principal, realm=application.realm, email=email, email_verified=True)
    assert not (await closed.signed_in("jane", email=email, email_verified=True)).is_new


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"email": "jane"},
        {"email": 7},
        {"email": "a@b@c.example"},
        {"email": "a\x00@b.example"},
        {"email": f"{'a' * 400}@b.example"},
    ],
)
async def test_somebody_new_needs_an_address(sso: Sso, claims: dict[str, object]) -> None:
    assert await sso.denied("jane", **claims) == "sso_failed"


@pytest.mark.parametrize("subject", ["x" * 257, "a\x00b", "two\nlines"])
async def test_a_subject_that_cannot_be_kept_is_nobody(sso: Sso, subject: str) -> None:
    assert await sso.denied(subject, email=an_email()) == "sso_failed"


async def test_another_realm_does_not_know_them(sso: Sso, uncommitted: Core) -> None:
    other = Sso(await Application.on(uncommitted), sso.provider, sso.network)
    await other.add()
    email = an_email()

    here = await sso.signed_in("jane", email=email, email_verified=True)
    there = await other.signed_in("jane", email=email, email_verified=True)

    assert there.is_new
    assert here.principal.id != there.principal.id


async def test_a_provider_that_is_added_again_knows_its_people_and_another_does_not(sso: Sso) -> None:
    known = await sso.signed_in("jane", email=an_email(), email_verified=True)
    realm_id = sso.application.realm.id
    await sso.application.do(remove_identity_provider, WhichProvider(realm_id, "google"))
    await sso.add()
    assert (await sso.signed_in("jane")).principal.id == known.principal.id

    await sso.application.do(remove_identity_provider, WhichProvider(realm_id, "google"))
    impostor = replace(sso, provider=replace(sso.provider, issuer="https://other.example"))
    impostor.network = impostor.provider.network()
    await impostor.add()
    assert (await impostor.signed_in("jane", email=an_email())).principal.id != known.principal.id


async def test_whoever_is_switched_off_is_not_let_in(sso: Sso) -> None:
    principal = (await sso.signed_in("jane", email=an_email())).principal
    off = SetStatus(principal.realm_id, principal.id, PrincipalStatus.DISABLED)
    await sso.application.do(set_status, off)

    assert await sso.denied("jane") == "account_disabled"


async def test_whoever_is_locked_out_is_not_let_in_and_not_told_of_a_password(sso: Sso) -> None:
    principal = (await sso.signed_in("jane", email=an_email())).principal
    lock = LockPrincipal(principal.realm_id, principal.id, "tests")
    await sso.application.do(lock_principal, lock)

    outcome = (await sso.sign_in("jane")).outcome

    assert outcome == SsoDenied("access_denied", "The account cannot be signed in to at the moment")


async def test_a_second_factor_is_asked_for_as_after_a_password(sso: Sso) -> None:
    await sso.application.with_totp(await sso.signed_in("jane", email=an_email()))

    outcome = (await sso.sign_in("jane")).outcome

    assert isinstance(outcome, StepRequired)
    assert outcome.methods == ("totp",)


# --- the state ---


async def test_a_state_works_once_whatever_came_of_it(sso: Sso) -> None:
    for claims in ({"email": an_email()}, {"nonce": "another"}):
        query = sso.provider.sign_in(await sso.start(), "jane", **claims)
        await sso.come_back(query)

        with pytest.raises(SsoFailed):
            await sso.come_back(query)


async def test_a_state_works_for_ten_minutes(sso: Sso) -> None:
    query = sso.provider.sign_in(await sso.start(), "jane", email=an_email(), exp=sso.provider.now + 3600)
    sso.application.move_clock(seconds=599)
    assert isinstance((await sso.come_back(query)).outcome, SignedIn)

    query = sso.provider.sign_in(await sso.start(), "jane", exp=sso.provider.now + 3600)
    sso.application.move_clock(seconds=600)
    with pytest.raises(SsoFailed):
        await sso.come_back(query)


@pytest.mark.parametrize("state", ["", "x", "x" * 43, "é", "\x00"])
async def test_a_state_that_nobody_was_given_leads_nowhere(sso: Sso, state: str) -> None:
    query = sso.provider.sign_in(await sso.start(), "jane", email=an_email())

    with pytest.raises(SsoFailed):
        await sso.come_back({"code": query["code"], "RelayState": state})


async def test_a_code_does_not_go_with_the_state_of_another_browser(sso: Sso) -> None:
    mine = sso.provider.sign_in(await sso.start(), "mallory", email=an_email())
    theirs = sso.provider.sign_in(await sso.start(), "jane", email=an_email())

    finished = await sso.come_back({"code": theirs["code"], "state": mine["state"]})

    assert isinstance(finished.outcome, SsoDenied)
    assert finished.outcome.error == "sso_failed"
    assert await sso.reasons() == ['{"reason": "id_token_claims_invalid", "provider": "google"}']


# --- what goes wrong ---


async def test_nobody_is_sent_to_a_page_that_is_not_the_applications(sso: Sso) -> None:
    with pytest.raises(RedirectNotAllowed):
        await sso.start(redirect_url="https://mallory.example/")


async def test_a_provider_that_the_realm_does_not_have_is_unknown(sso: Sso) -> None:
    with pytest.raises(IdentityProviderUnknown):
        await sso.start("okta")


async def test_a_provider_that_does_not_answer_at_the_start_is_told_at_once(sso: Sso) -> None:
    sso.network = sso.provider.network()
    sso.provider.reachable = False

    with pytest.raises(Unavailable):
        await sso.start()


async def test_a_provider_that_does_not_answer_in_the_end_is_told_to_the_application(sso: Sso) -> None:
    query = sso.provider.sign_in(await sso.start(), "jane", email=an_email())
    sso.provider.reachable = False

    finished = await sso.come_back(query)

    assert (finished.redirect_url, finished.outcome) == (
        HOME,
        SsoDenied("unavailable", "The identity provider does not answer"),
    )


async def test_a_provider_that_is_switched_off_meanwhile_lets_nobody_in(sso: Sso) -> None:
    query = sso.provider.sign_in(await sso.start(), "jane", email=an_email())
    off = SetProviderActive(sso.application.realm.id, "google", active=False)
    await sso.application.do(set_provider_active, off)

    outcome = (await sso.come_back(query)).outcome

    assert isinstance(outcome, SsoDenied)
    assert outcome.error == "identity_provider_unknown"


async def test_another_provider_by_the_same_name_does_not_finish_what_the_first_began(
    sso: Sso, saml: SamlProvider
) -> None:
    query = sso.provider.sign_in(await sso.start(), "jane", email=an_email())
    which = WhichProvider(sso.application.realm.id, "google")
    await sso.application.do(remove_identity_provider, which)
    await sso.add("google", saml)

    outcome = (await sso.come_back(query)).outcome

    assert isinstance(outcome, SsoDenied)
    assert outcome.error == "identity_provider_unknown"


async def test_who_gives_up_is_sent_back_with_that(sso: Sso) -> None:
    query = sso.provider.sign_in(await sso.start(state="s"), "jane", email=an_email())

    finished = await sso.come_back(query, refused=True)

    assert finished.caller_state == "s"
    assert finished.outcome == SsoDenied("access_denied", "The identity provider signed nobody in")
    assert await sso.reasons() == ['{"reason": "provider_refused", "provider": "google"}']


# --- SAML ---


@pytest.fixture
async def saml(sso: Sso) -> SamlProvider:
    now = sso.application.core.clock.now()
    certificate = make_certificate(provider_key(), valid_from=now - timedelta(days=1))
    provider = SamlProvider("https://saml.example", "https://saml.example/sso", (pem_of(certificate),))
    await sso.add("corp", provider)
    return provider


async def a_response(sso: Sso, saml: SamlProvider, url: str, assertion_id: str = "_1") -> dict[str, str]:
    """The form that a browser posts that was sent to *url*, once jane signed in."""
    query = dict(parse_qsl(urlsplit(url).query))
    request = zlib.decompress(base64.b64decode(query["SAMLRequest"]), -15).decode()
    (request_id,) = [part[4:-1] for part in request.split() if part.startswith('ID="')]
    now, us = sso.application.core.clock.now(), relying_party(sso.application.core.settings)
    made = Made(
        instant=now,
        issuer=saml.issuer,
        destination=us.callback_url,
        recipient=us.callback_url,
        response_to=request_id,
        in_response_to=request_id,
        assertion_id=assertion_id,
        not_before=now,
        not_on_or_after=now + timedelta(minutes=5),
        ends=f'NotOnOrAfter="{saml_time(now + timedelta(minutes=5))}"',
        audiences=f"<saml:AudienceRestriction><saml:Audience>{us.entity_id}</saml:Audience>"
        "</saml:AudienceRestriction>",
        email=an_email(),
    )
    document = base64.b64encode(made.document()).decode()
    return {"SAMLResponse": document, "RelayState": query["RelayState"]}


async def test_a_saml_provider_signs_people_in(sso: Sso, saml: SamlProvider) -> None:
    outcome = (await sso.come_back(await a_response(sso, saml, await sso.start("corp")))).outcome

    assert isinstance(outcome, SignedIn)
    assert outcome.is_new
    assert not outcome.principal.email_verified


async def test_an_assertion_counts_once(sso: Sso, saml: SamlProvider) -> None:
    """Even if a provider answered two requests with one assertion."""
    first = await a_response(sso, saml, await sso.start("corp"), "_the-same")
    second = await a_response(sso, saml, await sso.start("corp"), "_the-same")
    other = await a_response(sso, saml, await sso.start("corp"), "_another")
    await sso.come_back(first)

    replayed = (await sso.come_back(second)).outcome

    assert isinstance(replayed, SsoDenied)
    assert replayed.error == "sso_failed"
    assert isinstance((await sso.come_back(other)).outcome, SignedIn)


async def test_an_assertion_does_not_go_with_the_state_of_another_browser(
    sso: Sso, saml: SamlProvider
) -> None:
    mine = await a_response(sso, saml, await sso.start("corp"))
    theirs = await a_response(sso, saml, await sso.start("corp"))

    outcome = (await sso.come_back({**theirs, "RelayState": mine["RelayState"]})).outcome

    assert isinstance(outcome, SsoDenied)
    assert await sso.reasons() == ['{"reason": "another_request", "provider": "corp"}']
