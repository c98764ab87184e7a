import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from server.base.errors import Unavailable
from server.db import migrate
from server.db.migrate import UnknownRevision, current_revision, head_revision, upgrade

VERSION = """
from alembic import op

revision = {revision!r}
down_revision = {down_revision!r}


def upgrade():
    for statement in {statements!r}:
        op.execute(statement)
"""


@pytest.fixture
async def onlooker(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's connection to the empty database."""
    conn = await asyncpg.connect(empty_database_url)
    yield conn
    await conn.close()


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of its own, still without versions, in a folder whose name needs care."""
    folder = tmp_path / "100% its own"
    (folder / "versions").mkdir(parents=True)
    shutil.copy(migrate.VERSIONS / "env.py", folder)
    monkeypatch.setattr(migrate, "VERSIONS", folder)
    return folder / "versions"


def write(versions: Path, revision: str, *statements: str) -> None:
    """A version after the one with the number before."""
    number = int(revision)
    before = f"{number - 1:04}" if number > 1 else None
    text = VERSION.format(revision=revision, down_revision=before, statements=statements)
    (versions / f"{revision}_made_up.py").write_text(text)


async def nothing_is_left(onlooker: asyncpg.Connection) -> None:
    """No lock, no transaction, no other connection; the server notices an end a moment later."""
    async with asyncio.timeout(5):
        while await onlooker.fetchval(  # noqa: ASYNC110 - the server tells nobody
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ):
            await asyncio.sleep(0.01)
    assert not await onlooker.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


# --- the product's own history -------------------------------------------------------------------------


async def test_an_empty_database_is_brought_to_the_head(
    empty_database_url: str, onlooker: asyncpg.Connection
) -> None:
    assert await current_revision(empty_database_url) is None

    await upgrade(empty_database_url)

    assert await current_revision(empty_database_url) == head_revision()
    assert head_revision() is not None
    await nothing_is_left(onlooker)


async def test_a_migrated_database_stays_as_it_is(fresh_database_url: str) -> None:
    await upgrade(fresh_database_url)

    assert await current_revision(fresh_database_url) == head_revision()


async def test_the_short_scheme_means_the_same(empty_database_url: str) -> None:
    await upgrade(empty_database_url.replace("postgresql://", "postgres://"))

    assert await current_revision(empty_database_url) == head_revision()


async def test_parameters_of_libpq_are_understood(empty_database_url: str) -> None:
    mark = "&" if "?" in empty_database_url else "?"
    url = f"{empty_database_url}{mark}sslmode=prefer&target_session_attrs=read-write"

    await upgrade(url)

    assert await current_revision(url) == head_revision()


async def test_tasks_may_upgrade_at_the_same_time(
    empty_database_url: str, onlooker: asyncpg.Connection
) -> None:
    await asyncio.gather(*(upgrade(empty_database_url) for _ in range(5)))

    assert await onlooker.fetchval("SELECT array_agg(version_num) FROM alembic_version") == [head_revision()]
    await nothing_is_left(onlooker)


async def test_processes_may_upgrade_at_the_same_time(
    empty_database_url: str, onlooker: asyncpg.Connection
) -> None:
    script = "import asyncio, sys; from server.db.migrate import upgrade; asyncio.run(upgrade(sys.argv[1]))"
    command = [sys.executable, "-W", "error", "-c", script, empty_database_url]
    processes = [
        await asyncio.create_subprocess_exec(*command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
        for _ in range(3)
    ]

    outputs = [(await process.communicate())[0] for process in processes]

    assert outputs == [b""] * 3
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert await onlooker.fetchval("SELECT array_agg(version_num) FROM alembic_version") == [head_revision()]


# --- any history ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("versions")
async def test_without_versions_there_is_nothing_to_do(empty_database_url: str) -> None:
    assert head_revision() is None

    await upgrade(empty_database_url)

    assert await current_revision(empty_database_url) is None


async def test_versions_run_in_their_order(
    versions: Path, empty_database_url: str, onlooker: asyncpg.Connection
) -> None:
    write(versions, "0001", "CREATE TABLE things (id int)")
    write(versions, "0002", "ALTER TABLE things ADD COLUMN name text", "INSERT INTO things VALUES (1, 'one')")

    await upgrade(empty_database_url)

    assert await onlooker.fetchval("SELECT name FROM things WHERE id = 1") == "one"
    assert await current_revision(empty_database_url) == "0002"


async def test_a_version_that_fails_leaves_nothing_and_those_before_it_stay(
    versions: Path, empty_database_url: str, onlooker: asyncpg.Connection
) -> None:
    write(versions, "0001", "CREATE TABLE things (id int)")
    write(versions, "0002", "CREATE TABLE others (id int)", "SELECT 1/0")

    with pytest.raises(Exception, match="division by zero"):
        await upgrade(empty_database_url)

    assert await current_revision(empty_database_url) == "0001"
    assert await onlooker.fetchval("SELECT to_regclass('others')") is None
    await nothing_is_left(onlooker)

    write(versions, "0002", "CREATE TABLE others (id int)")
    await upgrade(empty_database_url)
    assert await current_revision(empty_database_url) == "0002"


async def test_a_cancelled_upgrade_leaves_nothing(
    versions: Path, empty_database_url: str, onlooker: asyncpg.Connection
) -> None:
    write(versions, "0001", "CREATE TABLE things (id int)", "SELECT pg_sleep(60)")

    upgrading = asyncio.create_task(upgrade(empty_database_url))
    async with asyncio.timeout(5):
        while not await onlooker.fetchval(  # noqa: ASYNC110 - the server tells nobody
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event = 'PgSleep'"
        ):
            await asyncio.sleep(0.01)
    upgrading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upgrading

    assert await current_revision(empty_database_url) is None
    await nothing_is_left(onlooker)


async def test_who_comes_second_waits_for_the_first(
    versions: Path, empty_database_url: str, onlooker: asyncpg.Connection
) -> None:
    write(versions, "0001", "CREATE TABLE things (id int)")
    await onlooker.execute("SELECT pg_advisory_lock($1)", migrate.LOCK)

    upgrading = asyncio.create_task(upgrade(empty_database_url))
    await asyncio.sleep(0.3)
    assert not upgrading.done()
    await onlooker.execute("SELECT pg_advisory_unlock($1)", migrate.LOCK)
    await upgrading

    assert await current_revision(empty_database_url) == "0001"


async def test_a_busy_table_is_not_waited_for_without_end(
    versions: Path, empty_database_url: str, onlooker: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(migrate.SERVER_SETTINGS, "lock_timeout", "100")
    await onlooker.execute("CREATE TABLE things (id int)")
    write(versions, "0001", "ALTER TABLE things ADD COLUMN name text")

    async with onlooker.transaction():
        await onlooker.execute("SELECT * FROM things")
        with pytest.raises(Exception, match="lock timeout"):
            await upgrade(empty_database_url)

    await upgrade(empty_database_url)


async def test_a_database_of_newer_code_is_left_alone(
    versions: Path, empty_database_url: str, onlooker: asyncpg.Connection
) -> None:
    write(versions, "0001", "CREATE TABLE things (id int)")
    write(versions, "0002", "DROP TABLE things")
    await upgrade(empty_database_url)
    (versions / "0002_made_up.py").unlink()

    with pytest.raises(UnknownRevision, match="0002"):
        await upgrade(empty_database_url)

    assert await current_revision(empty_database_url) == "0002"
    await nothing_is_left(onlooker)


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    url = "postgresql://postgres@/postgres?host=/nowhere"

    with pytest.raises(Unavailable):
        await upgrade(url)
    with pytest.raises(Unavailable):
        await current_revision(url)


async def test_a_connection_lost_in_a_version_is_unavailable(
    versions: Path, empty_database_url: str, onlooker: asyncpg.Connection
) -> None:
    write(versions, "0001", "CREATE TABLE things (id int)", "SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        await upgrade(empty_database_url)

    assert await current_revision(empty_database_url) is None
    await nothing_is_left(onlooker)
