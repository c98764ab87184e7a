"""Integrations: relying parties' applications, each with a key it signs with."""

from typing import Self

from pydantic import Field

from server.base.errors import (
    IntegrationNameTaken,
    IntegrationNotFound,
    TenantInactive,
    TenantNotFound,
)
from server.core.integrations import actions
from server.core.integrations.model import Integration
from server.crypto.encoding import b64url_encode
from server.crypto.signing_keys import ALGORITHM
from server.surfaces.ezkey_admin.bodies import Answer, ChangeBody, Description, Name
from server.surfaces.ezkey_admin.pages import PageBody, PageQuery
from server.surfaces.ezkey_admin.surface import surface
from server.surfaces.kit.body import Instant, Int32, QueryBool, QueryId, StrictCamelBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import operator_key
from server.surfaces.kit.limits import OPERATIONS
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import path_id, read, read_query
from server.surfaces.kit.replying import reply


class IntegrationCreation(StrictCamelBody):
    """An integration to be made. What is null is the instance's default."""

    tenant_id: Int32
    name: Name
    description: Description | None = None
    attempt_ttl_seconds: int | None = Field(None, ge=30, le=600)
    challenge_digits: int | None = Field(None, ge=2, le=6)

    def command(self) -> actions.CreateIntegration:
        """What is asked for."""
        return actions.CreateIntegration(
            tenant_id=self.tenant_id,
            name=self.name,
            description=self.description,
            attempt_ttl_seconds=self.attempt_ttl_seconds,
            challenge_digits=self.challenge_digits,
        )


class IntegrationChange(ChangeBody):
    """What is new about an integration. Null puts the instance's default back."""

    name: Name = Field(default_factory=str)
    description: Description | None = None
    attempt_ttl_seconds: int | None = Field(None, ge=30, le=600)
    challenge_digits: int | None = Field(None, ge=2, le=6)

    def command(self, integration_id: int) -> actions.ChangeIntegration:
        """What is asked for."""
        return actions.ChangeIntegration(
            integration_id,
            name=self.said("name", self.name),
            description=self.said("description", self.description),
            attempt_ttl_seconds=self.said("attempt_ttl_seconds", self.attempt_ttl_seconds),
            challenge_digits=self.said("challenge_digits", self.challenge_digits),
        )


class IntegrationBody(Answer):
    """An integration.

    The public key is the one that new enrollments are bound with: 32 bytes in Base64URL.
    """

    id: int
    tenant_id: int
    name: str
    description: str | None
    active: bool
    attempt_ttl_seconds: int | None
    challenge_digits: int | None
    public_key: str
    key_algorithm: str
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, integration: Integration) -> Self:
        """What operators see."""
        return cls(
            id=integration.id,
            tenant_id=integration.organization_id,
            name=integration.name,
            description=integration.description,
            active=integration.active,
            attempt_ttl_seconds=integration.attempt_ttl_seconds,
            challenge_digits=integration.challenge_digits,
            public_key=b64url_encode(integration.public_key),
            key_algorithm=ALGORITHM,
            created_at=integration.created_at,
            updated_at=integration.updated_at,
        )


class IntegrationPage(PageBody[IntegrationBody]):
    """A page of integrations."""


class IntegrationQuery(PageQuery):
    """Which integrations; search is in name and description."""

    tenant_id: QueryId | None = None
    active: QueryBool | None = None

    def command(self) -> actions.ListIntegrations:
        """What is asked for."""
        return actions.ListIntegrations(self.page, tenant_id=self.tenant_id, active=self.active)


@surface.post(
    "/integrations",
    guard=operator_key,
    limit=OPERATIONS,
    takes=IntegrationCreation,
    gives={201: IntegrationBody},
    refuses=(TenantNotFound, TenantInactive, IntegrationNameTaken),
)
async def create_integration() -> Response:
    """POST /api/v1/integrations: a new integration, active, with a signing key of its own."""
    body = await read(IntegrationCreation)
    made = await perform(actions.create_integration, body.command())
    return reply(IntegrationBody.of(made), 201, headers=(("Location", f"/api/v1/integrations/{made.id}"),))


@surface.get(
    "/integrations",
    guard=operator_key,
    limit=OPERATIONS,
    query=IntegrationQuery,
    gives={200: IntegrationPage},
)
async def list_integrations() -> Response:
    """GET /api/v1/integrations: the integrations, newest first."""
    query = read_query(IntegrationQuery)
    page = await perform_at_once(actions.list_integrations, query.command())
    return reply(IntegrationPage.of(page, IntegrationBody.of))


@surface.get(
    "/integrations/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: IntegrationBody},
    refuses=(IntegrationNotFound,),
)
async def read_integration() -> Response:
    """GET /api/v1/integrations/{id}: one integration."""
    integration = await perform_at_once(actions.read_integration, actions.ReadIntegration(path_id()))
    return reply(IntegrationBody.of(integration))


@surface.patch(
    "/integrations/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    takes=IntegrationChange,
    gives={200: IntegrationBody},
    refuses=(IntegrationNotFound, IntegrationNameTaken),
)
async def change_integration() -> Response:
    """PATCH /api/v1/integrations/{id}: the members that are present are changed."""
    body = await read(IntegrationChange)
    return reply(IntegrationBody.of(await perform(actions.change_integration, body.command(path_id()))))


@surface.post(
    "/integrations/{id:int32}/deactivate",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: IntegrationBody},
    refuses=(IntegrationNotFound,),
)
async def deactivate_integration() -> Response:
    """POST /api/v1/integrations/{id}/deactivate: its keys and enrollments are refused; attempts expire."""
    integration = await perform(actions.deactivate_integration, actions.DeactivateIntegration(path_id()))
    return reply(IntegrationBody.of(integration))


@surface.post(
    "/integrations/{id:int32}/reactivate",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: IntegrationBody},
    refuses=(IntegrationNotFound,),
)
async def reactivate_integration() -> Response:
    """POST /api/v1/integrations/{id}/reactivate: its keys and enrollments are as they were before."""
    integration = await perform(actions.reactivate_integration, actions.ReactivateIntegration(path_id()))
    return reply(IntegrationBody.of(integration))


@surface.post(
    "/integrations/{id:int32}/rotate-signing-key",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: IntegrationBody},
    refuses=(IntegrationNotFound,),
)
async def rotate_signing_key() -> Response:
    """POST /api/v1/integrations/{id}/rotate-signing-key: new enrollments are bound with a new key.

    Enrollments that were bound before keep the key that their phones know.
    """
    integration = await perform(actions.rotate_signing_key, actions.RotateSigningKey(path_id()))
    return reply(IntegrationBody.of(integration))
