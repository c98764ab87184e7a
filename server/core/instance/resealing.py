"""Secrets at rest move to the current master key, a batch at a time, while everything runs."""

from collections.abc import Collection
from dataclasses import dataclass

from server.core.audit.events import Detail, Event
from server.core.instance.sealed_columns import SEALED_COLUMNS, SealedColumn
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class Reseal:
    """How many values in one go."""

    batch: int = 200


@dataclass(frozen=True, slots=True)
class SealedCount:
    """How many values of one column are sealed with a key other than the current."""

    column: str
    stale: int


async def reseal(work: Work, command: Reseal) -> int:
    """Up to a batch of values, all of one column, are sealed with the current key; how many it were.

    One column at a time, by id, so that no two rows of different tables are locked at once. A value that
    changes in the meantime is left as it is: whoever changed it sealed it anew. Do it until it says 0.
    """
    for column in SEALED_COLUMNS:
        if done := await _reseal_column(work, column, command.batch):
            data: dict[str, Detail] = {"key": work.keys.current_id, "column": column.name, "count": done}
            work.record(Event("secrets.resealed", "instance", "keys", data=data))
            return done
    return 0


async def count_stale(work: Work, _: None) -> tuple[SealedCount, ...]:
    """What is still sealed with another than the current key, by column."""
    prefix = work.keys.envelope_prefix(work.keys.current_id)
    return tuple(
        [
            SealedCount(column.name, await work.conn.fetchval(column.count_stale, prefix))
            for column in SEALED_COLUMNS
        ]
    )


async def count_lost(work: Work, known_keys: Collection[str]) -> int:
    """How many values are sealed with a key that is none of these."""
    current = await count_sealed_with(work, work.keys.current_id)
    every = current + sum(count.stale for count in await count_stale(work, None))
    return every - sum([await count_sealed_with(work, key_id) for key_id in known_keys])


async def count_sealed_with(work: Work, key_id: str) -> int:
    """How many values are sealed with this key."""
    prefix = work.keys.envelope_prefix(key_id)
    return sum([await work.conn.fetchval(column.count_sealed_with, prefix) for column in SEALED_COLUMNS])


async def _reseal_column(work: Work, column: SealedColumn, batch: int) -> int:
    prefix = work.keys.envelope_prefix(work.keys.current_id)
    rows = await work.conn.fetch(column.select_stale, prefix, batch)
    for row in rows:
        purpose = f"{column.purpose}:{row['id']}"
        sealed = work.keys.seal(work.keys.open(row["sealed"], purpose), purpose)
        await work.conn.execute(column.update, row["id"], row["sealed"], sealed)
    return len(rows)
