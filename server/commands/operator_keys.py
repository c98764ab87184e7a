"""countersign admin operator-keys: what operators show to the HTTP API."""

from typing import Annotated

import typer

from server.commands.options import (
    FIRST_PAGE,
    Active,
    AsJson,
    ExpiresAt,
    Id,
    Limit,
    Offset,
    Search,
    instant_of,
    page_of,
)
from server.commands.performing import perform
from server.commands.showing import show, show_page, show_with_secrets
from server.core.api_keys import operator_keys as actions
from server.surfaces.ezkey_admin.operator_keys import (
    IssuedOperatorKeyBody,
    OperatorKeyBody,
    OperatorKeyPage,
)

app = typer.Typer(no_args_is_help=True, help="Operator keys: what operators show to the HTTP API.")

COLUMNS = ("id", "keyId", "label", "active", "expiresAt", "lastUsedAt")

Label = Annotated[str, typer.Argument(show_default=False, help="What it is known by, 1 to 100 characters.")]


@app.command("create")
def create_operator_key(label: Label, expires_at: ExpiresAt = None, *, json: AsJson = False) -> None:
    """Make an operator key; it is shown this once."""
    command = actions.CreateOperatorKey(label, instant_of(expires_at))
    body = IssuedOperatorKeyBody.of(perform(actions.create_operator_key, command))
    show_with_secrets(body, body.operator_key, {"secret": body.secret}, as_json=json)


@app.command("list")
def list_operator_keys(
    search: Search = "",
    limit: Limit = FIRST_PAGE,
    offset: Offset = 0,
    *,
    active: Active = None,
    json: AsJson = False,
) -> None:
    """List operator keys, newest first."""
    command = actions.ListOperatorKeys(page_of(search, limit, offset), active)
    page = perform(actions.list_operator_keys, command)
    show_page(OperatorKeyPage.of(page, OperatorKeyBody.of), COLUMNS, as_json=json)


@app.command("show")
def read_operator_key(operator_key_id: Id, *, json: AsJson = False) -> None:
    """Show an operator key, without its secret."""
    key = perform(actions.read_operator_key, actions.ReadOperatorKey(operator_key_id))
    show(OperatorKeyBody.of(key), as_json=json)


@app.command("revoke")
def revoke_operator_key(operator_key_id: Id, *, json: AsJson = False) -> None:
    """Refuse the key from now on, for good."""
    key = perform(actions.revoke_operator_key, actions.RevokeOperatorKey(operator_key_id))
    show(OperatorKeyBody.of(key), as_json=json)
