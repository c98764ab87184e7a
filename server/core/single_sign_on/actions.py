"""What operators do with the identity providers of a realm."""

import re
from dataclasses import dataclass
from uuid import UUID

from server.base import ids
from server.base.errors import IdentityProviderUnknown, InvalidFields
from server.base.secret import Secret
from server.core.audit.events import Event
from server.core.realms.actions import read_realm
from server.core.single_sign_on import store
from server.core.single_sign_on.model import (
    ConfiguredProvider,
    Provider,
    StoredProvider,
    configuration_of,
    provider_of,
    type_of,
)
from server.core.work import Work, prepared
from server.outbound.identity_providers.failures import ProviderFailure
from server.outbound.identity_providers.network import ProviderNetwork
from server.outbound.identity_providers.oidc import OidcProvider

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")


@dataclass(frozen=True, slots=True)
class AddIdentityProvider:
    """A provider for the people of a realm.

    Args:
        slug: What applications call it: 1 to 63 lower-case letters, digits and inner hyphens.
        provider: Whom to ask, and how.
        email_domains: Where the provider decides whose an address is; see `ConfiguredProvider`.
        network: The way to it: it is asked before it is taken.
    """

    realm_id: UUID
    slug: str
    provider: Provider
    email_domains: tuple[str, ...]
    network: ProviderNetwork


@dataclass(frozen=True, slots=True)
class WhichProvider:
    """The provider of this name."""

    realm_id: UUID
    slug: str


@dataclass(frozen=True, slots=True)
class SetProviderActive:
    """Whether people can sign in with the provider of this name."""

    realm_id: UUID
    slug: str
    active: bool


async def _checked(work: Work, command: AddIdentityProvider) -> AddIdentityProvider:
    """The command, whose provider answers as one.

    Raises:
        InvalidFields: It does not, or a name or domain is none.
    """
    del work
    wrong: dict[str, str] = {}
    if not _SLUG.fullmatch(command.slug):
        wrong["slug"] = "must be 1 to 63 lower-case letters, digits and inner hyphens"
    if not all(map(_DOMAIN.fullmatch, command.email_domains)):
        wrong["email_domains"] = "must be domain names in lower case, such as example.com"
    if wrong:
        raise InvalidFields(fields=wrong)
    try:
        await command.provider.check(command.network)
    except ProviderFailure as failure:
        raise InvalidFields(fields={"provider": f"cannot be used ({failure})"}) from failure
    return command


@prepared(_checked)
async def add_identity_provider(work: Work, command: AddIdentityProvider) -> ConfiguredProvider:
    """People of the realm can sign in with the provider. It is asked first, holding no connection.

    Raises:
        RealmNotFound: There is no such realm.
        InvalidFields: A name or domain is none, or the provider does not answer as one.
        IdentityProviderTaken: The realm has one of this name.
    """
    realm = await read_realm(work, command.realm_id)
    provider_id = ids.new_uid()
    secret = command.provider.client_secret if isinstance(command.provider, OidcProvider) else None
    await store.insert_provider(
        work.conn,
        provider_id,
        realm.id,
        slug=command.slug,
        type_=type_of(command.provider),
        configuration=configuration_of(command.provider, command.email_domains),
        client_secret_sealed=_seal(work, provider_id, secret),
        now=work.now,
    )
    configured = await read_identity_provider(work, WhichProvider(realm.id, command.slug))
    await _record(work, "added", configured)
    return configured


async def list_identity_providers(work: Work, realm_id: UUID) -> tuple[ConfiguredProvider, ...]:
    """The realm's providers by name.

    Raises:
        RealmNotFound: There is no such realm.
    """
    realm = await read_realm(work, realm_id)
    return tuple(_opened(work, stored) for stored in await store.select_providers(work.conn, realm.id))


async def read_identity_provider(work: Work, command: WhichProvider) -> ConfiguredProvider:
    """The provider, active or not.

    Raises:
        IdentityProviderUnknown: The realm has none of this name.
    """
    stored = await store.select_provider(work.conn, command.realm_id, command.slug)
    if stored is None:
        raise IdentityProviderUnknown
    return _opened(work, stored)


async def find_active_provider(work: Work, command: WhichProvider) -> ConfiguredProvider:
    """The provider, which people can sign in with.

    Raises:
        IdentityProviderUnknown: The realm has none of this name, or it is switched off.
    """
    configured = await read_identity_provider(work, command)
    if not configured.active:
        raise IdentityProviderUnknown
    return configured


async def set_provider_active(work: Work, command: SetProviderActive) -> ConfiguredProvider:
    """People can sign in with the provider, or cannot. Sessions that were opened go on.

    Raises:
        IdentityProviderUnknown: The realm has none of this name.
    """
    changed = await store.update_provider_active(
        work.conn, command.realm_id, command.slug, active=command.active, now=work.now
    )
    configured = await read_identity_provider(work, WhichProvider(command.realm_id, command.slug))
    if changed:
        await _record(work, "activated" if command.active else "deactivated", configured)
    return configured


async def remove_identity_provider(work: Work, command: WhichProvider) -> None:
    """The realm has no such provider. Who was whom there is remembered, for one of the same issuer.

    Raises:
        IdentityProviderUnknown: The realm has none of this name.
    """
    configured = await read_identity_provider(work, command)
    if await store.delete_provider(work.conn, command.realm_id, command.slug):
        await _record(work, "removed", configured)


async def _record(work: Work, what: str, configured: ConfiguredProvider) -> None:
    realm = await read_realm(work, configured.realm_id)
    work.record(
        Event(
            f"identity_provider.{what}",
            "identity_provider",
            str(configured.id),
            realm.organization_id,
            data={"slug": configured.slug, "type": configured.type},
            realm_id=realm.id,
        )
    )


def _purpose(provider_id: UUID) -> str:
    return f"identity_providers.client_secret:{provider_id}"


def _seal(work: Work, provider_id: UUID, secret: Secret | None) -> bytes | None:
    return None if secret is None else work.keys.seal(secret.reveal().encode(), _purpose(provider_id))


def _opened(work: Work, stored: StoredProvider) -> ConfiguredProvider:
    sealed = stored.client_secret_sealed
    if sealed is None:
        return provider_of(stored, None)
    return provider_of(stored, Secret(work.keys.open(sealed, _purpose(stored.id)).decode()))
