"""Integrations' API keys. A secret is in the answer that made it, and in no other."""

from typing import Self

from pydantic import Field

from server.base.errors import (
    ApiKeyNotFound,
    ApiKeyRevoked,
    IntegrationInactive,
    IntegrationNotFound,
    TenantInactive,
    TooManyApiKeys,
)
from server.core.api_keys import administration as actions
from server.core.api_keys.ip_whitelist import MAX_NETWORKS, text_of
from server.core.api_keys.model import ApiKey, IssuedApiKey
from server.surfaces.ezkey_admin.bodies import Answer, ChangeBody, FutureInstant, Label
from server.surfaces.ezkey_admin.pages import PageBody, PageQuery
from server.surfaces.ezkey_admin.surface import surface
from server.surfaces.kit.body import Instant, Int32, QueryBool, QueryId, StrictCamelBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import operator_key
from server.surfaces.kit.limits import OPERATIONS
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import path_id, read, read_or_default, read_query
from server.surfaces.kit.replying import reply


class ApiKeyCreation(StrictCamelBody):
    """An API key to be made. `ipWhitelist`: addresses and CIDRs; null or empty for anywhere."""

    integration_id: Int32
    label: Label
    expires_at: FutureInstant | None = None
    ip_whitelist: list[str] | None = Field(None, max_length=MAX_NETWORKS)

    def command(self) -> actions.CreateApiKey:
        """What is asked for."""
        return actions.CreateApiKey(
            integration_id=self.integration_id,
            label=self.label,
            expires_at=self.expires_at,
            ip_whitelist=self.ip_whitelist or (),
        )


class ApiKeyChange(ChangeBody):
    """What is new about an API key. Null: it never expires; it may be used from anywhere."""

    label: Label = Field(default_factory=str)
    expires_at: FutureInstant | None = None
    ip_whitelist: list[str] | None = Field(None, max_length=MAX_NETWORKS)

    def command(self, api_key_id: int) -> actions.ChangeApiKey:
        """What is asked for."""
        return actions.ChangeApiKey(
            api_key_id,
            label=self.said("label", self.label),
            expires_at=self.said("expires_at", self.expires_at),
            ip_whitelist=self.said("ip_whitelist", self.ip_whitelist or ()),
        )


class ApiKeyRotation(StrictCamelBody):
    """For how long the old key works beside the new one; a day when left out, 0 for no longer."""

    overlap_seconds: int = Field(actions.DEFAULT_OVERLAP_SECONDS, ge=0, le=actions.MAX_OVERLAP_SECONDS)

    def command(self, api_key_id: int) -> actions.RotateApiKey:
        """What is asked for."""
        return actions.RotateApiKey(api_key_id, self.overlap_seconds)


class ApiKeyBody(Answer):
    """An API key without its secret. `active`: neither revoked nor expired. `lastUsedAt`: to the minute."""

    id: int
    tenant_id: int
    integration_id: int
    key_id: str
    label: str
    ip_whitelist: list[str]
    active: bool
    expires_at: Instant | None
    revoked_at: Instant | None
    replaced_by: int | None
    last_used_at: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """What operators see."""
        return cls(
            id=key.id,
            tenant_id=key.organization_id,
            integration_id=key.integration_id,
            key_id=key.key_id,
            label=key.label,
            ip_whitelist=[text_of(network) for network in key.ip_whitelist],
            active=key.active,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            replaced_by=key.replaced_by,
            last_used_at=key.last_used_at,
            created_at=key.created_at,
            updated_at=key.updated_at,
        )


class IssuedApiKeyBody(Answer):
    """A new API key with its secret: the password of HTTP Basic, beside the key id as user."""

    api_key: ApiKeyBody
    secret: str

    @classmethod
    def of(cls, issued: IssuedApiKey) -> Self:
        """What operators see once."""
        return cls(api_key=ApiKeyBody.of(issued.key), secret=issued.secret.reveal())


class ApiKeyPage(PageBody[ApiKeyBody]):
    """A page of API keys."""


class ApiKeyQuery(PageQuery):
    """Which API keys; search is in label and key id."""

    integration_id: QueryId | None = None
    active: QueryBool | None = None

    def command(self) -> actions.ListApiKeys:
        """What is asked for."""
        return actions.ListApiKeys(self.page, integration_id=self.integration_id, active=self.active)


@surface.post(
    "/api-keys",
    guard=operator_key,
    limit=OPERATIONS,
    takes=ApiKeyCreation,
    gives={201: IssuedApiKeyBody},
    refuses=(IntegrationNotFound, IntegrationInactive, TenantInactive, TooManyApiKeys),
)
async def create_api_key() -> Response:
    """POST /api/v1/api-keys: a new API key, with its secret this once. At most five are active at a time."""
    body = await read(ApiKeyCreation)
    issued = await perform(actions.create_api_key, body.command())
    return reply(IssuedApiKeyBody.of(issued), 201, headers=_location(issued))


@surface.get("/api-keys", guard=operator_key, limit=OPERATIONS, query=ApiKeyQuery, gives={200: ApiKeyPage})
async def list_api_keys() -> Response:
    """GET /api/v1/api-keys: the API keys, newest first."""
    query = read_query(ApiKeyQuery)
    page = await perform_at_once(actions.list_api_keys, query.command())
    return reply(ApiKeyPage.of(page, ApiKeyBody.of))


@surface.get(
    "/api-keys/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: ApiKeyBody},
    refuses=(ApiKeyNotFound,),
)
async def read_api_key() -> Response:
    """GET /api/v1/api-keys/{id}: one API key."""
    return reply(ApiKeyBody.of(await perform_at_once(actions.read_api_key, actions.ReadApiKey(path_id()))))


@surface.patch(
    "/api-keys/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    takes=ApiKeyChange,
    gives={200: ApiKeyBody},
    refuses=(ApiKeyNotFound, ApiKeyRevoked),
)
async def change_api_key() -> Response:
    """PATCH /api/v1/api-keys/{id}: the members that are present are changed."""
    body = await read(ApiKeyChange)
    return reply(ApiKeyBody.of(await perform(actions.change_api_key, body.command(path_id()))))


@surface.post(
    "/api-keys/{id:int32}/revoke",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: ApiKeyBody},
    refuses=(ApiKeyNotFound, ApiKeyRevoked),
)
async def revoke_api_key() -> Response:
    """POST /api/v1/api-keys/{id}/revoke: the key is refused from now on, for good."""
    return reply(ApiKeyBody.of(await perform(actions.revoke_api_key, actions.RevokeApiKey(path_id()))))


@surface.post(
    "/api-keys/{id:int32}/rotate",
    guard=operator_key,
    limit=OPERATIONS,
    takes=ApiKeyRotation,
    body_optional=True,
    gives={201: IssuedApiKeyBody},
    refuses=(ApiKeyNotFound, ApiKeyRevoked, IntegrationInactive, TenantInactive, TooManyApiKeys),
)
async def rotate_api_key() -> Response:
    """POST /api/v1/api-keys/{id}/rotate: a new key takes its place; the old one works for the overlap.

    The body may be left out. Both keys count against the five that may be active at a time.
    """
    body = await read_or_default(ApiKeyRotation)
    issued = await perform(actions.rotate_api_key, body.command(path_id()))
    return reply(IssuedApiKeyBody.of(issued), 201, headers=_location(issued))


def _location(issued: IssuedApiKey) -> tuple[tuple[str, str], ...]:
    return (("Location", f"/api/v1/api-keys/{issued.key.id}"),)
