"""What a start makes, and what it says when it cannot."""

import asyncio
from pathlib import Path

import pytest

from server.crypto.key_file import load_key_file
from server.db.migrate import current_revision, head_revision
from server.db.pool import Database
from server.serve.instance import newest_revision, prepare
from server.serve.refusal import CannotStart
from tests.support.factories import an_integration
from tests.support.work import a_work, some_settings


async def prepared(folder: Path, database_url: str | None = None, **overrides: object) -> str:
    """An instance was ready to run; the URL of its database."""

    def start() -> str:
        settings = some_settings(data_dir=folder, database_url=database_url, **overrides)
        with prepare(settings) as ready:
            assert asyncio.run(current_revision(ready.database_url)) == head_revision()
            return ready.database_url

    return await asyncio.to_thread(start)


async def test_the_first_start_makes_everything_and_the_second_finds_it(place: Path) -> None:
    """The embedded database lives while the instance does."""
    folder = place / "data"
    await prepared(folder)
    keys = load_key_file(folder / "master-keys.json")
    await prepared(folder)

    assert load_key_file(folder / "master-keys.json") == keys
    assert (folder / "master-keys.json").stat().st_mode & 0o777 == 0o600
    assert not (folder / "postgres" / "postmaster.pid").exists()


async def test_a_database_of_its_own_is_migrated(tmp_path: Path, empty_database_url: str) -> None:
    assert await prepared(tmp_path, empty_database_url) == empty_database_url


def test_the_newest_version_is_told_by_its_file() -> None:
    """It saves loading Alembic at every start."""
    assert newest_revision() == head_revision()


async def test_a_key_file_that_others_can_read_stops_the_start(
    tmp_path: Path, unused_database_url: str
) -> None:
    await prepared(tmp_path, unused_database_url)
    (tmp_path / "master-keys.json").chmod(0o644)
    with pytest.raises(CannotStart, match="chmod 600"):
        await prepared(tmp_path, unused_database_url)


async def test_a_missing_key_file_is_not_made_anew_over_sealed_secrets(
    tmp_path: Path, fresh_database_url: str
) -> None:
    """A new key would make the start look well, and every secret unreadable."""
    db = await Database.open(fresh_database_url, connections=2, application_name="tests")
    async with db.acquire() as conn, conn.transaction():
        await an_integration(a_work(conn))
    await db.close()

    with pytest.raises(CannotStart, match="put the file back"):
        await prepared(tmp_path, fresh_database_url)
    assert not (tmp_path / "master-keys.json").exists()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://127.0.0.1:1/x", r"^The database does not answer: .*[^.]\.$"),
        ("postgresql://me:open/sesame#now@127.0.0.1/x", "^DATABASE_URL cannot be read"),
    ],
)
async def test_a_database_that_cannot_be_used_is_said(url: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=sentence) as refused:
        await prepared(tmp_path, url)
    assert "open" not in str(refused.value)


async def test_a_newer_schema_stops_the_start(tmp_path: Path, fresh_database_url: str) -> None:
    db = await Database.open(fresh_database_url, connections=2, application_name="tests")
    async with db.acquire() as conn:
        await conn.execute("UPDATE alembic_version SET version_num = '9999'")
    await db.close()

    with pytest.raises(CannotStart, match="newer version of Countersign"):
        await prepared(tmp_path, fresh_database_url)


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, unused_database_url: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="COUNTERSIGN_DATA_DIR"):
        await prepared(tmp_path / "file" / "data", unused_database_url)
    with pytest.raises(CannotStart, match="COUNTERSIGN_DATA_DIR"):
        await prepared(tmp_path / "file" / "data")


async def test_an_embedded_database_that_does_not_start_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(CannotStart, match=r"^[^\n]*PostgreSQL 12[^\n]*\.$"):
        await prepared(tmp_path)
