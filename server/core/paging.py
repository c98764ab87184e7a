"""Turning the rows of a list statement into a page.

A list statement joins its page to the one row that counts the whole, so that a page beyond the end still
tells how long the list is; that row then has a NULL id.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from server.base.pages import Page, PageRequest
from server.db.pool import Row

Item = TypeVar("Item")


def page_of(rows: Sequence[Row], build: Callable[[Row], Item], request: PageRequest) -> Page[Item]:
    """The page that *rows* are: each with an `id`, and with the `total` of the whole list."""
    items = tuple(build(row) for row in rows if row["id"] is not None)
    return Page(items, rows[0]["total"], request.limit, request.offset)
