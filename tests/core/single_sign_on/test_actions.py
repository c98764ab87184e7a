from dataclasses import replace
from datetime import UTC, datetime

import pytest

from server.base.errors import IdentityProviderTaken, IdentityProviderUnknown, InvalidFields, RealmNotFound
from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.realms.model import Realm
from server.core.single_sign_on.actions import (
    AddIdentityProvider,
    SetProviderActive,
    WhichProvider,
    add_identity_provider,
    find_active_provider,
    list_identity_providers,
    read_identity_provider,
    remove_identity_provider,
    set_provider_active,
)
from server.core.single_sign_on.model import ConfiguredProvider, Provider, ProviderType
from server.core.work import Work
from server.outbound.identity_providers.oidc import OidcProvider
from server.outbound.identity_providers.saml import SamlProvider
from tests.support.accounts import a_realm
from tests.support.identity_providers.made_provider import MadeOpenIdProvider
from tests.support.work import event_names, later

SAML = SamlProvider(
    "https://saml.example",
    "https://saml.example/sso",
    ("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n",),
    entity_id="urn:us",
    email_attribute="mail",
)


@pytest.fixture
def made() -> MadeOpenIdProvider:
    return MadeOpenIdProvider(int(datetime.now(UTC).timestamp()))


@pytest.fixture
async def realm(work: Work) -> Realm:
    realm = await a_realm(work)
    work.events.clear()
    return realm


async def add(
    work: Work,
    made: MadeOpenIdProvider,
    realm: Realm,
    slug: str = "google",
    provider: Provider | None = None,
    email_domains: tuple[str, ...] = (),
) -> ConfiguredProvider:
    command = AddIdentityProvider(realm.id, slug, provider or made.client, email_domains, made.network())
    return await add_identity_provider(work, command)


async def test_an_openid_provider_is_kept_as_it_was_said(
    work: Work, made: MadeOpenIdProvider, realm: Realm
) -> None:
    said = replace(made.client, client_secret=Secret("s3cr3t"), scopes=("openid", "email", "profile"))

    added = await add(work, made, realm, provider=said, email_domains=("example.com",))

    assert added == replace(
        await find_active_provider(work, WhichProvider(realm.id, "google")), provider=added.provider
    )
    assert (added.slug, added.type, added.active) == ("google", ProviderType.OIDC, True)
    assert added.email_domains == ("example.com",)
    kept = added.provider
    assert isinstance(kept, OidcProvider)
    assert kept.client_secret is not None
    assert replace(kept, client_secret=None) == replace(said, client_secret=None)
    assert kept.client_secret.reveal() == "s3cr3t"
    assert event_names(work) == ["identity_provider.added"]
    assert work.events[0].realm_id == realm.id


async def test_a_saml_provider_is_kept_as_it_was_said(
    work: Work, made: MadeOpenIdProvider, realm: Realm
) -> None:
    added = await add(work, made, realm, "corp", SAML)

    assert (added.type, added.provider) == (ProviderType.SAML, SAML)
    assert made.asked == []


async def test_the_client_secret_is_sealed_for_its_own_row(
    work: Work, made: MadeOpenIdProvider, realm: Realm
) -> None:
    added = await add(work, made, realm, provider=replace(made.client, client_secret=Secret("s3cr3t")))

    row = await work.conn.fetchrow("SELECT * FROM identity_providers WHERE id = $1", added.id)
    assert row is not None
    assert "s3cr3t" not in str(dict(row))
    opened = work.keys.open(row["client_secret_sealed"], f"identity_providers.client_secret:{added.id}")
    assert opened == b"s3cr3t"


async def test_a_provider_that_does_not_answer_is_not_taken(
    work: Work, made: MadeOpenIdProvider, realm: Realm
) -> None:
    made.reachable = False

    with pytest.raises(InvalidFields) as refused:
        await add(work, made, realm)

    assert refused.value.fields == {"provider": "cannot be used (no_answer: no connection: ConnectError)"}
    assert await list_identity_providers(work, realm.id) == ()


async def test_a_provider_must_be_reached_over_https(
    work: Work, made: MadeOpenIdProvider, realm: Realm
) -> None:
    for provider in (
        OidcProvider("http://idp.example", "us"),
        replace(SAML, sign_in_url="http://saml.example/sso"),
    ):
        with pytest.raises(InvalidFields):
            await add(work, made, realm, provider=provider)


@pytest.mark.parametrize("slug", ["", "Google", "-a", "a-", "a b", "a/b", "x" * 64, "é"])
async def test_a_name_that_cannot_be_in_a_query_is_refused(
    work: Work, made: MadeOpenIdProvider, realm: Realm, slug: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await add(work, made, realm, slug)

    assert list(refused.value.fields) == ["slug"]


@pytest.mark.parametrize("domain", ["", "com", "Example.com", "@example.com", "a b.com", "*.example.com"])
async def test_a_domain_that_is_none_is_refused(
    work: Work, made: MadeOpenIdProvider, realm: Realm, domain: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await add(work, made, realm, email_domains=("example.com", domain))

    assert list(refused.value.fields) == ["email_domains"]


async def test_a_name_is_taken_once_in_a_realm(work: Work, made: MadeOpenIdProvider, realm: Realm) -> None:
    await add(work, made, realm)
    await add(work, made, await a_realm(work))

    with pytest.raises(IdentityProviderTaken):
        await add(work, made, realm)


async def test_providers_are_listed_by_name_for_their_realm_alone(
    work: Work, made: MadeOpenIdProvider, realm: Realm
) -> None:
    await add(work, made, realm, "okta")
    await add(work, made, realm, "google")
    await add(work, made, await a_realm(work), "azure")

    assert [each.slug for each in await list_identity_providers(work, realm.id)] == ["google", "okta"]
    with pytest.raises(RealmNotFound):
        await list_identity_providers(work, new_uid())


async def test_a_provider_that_is_switched_off_is_there_for_operators_alone(
    work: Work, made: MadeOpenIdProvider, realm: Realm
) -> None:
    await add(work, made, realm)
    which = WhichProvider(realm.id, "google")
    afterwards = later(work, seconds=1)

    off = await set_provider_active(afterwards, SetProviderActive(realm.id, "google", active=False))
    await set_provider_active(afterwards, SetProviderActive(realm.id, "google", active=False))

    assert not off.active
    assert off.updated_at == afterwards.now
    assert not (await read_identity_provider(work, which)).active
    assert event_names(afterwards) == ["identity_provider.deactivated"]
    with pytest.raises(IdentityProviderUnknown):
        await find_active_provider(work, which)

    assert (await set_provider_active(afterwards, SetProviderActive(realm.id, "google", active=True))).active
    assert event_names(afterwards)[1:] == ["identity_provider.activated"]


async def test_a_removed_provider_is_gone(work: Work, made: MadeOpenIdProvider, realm: Realm) -> None:
    await add(work, made, realm)

    await remove_identity_provider(work, WhichProvider(realm.id, "google"))

    assert await list_identity_providers(work, realm.id) == ()
    assert event_names(work) == ["identity_provider.added", "identity_provider.removed"]


@pytest.mark.parametrize("slug", ["nobody", "google"])
async def test_another_realms_provider_is_unknown(
    work: Work, made: MadeOpenIdProvider, realm: Realm, slug: str
) -> None:
    await add(work, made, await a_realm(work))

    for action, command in (
        (read_identity_provider, WhichProvider(realm.id, slug)),
        (find_active_provider, WhichProvider(realm.id, slug)),
        (remove_identity_provider, WhichProvider(realm.id, slug)),
        (set_provider_active, SetProviderActive(realm.id, slug, active=False)),
    ):
        with pytest.raises(IdentityProviderUnknown):
            await action(work, command)  # type: ignore[arg-type]  # each has its own command
