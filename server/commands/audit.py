"""countersign admin audit: what happened."""

from typing import Annotated

import typer

from server.commands.options import FIRST_PAGE, AsJson, Limit, Offset, Search, page_of
from server.commands.performing import perform
from server.commands.showing import show_page
from server.core.audit.actions import ListAuditEvents, list_audit_events
from server.surfaces.ezkey_admin.audit_events import AuditEventBody, AuditEventPage

app = typer.Typer(no_args_is_help=True, help="What happened: one event for each change.")

COLUMNS = ("at", "event", "result", "targetKind", "targetId", "actorKind", "actorId", "surface", "data")


@app.command("list")
def list_events(
    target_kind: Annotated[
        str | None, typer.Option(show_default=False, help="Only of such things: tenant, enrollment, …")
    ] = None,
    target_id: Annotated[
        str | None, typer.Option(show_default=False, help="Only of the thing with this id.")
    ] = None,
    search: Search = "",
    limit: Limit = FIRST_PAGE,
    offset: Offset = 0,
    *,
    json: AsJson = False,
) -> None:
    """List events, newest first; search is in their names."""
    command = ListAuditEvents(page_of(search, limit, offset), target_kind, target_id)
    page = perform(list_audit_events, command)
    show_page(AuditEventPage.of(page, AuditEventBody.of), COLUMNS, as_json=json)
