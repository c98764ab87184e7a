"""What a database says of itself before an instance uses it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from server.base.clock import Clock
from server.base.principal import Actor, Principal
from server.base.settings import Settings
from server.core.instance import resealing
from server.core.instance.clock import read_clock_offset
from server.core.work import Core
from server.crypto.sealing import KEY_SIZE, KeyRing, Keys
from server.db.pool import Connection, Database

OLDEST_VERSION = 15

_ACTOR = Principal(Actor.SYSTEM, surface="command_line")
# Seals nothing: every value in a database is sealed with another key.
_NO_KEY = "0" * 16
_NO_KEYS = Keys(_NO_KEY, {_NO_KEY: bytes(KEY_SIZE)})


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """A database that answers.

    Args:
        version: PostgreSQL's major version.
        revision: What its schema was migrated to; None if it never was.
        clock_ahead: How far its clock is ahead of this machine's, exact to half a round trip.
    """

    version: int
    revision: str | None
    clock_ahead: timedelta


async def read_state(url: str) -> DatabaseState:
    """What the database at *url* says of itself.

    Raises:
        Unavailable: It does not answer; the cause says why.
        ValueError: *url* cannot be read. The error's text may hold a part of the password.
    """
    async with _opened(url) as db, db.acquire() as conn:
        asked = datetime.now(UTC)
        there: datetime = await conn.fetchval("SELECT clock_timestamp()")
        answered = datetime.now(UTC)
        return DatabaseState(
            version=int(await conn.fetchval("SELECT current_setting('server_version_num')")) // 10_000,
            revision=await _revision(conn),
            clock_ahead=there - (asked + (answered - asked) / 2),
        )


async def count_sealed(settings: Settings, url: str) -> int:
    """How many secrets of the database are sealed, with whatever keys. It must be migrated."""
    async with _opened(url) as db:
        core = Core(settings, db, KeyRing(lambda: _NO_KEYS), Clock())
        return sum(
            each.stale for each in await core.perform_at_once(resealing.count_stale, None, actor=_ACTOR)
        )


async def count_lost(settings: Settings, url: str, keys: Keys) -> int:
    """How many secrets of the database are sealed with none of *keys*. It must be migrated."""
    async with _opened(url) as db:
        core = Core(settings, db, KeyRing(lambda: keys), Clock())
        return await core.perform_at_once(resealing.count_lost, tuple(keys.keys), actor=_ACTOR)


async def read_moved_seconds(settings: Settings, url: str) -> float:
    """How far testers have moved the instance's clock; 0 where it cannot be moved. It must be migrated."""
    async with _opened(url) as db:
        core = Core(settings, db, KeyRing(lambda: _NO_KEYS), Clock())
        return await core.perform_at_once(read_clock_offset, None, actor=_ACTOR)


def why(failure: BaseException) -> str:
    """The first line of what *failure* comes from, without a full stop."""
    while failure.__cause__ is not None:
        failure = failure.__cause__
    said = str(failure).partition("\n")[0].rstrip(". ")
    return said or ("no answer in time" if isinstance(failure, TimeoutError) else type(failure).__name__)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    db = await Database.open(url, connections=2, application_name="countersign start")
    try:
        yield db
    finally:
        await db.close()


async def _revision(conn: Connection) -> str | None:
    if await conn.fetchval("SELECT to_regclass('alembic_version') IS NULL"):
        return None
    revision: str | None = await conn.fetchval("SELECT version_num FROM alembic_version")
    return revision
