"""What the two surfaces of the Protekt document have in common: dialect, ids, pages, and their mark.

Surfaces share the kit and nothing else, so what two of them share is here.
"""

from collections.abc import Callable
from typing import Final, Generic, Self, TypeVar

from pydantic import Field

from server.base.errors import InvalidFields, Kind
from server.base.pages import DEFAULT_LIMIT, MAX_LIMIT, CursorPage, CursorRequest
from server.core.changes import UNCHANGED, Unchanged
from server.crypto.access_tokens import unverified_kid
from server.surfaces.kit.body import Body, QueryInt, SnakeAnswer, SnakeBody, SnakeQuery
from server.surfaces.kit.cursors import cursor_of, place_of
from server.surfaces.kit.dialect import nested_error_dialect
from server.surfaces.kit.exchange import Exchange
from server.surfaces.kit.guards import PROJECT_KEY_HEADER
from server.surfaces.kit.surface import Mark

Item = TypeVar("Item")
Shown = TypeVar("Shown", bound=Body)
Value = TypeVar("Value")

PROJECT: Final = "proj"
USER: Final = "usr"
SESSION: Final = "sess"
API_KEY: Final = "key"
MEMBER: Final = "mem"

KEY_HEADER: Final = PROJECT_KEY_HEADER
KID_BEGINNING: Final = "protekt-"
MANAGEMENT_TOKEN_BEGINNING: Final = "mgmt_"  # noqa: S105 - what tokens begin with, no token

MOUNT: Final = "protekt"

DIALECT = nested_error_dialect(
    "protekt",
    # The document knows one answer to a link or code that is not good: 400.
    status_by_kind={Kind.USED: 400, Kind.EXPIRED: 400},
    # Nor has it 409 and 404 for second factors, nor 409 for a removal.
    status_by_code={"link_unknown": 400, "factor_exists": 400, "factor_not_found": 400, "last_owner": 403},
    headers={401: (("WWW-Authenticate", 'Bearer realm="countersign"'),)},
)


class ChangeBody(SnakeBody):
    """A change: only the members that are present are changed, and there is at least one."""

    def said(self, member: str, value: Value) -> Value | Unchanged:
        """*value*, if the body had this member."""
        return value if member in self.model_fields_set else UNCHANGED

    def check_says_something(self) -> None:
        """At least one member is to change.

        Raises:
            InvalidFields: None is.
        """
        if not self.model_fields_set:
            raise InvalidFields("The request changes nothing")


class CursorQuery(SnakeQuery):
    """Which part of a list: `limit` items, those after what `cursor` stands for."""

    limit: QueryInt = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items at most.")
    cursor: str | None = Field(None, max_length=256, description="`next_cursor` of the page before.")

    def request(self, of: str) -> CursorRequest:
        """The part that is wanted of the list *of* (see `cursor_of`).

        Raises:
            InvalidFields: The cursor was not given for this list.
        """
        return CursorRequest(limit=self.limit, after=place_of(self.cursor, of))


class CursorBody(SnakeAnswer, Generic[Shown]):
    """A part of a list, and where it goes on."""

    data: list[Shown]
    next_cursor: str | None
    has_more: bool

    @classmethod
    def of(cls, page: CursorPage[Item], show: Callable[[Item], Shown], of: str) -> Self:
        """*page* of the list *of* (see `cursor_of`), each item as *show* shows it."""
        return cls(
            data=[show(item) for item in page.items],
            next_cursor=None if page.next is None else cursor_of(page.next, of),
            has_more=page.next is not None,
        )


def _is_carried(exchange: Exchange) -> bool:
    if exchange.header(KEY_HEADER) is not None:
        return True
    scheme, _, token = (exchange.header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer":
        kid = unverified_kid(token)
        return token.startswith(MANAGEMENT_TOKEN_BEGINNING) or (
            kid is not None and kid.startswith(KID_BEGINNING)
        )
    announced = exchange.header("access-control-request-headers") or ""
    return exchange.method == "OPTIONS" and KEY_HEADER in {
        name.strip().lower() for name in announced.split(",")
    }


MARK = Mark(_is_carried, ("X-Protekt-Key", "Authorization"))
"""A project key, whatever its value; a management token; an access token that says it is signed with a key of
this document's; or a preflight for a request with a project key.

Nothing is looked up or verified for it: the guards do that, and what they refuse is refused.
"""
