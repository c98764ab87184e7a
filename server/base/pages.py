"""Lists come in pages."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is wanted.

    Args:
        limit: How many items at most, 1 to 100.
        offset: How many items come before.
        search: Text that must occur in the item's names, in any casing; empty for all.
    """

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    search: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list, and how long the whole list is."""

    items: tuple[Item, ...]
    total: int
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class CursorRequest:
    """Which part of a long list is wanted, newest first: what comes after something that was seen.

    Args:
        limit: How many items at most, 1 to 100.
        after: The `next` of the page before; None for the first page.
    """

    limit: int = DEFAULT_LIMIT
    after: int | None = None


@dataclass(frozen=True, slots=True)
class CursorPage(Generic[Item]):
    """A part of a long list. Nothing is doubled or left out when the list grows meanwhile.

    Args:
        next: Where the page after this one begins; None if this is the last. Not for callers to see as it is.
    """

    items: tuple[Item, ...]
    next: int | None
