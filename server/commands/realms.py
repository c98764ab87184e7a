"""countersign admin realms: who signs in together, and by which rules."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Self
from uuid import UUID

import typer

from server.base.ids import public_id
from server.commands.options import AsJson
from server.commands.performing import perform
from server.commands.showing import show, show_lines, show_list
from server.core.realms import actions
from server.core.realms.model import Realm, RealmKind
from server.core.realms.stored_policy import parsed
from server.core.work import Work
from server.surfaces.kit.body import SnakeAnswer

app = typer.Typer(no_args_is_help=True, help="Realms: people who sign in together, and by which rules.")
policy_app = typer.Typer(no_args_is_help=True, help="The rules of one realm.")
app.add_typer(policy_app, name="policy")

COLUMNS = ("id", "name", "kind", "surface", "app_name", "project_id")

RealmArgument = Annotated[
    str,
    typer.Argument(
        metavar="REALM",
        show_default=False,
        help="Its name or id, or its project's `proj_…` or `lp_…`.",
    ),
]
Assignments = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME=VALUE...",
        show_default=False,
        help="Rules as `realms show` shows them; `NAME=` puts back what such realms start from.",
    ),
]

Shown = int | bool | str | list[str] | None


class RealmBody(SnakeAnswer):
    """A realm; its policy is whole."""

    id: UUID
    name: str | None
    kind: RealmKind
    surface: str
    app_name: str
    project_id: str | None
    push_integration_id: int | None
    policy: dict[str, Shown]

    @classmethod
    def of(cls, realm: Realm) -> Self:
        """All but what its project says."""
        return cls(
            id=realm.id,
            name=realm.name,
            kind=realm.kind,
            surface=realm.surface,
            app_name=realm.app_name,
            project_id=None if realm.project_id is None else public_id("proj", realm.project_id),
            push_integration_id=realm.push_integration_id,
            policy=_policy(realm),
        )


class RealmList(SnakeAnswer):
    """Realms: the instance's own first."""

    data: list[RealmBody]


@app.command("list")
def list_realms(*, json: AsJson = False) -> None:
    """List all realms."""
    body = RealmList(data=[RealmBody.of(realm) for realm in perform(actions.list_realms, None)])
    show_list(body, body.data, COLUMNS, as_json=json)


@app.command("show")
def read_realm(realm: RealmArgument, *, json: AsJson = False) -> None:
    """Show a realm with its rules."""
    _show(perform(actions.find_realm, realm), as_json=json)


@app.command("push")
def set_push_integration(
    realm: RealmArgument,
    integration_id: Annotated[
        int | None, typer.Argument(min=1, max=2**31 - 1, show_default=False, help="Left out: no phones.")
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Let the realm's people confirm on phones that are enrolled with this integration."""

    async def change(work: Work, text: str) -> Realm:
        found = await actions.find_realm(work, text)
        return await actions.set_push_integration(work, actions.SetPushIntegration(found.id, integration_id))

    _show(perform(change, realm), as_json=json)


@policy_app.command("set")
def set_policy(realm: RealmArgument, rules: Assignments, *, json: AsJson = False) -> None:
    """Change rules of a realm, for sign-ins and refreshes from now on."""
    changes = parsed(_assigned(rules))

    async def change(work: Work, text: str) -> Realm:
        found = await actions.find_realm(work, text)
        return await actions.change_policy(work, actions.ChangePolicy(found.id, changes))

    _show(perform(change, realm), as_json=json)


def _assigned(rules: Sequence[str]) -> dict[str, str]:
    """Each name with its value.

    Raises:
        BadParameter: One of them is no assignment.
    """
    pairs = [rule.partition("=") for rule in rules]
    for name, equals, _ in pairs:
        if not equals:
            raise typer.BadParameter(f"{name!r} is not NAME=VALUE")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _show(realm: Realm, *, as_json: bool) -> None:
    body = RealmBody.of(realm)
    if as_json:
        show(body, as_json=True)
        return
    show_list(body, (body,), COLUMNS, as_json=False)
    show_lines(["", *(f"{name}={_typed(value)}" for name, value in body.policy.items())])


def _policy(realm: Realm) -> dict[str, Shown]:
    policy = realm.policy
    values = {field.name: getattr(policy, field.name) for field in fields(policy)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _typed(value: Shown) -> str:
    """The value as somebody would type it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return ",".join(value)
        case _:
            return str(value)
