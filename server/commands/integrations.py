"""countersign admin integrations: relying parties' applications."""

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
    changed_number,
    changed_text,
    page_of,
)
from server.commands.performing import perform
from server.commands.showing import show, show_page
from server.core.integrations import actions
from server.surfaces.ezkey_admin.integrations import IntegrationBody, IntegrationPage

app = typer.Typer(no_args_is_help=True, help="Integrations: relying parties' applications.")

COLUMNS = ("id", "tenantId", "name", "description", "active", "createdAt")

Name = Annotated[str, typer.Argument(show_default=False, help="1 to 100 characters; phones show it.")]
Tenant = Annotated[int, typer.Option("--tenant", show_default=False, help="The id of its tenant.")]
OfTenant = Annotated[int | None, typer.Option("--tenant", show_default=False, help="Only of this tenant.")]
Seconds = Annotated[
    int | None, typer.Option(show_default=False, help="How long an attempt can be answered, 30 to 600.")
]
Digits = Annotated[int | None, typer.Option(show_default=False, help="How long a challenge is, 2 to 6.")]
NewSeconds = Annotated[
    str | None, typer.Option(show_default=False, help="30 to 600, or `default` for the instance's.")
]
NewDigits = Annotated[
    str | None, typer.Option(show_default=False, help="2 to 6, or `default` for the instance's.")
]


@app.command("create")
def create_integration(
    name: Name,
    tenant: Tenant,
    description: str | None = None,
    attempt_ttl_seconds: Seconds = None,
    challenge_digits: Digits = None,
    *,
    json: AsJson = False,
) -> None:
    """Make an integration, with a signing key of its own."""
    command = actions.CreateIntegration(
        tenant_id=tenant,
        name=name,
        description=description,
        attempt_ttl_seconds=attempt_ttl_seconds,
        challenge_digits=challenge_digits,
    )
    show(IntegrationBody.of(perform(actions.create_integration, command)), as_json=json)


@app.command("list")
def list_integrations(
    tenant: OfTenant = None,
    search: Search = "",
    limit: Limit = FIRST_PAGE,
    offset: Offset = 0,
    *,
    active: Active = None,
    json: AsJson = False,
) -> None:
    """List integrations, newest first."""
    command = actions.ListIntegrations(page_of(search, limit, offset), tenant_id=tenant, active=active)
    page = perform(actions.list_integrations, command)
    show_page(IntegrationPage.of(page, IntegrationBody.of), COLUMNS, as_json=json)


@app.command("show")
def read_integration(integration_id: Id, *, json: AsJson = False) -> None:
    """Show an integration."""
    integration = perform(actions.read_integration, actions.ReadIntegration(integration_id))
    show(IntegrationBody.of(integration), as_json=json)


@app.command("change")
def change_integration(
    integration_id: Id,
    name: Annotated[str | None, typer.Option(show_default=False, help="Its new name.")] = None,
    description: Annotated[
        str | None, typer.Option(show_default=False, help='Its new description; "" for none.')
    ] = None,
    attempt_ttl_seconds: NewSeconds = None,
    challenge_digits: NewDigits = None,
    *,
    json: AsJson = False,
) -> None:
    """Change what the options name."""
    command = actions.ChangeIntegration(
        integration_id,
        name=changed_text(name),
        description=changed_text(description),
        attempt_ttl_seconds=changed_number(attempt_ttl_seconds),
        challenge_digits=changed_number(challenge_digits),
    )
    show(IntegrationBody.of(perform(actions.change_integration, command)), as_json=json)


@app.command("deactivate")
def deactivate_integration(integration_id: Id, *, json: AsJson = False) -> None:
    """Refuse its keys and enrollments; its open attempts expire."""
    integration = perform(actions.deactivate_integration, actions.DeactivateIntegration(integration_id))
    show(IntegrationBody.of(integration), as_json=json)


@app.command("reactivate")
def reactivate_integration(integration_id: Id, *, json: AsJson = False) -> None:
    """Let its keys and enrollments be used as before."""
    integration = perform(actions.reactivate_integration, actions.ReactivateIntegration(integration_id))
    show(IntegrationBody.of(integration), as_json=json)


@app.command("rotate-signing-key")
def rotate_signing_key(integration_id: Id, *, json: AsJson = False) -> None:
    """Bind new enrollments with a new key; phones enrolled before keep the one they know."""
    integration = perform(actions.rotate_signing_key, actions.RotateSigningKey(integration_id))
    show(IntegrationBody.of(integration), as_json=json)
