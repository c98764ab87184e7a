"""How this surface asks for a part of a list, and shows it."""

from collections.abc import Callable
from typing import Generic, Self, TypeVar

from pydantic import Field

from server.base.pages import DEFAULT_LIMIT, MAX_LIMIT, Page, PageRequest
from server.surfaces.ezkey_admin.bodies import Answer
from server.surfaces.kit.body import QueryFields, QueryInt

Item = TypeVar("Item")
Shown = TypeVar("Shown", bound=Answer)


class PageQuery(QueryFields):
    """Which part of a list: `limit` items after the first `offset`, of those in which `search` occurs."""

    limit: QueryInt = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items at most.")
    offset: QueryInt = Field(0, ge=0, description="How many items come before.")
    search: str = Field("", max_length=200, description="Text that must occur, in any casing.")

    @property
    def page(self) -> PageRequest:
        """The part that is wanted."""
        return PageRequest(limit=self.limit, offset=self.offset, search=self.search)


class PageBody(Answer, Generic[Shown]):
    """A part of a list, and how long the whole list is."""

    items: list[Shown]
    total: int
    limit: int
    offset: int

    @classmethod
    def of(cls, page: Page[Item], show: Callable[[Item], Shown]) -> Self:
        """*page*, each item as *show* shows it."""
        return cls(
            items=[show(item) for item in page.items],
            total=page.total,
            limit=page.limit,
            offset=page.offset,
        )
