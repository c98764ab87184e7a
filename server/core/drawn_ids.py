"""Random ids that are free: a taken number is drawn again."""

from collections.abc import Awaitable, Callable

from server.base import ids


async def insert_with_new_id(insert: Callable[[int], Awaitable[bool]]) -> int:
    """A row with a new random id exists; the id is returned.

    Args:
        insert: Inserts the row under the id it is given, `ON CONFLICT (id) DO NOTHING`, and says whether
            it did. It is called again, with another id, until it did.
    """
    while True:
        new_id = ids.new_small_id()
        if await insert(new_id):
            return new_id
