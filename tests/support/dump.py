"""A dump of the whole database, and a search in it for what must not be there."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from server.core.work import Core
from server.db.pool import Connection


class Cell(NamedTuple):
    """One value of the database."""

    column: str
    value: object

    @property
    def table(self) -> str:
        """Where it is."""
        return self.column.partition(".")[0]

    @property
    def raw(self) -> bytes:
        """The value as bytes: its own, or those of its text."""
        return self.value if isinstance(self.value, bytes) else str(self.value).encode()


async def dump(core: Core) -> list[Cell]:
    """Every value of every column of every table."""
    async with core.db.acquire() as conn:
        return await _dump(conn)


async def _dump(conn: Connection) -> list[Cell]:
    tables = await conn.fetch(
        """
        SELECT table_name FROM information_schema.tables
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
        """
    )
    cells: list[Cell] = []
    for table in tables:
        name = table["table_name"]
        for row in await conn.fetch(f'SELECT * FROM "{name}"'):
            cells += [Cell(f"{name}.{column}", value) for column, value in row.items() if value is not None]
    return cells


def spellings(secret: bytes) -> Iterator[bytes]:
    """The forms in which somebody may have written the secret."""
    yield secret
    yield secret.hex().encode()
    yield b64encode(secret).rstrip(b"=")
    yield urlsafe_b64encode(secret).rstrip(b"=")


def holding(cells: list[Cell], secret: bytes) -> list[str]:
    """The columns in which the secret can be read."""
    forms = list(spellings(secret))
    return [cell.column for cell in cells if any(form in cell.raw for form in forms)]


def holding_number(cells: list[Cell], number: int) -> list[str]:
    """The columns in which the number can be read. Instants are passed over: they are full of digits."""
    alone = re.compile(rb"(?<![0-9A-Za-z_-])%d(?![0-9A-Za-z_-])" % number)
    return [
        cell.column
        for cell in cells
        if not isinstance(cell.value, datetime)
        and (cell.raw == b"%d" % number or (isinstance(cell.value, str) and alone.search(cell.raw)))
    ]
