"""What an identity provider is to a realm."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from server.base.contact import ascii_domain
from server.base.secret import Secret
from server.base.settings import Settings
from server.outbound.identity_providers.model import ExternalPerson, RelyingParty
from server.outbound.identity_providers.oidc import OidcProvider
from server.outbound.identity_providers.saml import SamlProvider

CALLBACK_PATH = "/v1/auth/sso/callback"
METADATA_PATH = "/v1/auth/sso/metadata"

Provider: TypeAlias = OidcProvider | SamlProvider


class ProviderType(StrEnum):
    """What a provider speaks."""

    OIDC = "oidc"
    SAML = "saml"


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """An identity provider of a realm.

    Args:
        slug: What the realm's applications call it.
        active: While it is not, nobody signs in with it.
        provider: Whom to ask, and how.
        email_domains: Where the provider decides whose an address is: one of these domains counts as
            verified if the provider says nothing else.
    """

    id: UUID
    realm_id: UUID
    slug: str
    type: ProviderType
    active: bool
    provider: Provider
    email_domains: tuple[str, ...]
    created_at: datetime
    updated_at: datetime

    def verifies(self, person: ExternalPerson) -> bool:
        """Whether the address of *person* is theirs, by the provider's word."""
        if person.email is None:
            return False
        if person.email_verified is not None:
            return person.email_verified
        return ascii_domain(person.email.rpartition("@")[2]) in self.email_domains


@dataclass(frozen=True, slots=True)
class StoredProvider:
    """An identity provider as its row has it."""

    id: UUID
    realm_id: UUID
    slug: str
    type: ProviderType
    active: bool
    configuration: Mapping[str, Any]
    client_secret_sealed: bytes | None
    created_at: datetime
    updated_at: datetime


def relying_party(settings: Settings) -> RelyingParty:
    """What providers know this instance by."""
    return RelyingParty(settings.base_url + CALLBACK_PATH, settings.base_url + METADATA_PATH)


def type_of(provider: Provider) -> ProviderType:
    """What *provider* speaks."""
    return ProviderType.OIDC if isinstance(provider, OidcProvider) else ProviderType.SAML


def configuration_of(provider: Provider, email_domains: Iterable[str]) -> dict[str, object]:
    """What is stored of *provider*, but for its secret."""
    common: dict[str, object] = {"issuer": provider.issuer, "email_domains": list(email_domains)}
    if isinstance(provider, OidcProvider):
        return common | {"client_id": provider.client_id, "scopes": list(provider.scopes)}
    return common | {
        "sign_in_url": provider.sign_in_url,
        "certificates": list(provider.certificates),
        "entity_id": provider.entity_id,
        "email_attribute": provider.email_attribute,
    }


def provider_of(stored: StoredProvider, client_secret: Secret | None) -> ConfiguredProvider:
    """What was stored, with its secret opened."""
    said = stored.configuration
    provider: Provider
    if stored.type is ProviderType.OIDC:
        provider = OidcProvider(said["issuer"], said["client_id"], client_secret, tuple(said["scopes"]))
    else:
        provider = SamlProvider(
            said["issuer"],
            said["sign_in_url"],
            tuple(said["certificates"]),
            said["entity_id"],
            said["email_attribute"],
        )
    return ConfiguredProvider(
        id=stored.id,
        realm_id=stored.realm_id,
        slug=stored.slug,
        type=stored.type,
        active=stored.active,
        provider=provider,
        email_domains=tuple(said["email_domains"]),
        created_at=stored.created_at,
        updated_at=stored.updated_at,
    )
