"""Whether the database answers."""

from server.core.instance.store import select_one
from server.core.work import Work


async def read_health(work: Work, _: None) -> None:
    """The database answered.

    Raises:
        Unavailable: It did not.
    """
    await select_one(work.conn)
