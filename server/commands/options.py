"""The arguments and options that several commands share, and how their texts are read."""

from datetime import datetime
from typing import Annotated

import typer

from server.base.pages import DEFAULT_LIMIT, MAX_LIMIT, PageRequest
from server.core.changes import UNCHANGED, Unchanged

NEVER = "never"
DEFAULT = "default"

Id = Annotated[int, typer.Argument(min=1, max=2**31 - 1, show_default=False, help="Its id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the body that the HTTP API would answer with.")]
Search = Annotated[str, typer.Option(help="Only where this text occurs, in any casing.")]
Limit = Annotated[int, typer.Option(min=1, max=MAX_LIMIT, help="How many at most.")]
Offset = Annotated[int, typer.Option(min=0, help="How many to pass over.")]
Active = Annotated[
    bool | None,
    typer.Option("--active/--inactive", show_default=False, help="Only those that are, or are not."),
]
ExpiresAt = Annotated[
    str | None,
    typer.Option(show_default=False, help="Until when it works: 2027-01-31T12:00:00Z, or `never`."),
]

FIRST_PAGE = DEFAULT_LIMIT


def page_of(search: str, limit: int, offset: int) -> PageRequest:
    """The part of a list that the options name."""
    return PageRequest(limit=limit, offset=offset, search=search)


def instant_of(text: str | None) -> datetime | None:
    """The instant that an option names; None for `never` and for no option.

    Raises:
        BadParameter: It is not ISO 8601.
    """
    if text is None or text == NEVER:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date and time such as 2027-01-31T12:00:00Z") from None


def changed_text(text: str | None) -> str | Unchanged:
    """What an option changes a text to."""
    return UNCHANGED if text is None else text


def changed_instant(text: str | None) -> datetime | Unchanged | None:
    """What an option changes an instant to; `never` takes it away.

    Raises:
        BadParameter: It is not ISO 8601.
    """
    return UNCHANGED if text is None else instant_of(text)


def changed_number(text: str | None) -> int | Unchanged | None:
    """What an option changes a number to; `default` leaves it to the instance.

    Raises:
        BadParameter: It is not a number.
    """
    if text is None:
        return UNCHANGED
    if text == DEFAULT:
        return None
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number nor `{DEFAULT}`") from None
