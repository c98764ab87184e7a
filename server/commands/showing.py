"""What commands print: a table for people, or the HTTP API's own body with `--json`."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.surfaces.ezkey_admin.pages import PageBody
from server.surfaces.kit.body import Body
from server.surfaces.kit.qr import terminal_of

# Where there is no terminal to fit into, nothing is cut off.
WIDTH_WITHOUT_TERMINAL = 240


def show(body: Body, *, as_json: bool) -> None:
    """*body* is on standard output, a member a line."""
    if as_json:
        _write_json(body)
    else:
        _write_members(_members(body))


def show_page(page: PageBody[Any], columns: Sequence[str], *, as_json: bool) -> None:
    """*page* is on standard output, an item a line with these of its members, and the length of the list."""
    if as_json:
        _write_json(page)
        return
    _write_table(page.items, columns)
    first = page.offset + 1 if page.items else 0
    _console().print(f"{first} to {page.offset + len(page.items)} of {page.total}", style="dim")


def show_list(body: Body, items: Sequence[Body], columns: Sequence[str], *, as_json: bool) -> None:
    """*items* are on standard output, each a line with these of its members; with `--json` *body*."""
    if as_json:
        _write_json(body)
    else:
        _write_table(items, columns)


def show_with_secrets(body: Body, thing: Body, secrets: Mapping[str, str], *, as_json: bool) -> None:
    """*thing* is on standard output with its *secrets*, and that they are never shown again.

    Args:
        body: All of it, for `--json`.
        thing: What the secrets belong to.
        secrets: Each by the name of what it is.
    """
    if as_json:
        _write_json(body)
        return
    _write_members(_members(thing))
    console = _console()
    console.print()
    for name, secret in secrets.items():
        # On one line whatever the width, so that it can be copied.
        console.print(Text.assemble((f"{name}  ", "bold"), (secret, "bold yellow")), soft_wrap=True)
    console.print("\nThis is shown once and kept nowhere in clear: store it now.", style="bold red")


def show_qr(text: str) -> None:
    """The QR of *text* is on standard output, dark on light whatever the terminal's colours are."""
    console = _console()
    console.print()
    for line in terminal_of(text).splitlines():
        console.print(Text(line, style="bright_white on black"), soft_wrap=True)


def show_lines(lines: Iterable[str]) -> None:
    """*lines* are on standard output."""
    console = _console()
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _write_table(items: Sequence[Body], columns: Sequence[str]) -> None:
    if not items:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for item in items:
        members = _members(item)
        table.add_row(*(_shown(members[column]) for column in columns))
    _console().print(table)


def _console() -> Console:
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def _write_json(body: Body) -> None:
    sys.stdout.write(body.to_json().decode() + "\n")


def _members(body: Body) -> dict[str, Any]:
    return body.model_dump(mode="json", by_alias=True)


def _write_members(members: Mapping[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in members.items():
        table.add_row(name, _shown(value))
    _console().print(table)


def _shown(value: object) -> Text:
    """A member's value for people: nothing for null."""
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list):
        return Text(", ".join(map(str, value)))
    if isinstance(value, dict):
        return Text(", ".join(f"{name}={item}" for name, item in value.items()))
    return Text(str(value))
