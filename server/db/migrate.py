"""Bringing a database to the schema that this code expects.

Imported only by those who migrate: Alembic and SQLAlchemy take half a second to load, and a serving
process needs neither.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import migrations
from server.base.errors import Unavailable
from server.db.outages import CONNECTING, is_outage

VERSIONS = Path(migrations.__file__).parent

# "countersign" in few bytes: the session lock of whoever migrates a database.
LOCK = 0x636E7472736967
LOCK_RETRY_SECONDS = 0.1
CONNECT_TIMEOUT_SECONDS = 10.0
CLOSE_TIMEOUT_SECONDS = 5.0

SERVER_SETTINGS = {
    "application_name": "countersign migrate",
    "timezone": "UTC",
    # A statement that waits for a busy table holds up everybody behind it; better to fail and try again.
    "lock_timeout": "10000",
}


class UnknownRevision(RuntimeError):
    """The database is at a revision that this code does not know: newer code has migrated it."""


def head_revision() -> str | None:
    """The revision that this code expects: the newest in `migrations/versions`; None while there is none."""
    return _script().get_current_head()


async def current_revision(url: str) -> str | None:
    """The revision that the database is at; None for a database that was never migrated.

    Args:
        url: As `Database.open` takes it.

    Raises:
        Unavailable: The database does not answer.
    """
    async with _connection(url) as conn:
        return await _revision(conn)


async def upgrade(url: str) -> None:
    """The database is at `head_revision`. Each version was a transaction of its own.

    Any number of processes may do this at the same time: one works, the others wait for it and find
    nothing left to do. If a version fails, those before it stay, it leaves nothing, and nothing is locked.

    Args:
        url: As `Database.open` takes it.

    Raises:
        Unavailable: The database does not answer.
        UnknownRevision: The database is newer than this code. It is left as it was.
    """
    head = head_revision()
    async with _connection(url) as lock:
        if await _revision(lock) == head:
            return
        await _take_lock(lock)
        # The lock goes with its connection, whatever happens to the work, to this task or this process.
        current = await _revision(lock)
        if current == head:
            return
        if current is not None and current not in _known_revisions():
            raise UnknownRevision(f"the database is at revision {current}, which this version does not know")
        await _run_versions(url)


async def _run_versions(url: str) -> None:
    # The connections are made by asyncpg itself, so that one form of URL works everywhere.
    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: _connect(url)
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade_to_head)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable from error
        raise
    finally:
        await engine.dispose()


def _upgrade_to_head(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _take_lock(conn: asyncpg.Connection) -> None:
    """This session alone migrates.

    It asks again and again instead of waiting inside the database, where a waiter's snapshot would hold
    up `CREATE INDEX CONCURRENTLY`.
    """
    while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110 - see above
        await asyncio.sleep(LOCK_RETRY_SECONDS)


async def _revision(conn: asyncpg.Connection) -> str | None:
    if await conn.fetchval("SELECT to_regclass('alembic_version') IS NULL"):
        return None
    revision: str | None = await conn.fetchval("SELECT version_num FROM alembic_version")
    return revision


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        conn = await _connect(url)
    except CONNECTING as cause:
        raise Unavailable from cause
    try:
        yield conn
    except CONNECTING as error:
        if is_outage(error, lost=conn.is_closed()):
            raise Unavailable from error
        raise
    finally:
        try:
            await conn.close(timeout=CLOSE_TIMEOUT_SECONDS)
        except CONNECTING:
            conn.terminate()


async def _connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS, server_settings=SERVER_SETTINGS)


def _known_revisions() -> set[str]:
    return {script.revision for script in _script().walk_revisions()}


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    # The file format of the options makes a percent sign special.
    config.set_main_option("script_location", str(VERSIONS).replace("%", "%%"))
    return config
