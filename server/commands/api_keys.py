"""countersign admin api-keys: what integrations show."""

from collections.abc import Sequence
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
    changed_instant,
    changed_text,
    instant_of,
    page_of,
)
from server.commands.performing import perform
from server.commands.showing import show, show_page, show_with_secrets
from server.core.api_keys import administration as actions
from server.core.api_keys.model import IssuedApiKey
from server.core.changes import UNCHANGED, Unchanged
from server.surfaces.ezkey_admin.api_keys import ApiKeyBody, ApiKeyPage, IssuedApiKeyBody

app = typer.Typer(
    no_args_is_help=True, help="API keys: what integrations show. Five may be active at a time."
)

COLUMNS = ("id", "integrationId", "keyId", "label", "active", "expiresAt", "lastUsedAt")
ANYWHERE = "anywhere"

Label = Annotated[
    str, typer.Argument(show_default=False, help="What operators call it, 1 to 100 characters.")
]
Integration = Annotated[int, typer.Option("--integration", show_default=False, help="The integration's id.")]
OfIntegration = Annotated[
    int | None, typer.Option("--integration", show_default=False, help="Only of this integration.")
]
Allow = Annotated[
    list[str] | None,
    typer.Option(show_default=False, help="An address or CIDR to use it from; may be given again."),
]
NewAllow = Annotated[
    list[str] | None,
    typer.Option(show_default=False, help="The addresses or CIDRs to use it from, or `anywhere`."),
]
Overlap = Annotated[
    int, typer.Option(min=0, max=actions.MAX_OVERLAP_SECONDS, help="How long the old key goes on working.")
]


@app.command("create")
def create_api_key(
    label: Label,
    integration: Integration,
    expires_at: ExpiresAt = None,
    allow: Allow = None,
    *,
    json: AsJson = False,
) -> None:
    """Make an API key; its secret is shown this once."""
    command = actions.CreateApiKey(integration, label, instant_of(expires_at), allow or ())
    _show_issued(perform(actions.create_api_key, command), as_json=json)


@app.command("list")
def list_api_keys(
    integration: OfIntegration = None,
    search: Search = "",
    limit: Limit = FIRST_PAGE,
    offset: Offset = 0,
    *,
    active: Active = None,
    json: AsJson = False,
) -> None:
    """List API keys, newest first."""
    command = actions.ListApiKeys(page_of(search, limit, offset), integration, active)
    page = perform(actions.list_api_keys, command)
    show_page(ApiKeyPage.of(page, ApiKeyBody.of), COLUMNS, as_json=json)


@app.command("show")
def read_api_key(api_key_id: Id, *, json: AsJson = False) -> None:
    """Show an API key, without its secret."""
    show(ApiKeyBody.of(perform(actions.read_api_key, actions.ReadApiKey(api_key_id))), as_json=json)


@app.command("change")
def change_api_key(
    api_key_id: Id,
    label: Annotated[str | None, typer.Option(show_default=False, help="Its new label.")] = None,
    expires_at: ExpiresAt = None,
    allow: NewAllow = None,
    *,
    json: AsJson = False,
) -> None:
    """Change what the options name."""
    command = actions.ChangeApiKey(
        api_key_id,
        label=changed_text(label),
        expires_at=changed_instant(expires_at),
        ip_whitelist=_changed_whitelist(allow),
    )
    show(ApiKeyBody.of(perform(actions.change_api_key, command)), as_json=json)


@app.command("revoke")
def revoke_api_key(api_key_id: Id, *, json: AsJson = False) -> None:
    """Refuse the key from now on, for good."""
    show(ApiKeyBody.of(perform(actions.revoke_api_key, actions.RevokeApiKey(api_key_id))), as_json=json)


@app.command("rotate")
def rotate_api_key(
    api_key_id: Id,
    overlap_seconds: Overlap = actions.DEFAULT_OVERLAP_SECONDS,
    *,
    json: AsJson = False,
) -> None:
    """Make a key that takes its place; the new secret is shown this once."""
    issued = perform(actions.rotate_api_key, actions.RotateApiKey(api_key_id, overlap_seconds))
    _show_issued(issued, as_json=json)


def _changed_whitelist(allow: Sequence[str] | None) -> Sequence[str] | Unchanged:
    if not allow:
        return UNCHANGED
    return () if list(allow) == [ANYWHERE] else allow


def _show_issued(issued: IssuedApiKey, *, as_json: bool) -> None:
    body = IssuedApiKeyBody.of(issued)
    show_with_secrets(body, body.api_key, {"secret": body.secret}, as_json=as_json)
