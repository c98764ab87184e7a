"""Tenants: whose integrations they are."""

from typing import Self

from pydantic import Field

from server.base.errors import TenantNameTaken, TenantNotFound
from server.core.organizations import actions
from server.core.organizations.model import Tenant
from server.surfaces.ezkey_admin.bodies import Answer, ChangeBody, Description, Name
from server.surfaces.ezkey_admin.pages import PageBody, PageQuery
from server.surfaces.ezkey_admin.surface import surface
from server.surfaces.kit.body import Instant, QueryBool, StrictCamelBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import operator_key
from server.surfaces.kit.limits import OPERATIONS
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import path_id, read, read_query
from server.surfaces.kit.replying import reply


class TenantCreation(StrictCamelBody):
    """A tenant to be made."""

    name: Name
    description: Description | None = None

    def command(self) -> actions.CreateTenant:
        """What is asked for."""
        return actions.CreateTenant(self.name, self.description)


class TenantChange(ChangeBody):
    """What is new about a tenant."""

    name: Name = Field(default_factory=str)
    description: Description | None = None

    def command(self, tenant_id: int) -> actions.ChangeTenant:
        """What is asked for."""
        return actions.ChangeTenant(
            tenant_id,
            name=self.said("name", self.name),
            description=self.said("description", self.description),
        )


class TenantBody(Answer):
    """A tenant."""

    id: int
    name: str
    description: str | None
    active: bool
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """What operators see."""
        return cls(
            id=tenant.id,
            name=tenant.name,
            description=tenant.description,
            active=tenant.active,
            created_at=tenant.created_at,
            updated_at=tenant.updated_at,
        )


class TenantPage(PageBody[TenantBody]):
    """A page of tenants."""


class TenantQuery(PageQuery):
    """Which tenants; search is in name and description."""

    active: QueryBool | None = None

    def command(self) -> actions.ListTenants:
        """What is asked for."""
        return actions.ListTenants(self.page, active=self.active)


@surface.post(
    "/tenants",
    guard=operator_key,
    limit=OPERATIONS,
    takes=TenantCreation,
    gives={201: TenantBody},
    refuses=(TenantNameTaken,),
)
async def create_tenant() -> Response:
    """POST /api/v1/tenants: a new tenant, active."""
    body = await read(TenantCreation)
    tenant = await perform(actions.create_tenant, body.command())
    return reply(TenantBody.of(tenant), 201, headers=(("Location", f"/api/v1/tenants/{tenant.id}"),))


@surface.get("/tenants", guard=operator_key, limit=OPERATIONS, query=TenantQuery, gives={200: TenantPage})
async def list_tenants() -> Response:
    """GET /api/v1/tenants: the tenants, newest first."""
    query = read_query(TenantQuery)
    page = await perform_at_once(actions.list_tenants, query.command())
    return reply(TenantPage.of(page, TenantBody.of))


@surface.get(
    "/tenants/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: TenantBody},
    refuses=(TenantNotFound,),
)
async def read_tenant() -> Response:
    """GET /api/v1/tenants/{id}: one tenant."""
    return reply(TenantBody.of(await perform_at_once(actions.read_tenant, actions.ReadTenant(path_id()))))


@surface.patch(
    "/tenants/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    takes=TenantChange,
    gives={200: TenantBody},
    refuses=(TenantNotFound, TenantNameTaken),
)
async def change_tenant() -> Response:
    """PATCH /api/v1/tenants/{id}: the members that are present are changed."""
    body = await read(TenantChange)
    return reply(TenantBody.of(await perform(actions.change_tenant, body.command(path_id()))))


@surface.post(
    "/tenants/{id:int32}/deactivate",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: TenantBody},
    refuses=(TenantNotFound,),
)
async def deactivate_tenant() -> Response:
    """POST /api/v1/tenants/{id}/deactivate: nothing of the tenant can be used; open attempts expire."""
    tenant = await perform(actions.deactivate_tenant, actions.DeactivateTenant(path_id()))
    return reply(TenantBody.of(tenant))


@surface.post(
    "/tenants/{id:int32}/reactivate",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: TenantBody},
    refuses=(TenantNotFound,),
)
async def reactivate_tenant() -> Response:
    """POST /api/v1/tenants/{id}/reactivate: everything of the tenant is as it was before."""
    tenant = await perform(actions.reactivate_tenant, actions.ReactivateTenant(path_id()))
    return reply(TenantBody.of(tenant))
