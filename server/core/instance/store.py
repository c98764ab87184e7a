"""The SQL of what belongs to the instance as a whole."""

from server.db.pool import Connection


async def select_clock_offset(conn: Connection) -> float:
    """How far the clock was moved, in seconds; the row is locked until the transaction ends."""
    offset: float = await conn.fetchval("SELECT offset_seconds FROM instance_clock FOR UPDATE")
    return offset


async def update_clock_offset(conn: Connection, offset_seconds: float) -> None:
    """The clock is so far ahead of the system's."""
    await conn.execute("UPDATE instance_clock SET offset_seconds = $1", offset_seconds)


async def select_one(conn: Connection) -> None:
    """The database answered."""
    await conn.fetchval("SELECT 1")
