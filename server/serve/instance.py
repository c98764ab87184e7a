"""What must be so before an instance runs: its folder, its keys, its database."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import migrations
from server.base.errors import Unavailable
from server.base.settings import Settings
from server.crypto.key_file import KeyFileError, KeyFileExists, create_key_file, load_key_file
from server.db.embedded import EmbeddedPostgres, EmbeddedPostgresError
from server.serve.database_state import OLDEST_VERSION, DatabaseState, count_sealed, read_state, why
from server.serve.refusal import CannotStart


@dataclass(frozen=True, slots=True)
class Prepared:
    """An instance that can run: its database is up to date, its keys can be read.

    Args:
        settings: The instance's settings.
        database_url: The database to use: that of the settings, or the embedded one.
    """

    settings: Settings
    database_url: str


@contextmanager
def prepare(settings: Settings) -> Iterator[Prepared]:
    """Inside, the instance can run; the embedded PostgreSQL, if it is used, runs until the end.

    The data folder and the key file are made if this is the first start. The database is migrated to the
    schema of this version; any number of processes may do so at the same time. It blocks: not for a
    running event loop.

    Raises:
        CannotStart: The data folder cannot be written; the key file is missing where secrets were sealed
            with it, others can read it, or it is damaged; the database does not answer, is older than
            PostgreSQL 15, newer than this version, or cannot be migrated.
    """
    if settings.key_file.exists():
        _check_key_file(settings.key_file)
    else:
        _make_folder(settings.key_file.parent)
    with running_database(settings) as url:
        state = _checked_state(url)
        _migrate(url, state)
        if not settings.key_file.exists():
            _make_key_file(settings, url)
        yield Prepared(settings, url)


@contextmanager
def running_database(settings: Settings) -> Iterator[str]:
    """The URL of the settings' database or, where there is none, of the embedded one, which runs inside.

    Raises:
        CannotStart: The embedded PostgreSQL does not start.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    _make_folder(settings.data_dir)
    try:
        postgres = EmbeddedPostgres.start(settings.data_dir)
    except EmbeddedPostgresError as refused:
        raise CannotStart(f"{_first_line(refused)}.") from None
    with postgres:
        yield postgres.url


def newest_revision() -> str:
    """The revision that this version expects. The files of the versions begin with it."""
    versions = Path(migrations.__file__).parent / "versions"
    return max(path.name.partition("_")[0] for path in versions.glob("[0-9]*_*.py"))


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as refused:
        raise CannotStart(
            f"The folder {path} cannot be written ({os.strerror(refused.errno or 0)}): "
            "make it writable, or set COUNTERSIGN_DATA_DIR to another."
        ) from None


def _check_key_file(path: Path) -> None:
    try:
        load_key_file(path)
    except KeyFileError as refused:
        raise CannotStart(str(refused)) from None


def _make_key_file(settings: Settings, url: str) -> None:
    """There is a key file, unless the database already has secrets sealed with the keys of another one."""
    path = settings.key_file
    if asyncio.run(count_sealed(settings, url)):
        raise CannotStart(
            f"There is no key file at {path}, but the database has secrets sealed with one: "
            "put the file back, or set COUNTERSIGN_MASTER_KEY_FILE to where it is."
        )
    try:
        create_key_file(path)
    except KeyFileExists:  # another process was first
        _check_key_file(path)
    except KeyFileError as refused:
        raise CannotStart(str(refused)) from None


def _checked_state(url: str) -> DatabaseState:
    try:
        state = asyncio.run(read_state(url))
    except Unavailable as refused:
        raise CannotStart(f"The database does not answer: {why(refused)}.") from None
    except ValueError:  # its text may hold a part of the password
        raise CannotStart(
            "DATABASE_URL cannot be read: special characters in user and password must be percent-encoded."
        ) from None
    if state.version < OLDEST_VERSION:
        raise CannotStart(
            f"The database is PostgreSQL {state.version}: it must be {OLDEST_VERSION} or newer."
        )
    return state


def _migrate(url: str, state: DatabaseState) -> None:
    if state.revision == newest_revision():
        return
    # Alembic takes half a second to load, and memory that a serving process has better use for.
    from server.db.migrate import UnknownRevision, upgrade  # noqa: PLC0415 - see above

    try:
        asyncio.run(upgrade(url))
    except UnknownRevision:
        raise CannotStart(
            f"A newer version of Countersign has migrated the database (to {state.revision}): run that one."
        ) from None
    except Exception as failure:  # noqa: BLE001 - whatever the database has against the schema
        raise CannotStart(f"The database could not be migrated: {why(failure)}.") from None


def _first_line(refused: Exception) -> str:
    return str(refused).partition("\n")[0].rstrip(":. ")
