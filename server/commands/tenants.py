"""countersign admin tenants: whose integrations they are."""

from typing import Annotated

import typer

from server.commands.options import (
    FIRST_PAGE,
    Active,
    AsJson,
    Id,
    Limit,
    Offset,
    Search,
    changed_text,
    page_of,
)
from server.commands.performing import perform
from server.commands.showing import show, show_page
from server.core.organizations import actions
from server.surfaces.ezkey_admin.tenants import TenantBody, TenantPage

app = typer.Typer(no_args_is_help=True, help="Tenants: whose integrations they are.")

COLUMNS = ("id", "name", "description", "active", "createdAt")

Name = Annotated[str, typer.Argument(show_default=False, help="1 to 100 characters; phones show it.")]


@app.command("create")
def create_tenant(name: Name, description: str | None = None, *, json: AsJson = False) -> None:
    """Make a tenant."""
    tenant = perform(actions.create_tenant, actions.CreateTenant(name, description))
    show(TenantBody.of(tenant), as_json=json)


@app.command("list")
def list_tenants(
    search: Search = "",
    limit: Limit = FIRST_PAGE,
    offset: Offset = 0,
    *,
    active: Active = None,
    json: AsJson = False,
) -> None:
    """List tenants, newest first."""
    page = perform(actions.list_tenants, actions.ListTenants(page_of(search, limit, offset), active=active))
    show_page(TenantPage.of(page, TenantBody.of), COLUMNS, as_json=json)


@app.command("show")
def read_tenant(tenant_id: Id, *, json: AsJson = False) -> None:
    """Show a tenant."""
    show(TenantBody.of(perform(actions.read_tenant, actions.ReadTenant(tenant_id))), as_json=json)


@app.command("change")
def change_tenant(
    tenant_id: Id,
    name: Annotated[str | None, typer.Option(show_default=False, help="Its new name.")] = None,
    description: Annotated[
        str | None, typer.Option(show_default=False, help='Its new description; "" for none.')
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Change what the options name."""
    command = actions.ChangeTenant(tenant_id, name=changed_text(name), description=changed_text(description))
    show(TenantBody.of(perform(actions.change_tenant, command)), as_json=json)


@app.command("deactivate")
def deactivate_tenant(tenant_id: Id, *, json: AsJson = False) -> None:
    """Let nothing of the tenant be used; its open attempts expire."""
    tenant = perform(actions.deactivate_tenant, actions.DeactivateTenant(tenant_id))
    show(TenantBody.of(tenant), as_json=json)


@app.command("reactivate")
def reactivate_tenant(tenant_id: Id, *, json: AsJson = False) -> None:
    """Let everything of the tenant be used as before."""
    tenant = perform(actions.reactivate_tenant, actions.ReactivateTenant(tenant_id))
    show(TenantBody.of(tenant), as_json=json)
