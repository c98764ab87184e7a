"""countersign admin attempts: how they went."""

from typing import Annotated

import typer

from server.commands.options import FIRST_PAGE, AsJson, Id, Limit, Offset, Search, page_of
from server.commands.performing import perform
from server.commands.showing import show, show_page
from server.core.auth_attempts import administration as actions
from server.core.auth_attempts.model import AttemptStatus
from server.surfaces.ezkey_admin.auth_attempts import AttemptPage, AttemptRecordBody

app = typer.Typer(no_args_is_help=True, help="Attempts: what phones were asked, and what came of it.")

COLUMNS = ("id", "integrationId", "enrollmentId", "status", "contextTitle", "createdAt", "endedAt")


@app.command("list")
def list_attempts(
    integration: Annotated[
        int | None, typer.Option(show_default=False, help="Only of this integration.")
    ] = None,
    enrollment: Annotated[
        int | None, typer.Option(show_default=False, help="Only of this enrollment.")
    ] = None,
    status: AttemptStatus | None = None,
    search: Search = "",
    limit: Limit = FIRST_PAGE,
    offset: Offset = 0,
    *,
    json: AsJson = False,
) -> None:
    """List attempts, newest first."""
    command = actions.ListAttempts(page_of(search, limit, offset), integration, enrollment, status)
    page = perform(actions.list_attempts, command)
    show_page(AttemptPage.of(page, AttemptRecordBody.of), COLUMNS, as_json=json)


@app.command("show")
def read_attempt(attempt_id: Id, *, json: AsJson = False) -> None:
    """Show an attempt, without its challenge."""
    show(AttemptRecordBody.of(perform(actions.read_attempt, actions.ReadAttempt(attempt_id))), as_json=json)
