"""PostgreSQL for the tests: one server for a whole run, databases copied from one migrated template.

The server is an embedded one in a temporary folder, shared by all of xdist's workers; the last one out
stops it. With `COUNTERSIGN_TEST_DATABASE_URL` it is the server of that URL, whose user must be allowed to
create databases; it is left as it was.
"""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import asyncpg

from server.db.embedded import EmbeddedPostgres, EmbeddedPostgresError
from server.db.migrate import upgrade

URL_VARIABLE = "COUNTERSIGN_TEST_DATABASE_URL"
FOLDER_PREFIX = "countersign-tests-"
LAST_ONE_OUT_SECONDS = 15.0

# Nothing needs to survive the machine here.
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}


class Run:
    """What all processes of one test run agree on. Its id names the run's folder and databases."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.folder = Path(tempfile.gettempdir()) / f"{FOLDER_PREFIX}{run_id}"

    @classmethod
    def new(cls) -> "Run":
        """A run of this process."""
        return cls(f"{os.getpid()}-{token_hex(3)}")

    @property
    def database_prefix(self) -> str:
        """What the names of all its databases begin with."""
        return f"countersign_test_{self.id.replace('-', '_')}_"

    def clear(self) -> None:
        """No process, folder or database of the run is left, whatever became of its workers."""
        if url := os.environ.get(URL_VARIABLE):
            asyncio.run(DatabaseServer(url, self).drop_databases())
        postmaster = self.folder / "postgres" / "postmaster.pid"
        deadline = time.monotonic() + LAST_ONE_OUT_SECONDS
        while postmaster.exists() and time.monotonic() < deadline:
            with suppress(EmbeddedPostgresError):
                EmbeddedPostgres.start(self.folder).stop()
            time.sleep(0.05)
        with suppress(OSError, ValueError):
            process = int(postmaster.read_text().splitlines()[0])
            # Process ids are used again: it is only ours if it stands in our folder.
            if Path(f"/proc/{process}/cwd").readlink() == postmaster.parent:
                os.kill(process, signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


def clear_dead_runs() -> None:
    """Nothing is left of runs whose process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        run = Run(folder.name.removeprefix(FOLDER_PREFIX))
        process = run.id.partition("-")[0]
        if process.isdigit() and not _lives(int(process)):
            run.clear()


class DatabaseServer:
    """A PostgreSQL server that databases are made on."""

    def __init__(self, url: str, run: Run) -> None:
        self._url = url
        self._run = run
        self._template = f"{run.database_prefix}template"

    async def create_database(self, name: str) -> str:
        """The URL of a new, migrated database."""
        name = self._run.database_prefix + name
        async with self._connection() as conn:
            await self._make_template(conn)
            await conn.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        return self._url_of(name)

    async def create_empty_database(self, name: str) -> str:
        """The URL of a new database that was never migrated."""
        name = self._run.database_prefix + name
        async with self._connection() as conn:
            await conn.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self._url_of(name)

    async def drop_database(self, url: str) -> None:
        """The database is gone; connections to it are cut."""
        name = urlsplit(url).path.removeprefix("/")
        async with self._connection() as conn:
            await conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def drop_databases(self) -> None:
        """No database of the run is left, of no worker of it."""
        async with self._connection() as conn:
            for row in await conn.fetch(
                "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", self._run.database_prefix
            ):
                await conn.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}" WITH (FORCE)')

    async def _make_template(self, conn: asyncpg.Connection) -> None:
        """The first worker makes it, the others wait. It has its name only once it is whole."""
        await conn.execute("SELECT pg_advisory_lock(hashtext($1))", self._template)
        try:
            if not await conn.fetchval("SELECT true FROM pg_database WHERE datname = $1", self._template):
                unfinished = f"{self._template}_unfinished"
                await conn.execute(f'CREATE DATABASE "{unfinished}" TEMPLATE template0')
                await upgrade(self._url_of(unfinished))
                await conn.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{self._template}"')
        finally:
            await conn.execute("SELECT pg_advisory_unlock(hashtext($1))", self._template)

    def _url_of(self, database: str) -> str:
        return urlsplit(self._url)._replace(path=f"/{database}").geturl()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        conn = await asyncpg.connect(self._url)
        try:
            yield conn
        finally:
            await conn.close()


@asynccontextmanager
async def database_server(run: Run) -> AsyncIterator[DatabaseServer]:
    """The run's server, for as long as the block runs."""
    if url := os.environ.get(URL_VARIABLE):
        yield DatabaseServer(url, run)
        return
    with EmbeddedPostgres.start(run.folder, settings=CARELESS) as postgres:
        yield DatabaseServer(postgres.url, run)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
