import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from server.base.errors import Unavailable
from server.db.embedded import EmbeddedPostgres, EmbeddedPostgresError
from server.db.pool import Database

SOON = 10.0
CARELESS = {"fsync": "off"}

SHARE = """
import sys
from pathlib import Path
from server.db.embedded import EmbeddedPostgres

postgres = EmbeddedPostgres.start(Path(sys.argv[1]))
print(postgres.url, flush=True)
if sys.stdin.readline():
    postgres.stop()
    print("stopped", flush=True)
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Path]:
    """The data folder of a server that several tests look at; `made` in it are its files at rest."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-place-"))
    EmbeddedPostgres.start(folder, settings=CARELESS).stop()
    subprocess.run(["/bin/cp", "-a", folder / "postgres", folder / "made"], check=True)  # noqa: S603 - our own words
    with EmbeddedPostgres.start(folder, settings=CARELESS):
        yield folder
    shutil.rmtree(folder)


@pytest.fixture
def new_dir(place: Path) -> Iterator[Path]:
    """A folder for the data that is not there yet; whatever runs in it is killed in the end."""
    folder = place / "data"
    yield folder
    for process in processes_of(folder):
        os.kill(process, signal.SIGKILL)


@pytest.fixture
def data_dir(running: Path, new_dir: Path) -> Path:
    """A folder with data in which nothing runs."""
    return copied(running, new_dir)


def copied(running: Path, new_dir: Path) -> Path:
    """*new_dir*, with the files at rest of the other folder; quicker than making it."""
    new_dir.mkdir(mode=0o711, parents=True)
    subprocess.run(["/bin/cp", "-a", running / "made", new_dir / "postgres"], check=True)  # noqa: S603 - our own words
    return new_dir


def processes_of(data_dir: Path) -> list[int]:
    """The processes of a server in the folder: all of them stand in its cluster."""
    found: list[int] = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if (process / "cwd").samefile(data_dir / "postgres"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def postmaster_of(data_dir: Path) -> int:
    """The process that starts all others."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def kill(data_dir: Path) -> None:
    """The postmaster is killed without a word; its children notice."""
    os.kill(postmaster_of(data_dir), signal.SIGKILL)
    deadline = time.monotonic() + SOON
    while processes_of(data_dir):
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def run(url: str, *statements: str) -> object:
    """What the last of the statements answers."""
    conn = await asyncpg.connect(url)
    try:
        answer: object = None
        for statement in statements:
            answer = await conn.fetchval(statement)
        return answer
    finally:
        await conn.close()


def share(data_dir: Path, user: str | None = None) -> "subprocess.Popen[str]":
    """Another process uses the server of the folder, until it reads a line."""
    return subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-W", "error", "-c", SHARE, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
    )


def somebody_else(owner: int) -> "subprocess.Popen[bytes]":
    """A process of the account that has nothing to do with PostgreSQL."""
    return subprocess.Popen(["/bin/sleep", "60"], user=owner if os.geteuid() == 0 else None)


def mode_of(path: Path) -> int:
    """Who may do what with it."""
    return stat.S_IMODE(path.stat().st_mode)


def is_gone(path: Path) -> bool:
    """Whether there is nothing at the path."""
    return not path.exists()


async def socket_folder(url: str) -> Path:
    """Where the server says that its socket is."""
    return Path(str(await run(url, "SHOW unix_socket_directories")).strip('"'))


# --- starting and stopping ------------------------------------------------------------------------------


async def test_it_starts_in_a_folder_that_is_not_there_and_leaves_no_process(place: Path) -> None:
    data_dir = place / "not" / "there"

    with EmbeddedPostgres.start(data_dir, settings=CARELESS) as postgres:
        assert str(await run(postgres.url, "SELECT version()")).startswith("PostgreSQL 18.")
        assert processes_of(data_dir)

    assert not processes_of(data_dir)


async def test_what_was_stored_is_there_after_a_restart(data_dir: Path) -> None:
    with EmbeddedPostgres.start(data_dir, settings=CARELESS) as postgres:
        await run(postgres.url, "CREATE TABLE things AS SELECT 7 AS number")

    with EmbeddedPostgres.start(data_dir, settings=CARELESS) as postgres:
        assert await run(postgres.url, "SELECT number FROM things") == 7


async def test_stopping_twice_changes_nothing(data_dir: Path) -> None:
    first = EmbeddedPostgres.start(data_dir, settings=CARELESS)
    second = EmbeddedPostgres.start(data_dir)
    first.stop()
    first.stop()

    assert await run(second.url, "SELECT 1") == 1
    second.stop()


async def test_stopping_cuts_who_is_still_connected(data_dir: Path) -> None:
    postgres = EmbeddedPostgres.start(data_dir, settings=CARELESS)
    conn = await asyncpg.connect(postgres.url)

    postgres.stop()

    assert not processes_of(data_dir)
    conn.terminate()


async def test_a_database_survives_a_restart_of_its_server(data_dir: Path) -> None:
    postgres = EmbeddedPostgres.start(data_dir, settings=CARELESS)
    database = await Database.open(postgres.url, connections=2, application_name="tests")

    postgres.stop()
    with pytest.raises(Unavailable):
        async with database.acquire() as conn:
            await conn.fetchval("SELECT 1")
    postgres = EmbeddedPostgres.start(data_dir)

    async with database.acquire() as conn:
        assert await conn.fetchval("SELECT 1") == 1
    async with asyncio.timeout(SOON):
        while not database.wakeups.is_listening:  # noqa: ASYNC110 - nobody tells but by waking everybody
            await asyncio.sleep(0.01)
    await database.close()
    postgres.stop()


# --- what it is like ------------------------------------------------------------------------------------


@pytest.fixture
def url(running: Path) -> Iterator[str]:
    """The URL of that server."""
    with EmbeddedPostgres.start(running) as postgres:
        yield postgres.url


async def test_it_listens_on_a_socket_that_nobody_else_reaches(running: Path, url: str) -> None:
    assert await run(url, "SHOW listen_addresses") == ""
    assert await socket_folder(url) == running / "postgres"
    assert mode_of(running / "postgres") == 0o700


async def test_sorting_does_not_depend_on_the_machine(url: str) -> None:
    locale = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'postgres'"

    assert await run(url, locale) == "b C.UTF-8"
    assert await run(url, "SELECT lower('ÄÖÜ')") == "äöü"


async def test_values_do_not_reach_its_log(running: Path, url: str) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await run(url, "CREATE TABLE t (v text UNIQUE)", *2 * ["INSERT INTO t VALUES ('geheim')"])

    log = (running / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "geheim" not in log


async def test_sqlalchemy_takes_the_url_too(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await engine.dispose()


@pytest.mark.parametrize(
    "name",
    [
        "long " * 40,
        "a, b",
        'it\'s "quoted" $(touch /tmp/no) %41 + ü',
        "back\\slash",
    ],
)
async def test_any_path_will_do(place: Path, running: Path, name: str) -> None:
    data_dir = copied(running, place / name)
    with EmbeddedPostgres.start(data_dir, settings=CARELESS) as postgres:
        assert await run(postgres.url, "SHOW data_directory") == str(data_dir / "postgres")
        folder = await socket_folder(postgres.url)
        assert mode_of(folder) == 0o700

    assert folder == data_dir / "postgres" or is_gone(folder)


async def test_variables_for_postgresql_s_clients_do_not_disturb(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {
        "PGPORT": "1",
        "PGHOST": "/nowhere",
        "PGDATA": "/nowhere",
        "PGUSER": "nobody",
        "PGDATABASE": "none",
    }
    for name, value in others.items():
        monkeypatch.setenv(name, value)

    with EmbeddedPostgres.start(data_dir, settings=CARELESS) as postgres:
        assert await run(postgres.url, "SELECT current_user::text") == "postgres"


def test_nothing_is_said_on_the_terminal(new_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    new_dir.mkdir(mode=0o711)

    process = share(new_dir)
    output, _ = process.communicate("stop\n", timeout=60)

    assert output.splitlines()[1:] == ["stopped"]
    assert output.startswith("postgresql://")
    assert process.returncode == 0


# --- several processes ------------------------------------------------------------------------------------


async def test_processes_share_it_and_the_last_one_stops_it(data_dir: Path) -> None:
    postgres = EmbeddedPostgres.start(data_dir, settings=CARELESS)
    other = share(data_dir)
    assert other.stdout is not None
    assert other.stdout.readline().strip() == postgres.url

    postgres.stop()
    assert await run(postgres.url, "SELECT 1") == 1

    other.communicate("stop\n", timeout=60)
    assert not processes_of(data_dir)


async def test_after_a_killed_process_the_next_one_takes_over(data_dir: Path) -> None:
    other = share(data_dir)
    assert other.stdout is not None
    url = other.stdout.readline().strip()
    other.kill()
    other.communicate()
    assert processes_of(data_dir)

    with EmbeddedPostgres.start(data_dir) as postgres:
        assert postgres.url == url
        assert await run(postgres.url, "SELECT 1") == 1
    assert not processes_of(data_dir)


def test_processes_may_start_it_at_the_same_time(new_dir: Path) -> None:
    others = [share(new_dir) for _ in range(3)]
    outputs = [other.communicate("stop\n", timeout=60)[0].splitlines() for other in others]

    assert len({output[-2] for output in outputs}) == 1
    assert {output[-1] for output in outputs} == {"stopped"}
    assert not processes_of(new_dir)


# --- accidents ------------------------------------------------------------------------------------------


async def test_after_a_killed_server_the_next_start_recovers(data_dir: Path) -> None:
    postgres = EmbeddedPostgres.start(data_dir, settings=CARELESS)
    await run(postgres.url, "CREATE TABLE things AS SELECT 7 AS number")
    os.kill(postmaster_of(data_dir), signal.SIGKILL)
    postgres.stop()

    with EmbeddedPostgres.start(data_dir) as postgres:
        assert await run(postgres.url, "SELECT number FROM things") == 7


async def test_a_killed_server_with_a_long_path_leaves_no_folder(place: Path) -> None:
    data_dir = place / ("long " * 40)
    postgres = EmbeddedPostgres.start(data_dir, settings=CARELESS)
    folder = await socket_folder(postgres.url)
    kill(data_dir)
    postgres.stop()
    assert is_gone(folder)

    with EmbeddedPostgres.start(data_dir) as postgres:
        assert await run(postgres.url, "SELECT 1") == 1


def test_a_folder_in_use_whose_server_died_is_refused(data_dir: Path) -> None:
    postgres = EmbeddedPostgres.start(data_dir, settings=CARELESS)
    kill(data_dir)

    with pytest.raises(EmbeddedPostgresError, match="another process uses"):
        EmbeddedPostgres.start(data_dir)
    postgres.stop()


async def test_a_number_that_somebody_else_has_now_is_no_server(data_dir: Path) -> None:
    """As in a new container, where the last run's process number belongs to another program."""
    EmbeddedPostgres.start(data_dir, settings=CARELESS).stop()
    owner = (data_dir / "postgres").stat().st_uid
    somebody = somebody_else(owner)
    lines = [
        str(somebody.pid),
        str(data_dir / "postgres"),
        "0",
        "5432",
        str(data_dir / "postgres"),
        "",
        "",
        "ready",
    ]
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        path = data_dir / "postgres" / name
        path.write_text("\n".join(lines) + "\n")
        os.chown(path, owner, -1)

    try:
        with EmbeddedPostgres.start(data_dir) as postgres:
            assert await run(postgres.url, "SELECT 1") == 1
    finally:
        somebody.kill()
        somebody.wait()


async def test_half_made_files_are_made_anew(new_dir: Path) -> None:
    (new_dir / "postgres.new" / "base").mkdir(parents=True)

    with EmbeddedPostgres.start(new_dir, settings=CARELESS) as postgres:
        assert await run(postgres.url, "SELECT 1") == 1


def test_files_of_another_version_are_refused(data_dir: Path) -> None:
    EmbeddedPostgres.start(data_dir, settings=CARELESS).stop()
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")

    with pytest.raises(EmbeddedPostgresError, match="PostgreSQL 16"):
        EmbeddedPostgres.start(data_dir)


def test_why_it_did_not_start_is_said(data_dir: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres.start(data_dir, settings={"no_such_setting": "1"})

    assert not processes_of(data_dir)
    EmbeddedPostgres.start(data_dir, settings=CARELESS).stop()


def test_a_file_in_the_way_is_said(place: Path) -> None:
    (place / "data").write_text("")

    with pytest.raises(EmbeddedPostgresError, match="data"):
        EmbeddedPostgres.start(place / "data")


# --- root and others ----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_root_has_another_account_run_it(new_dir: Path) -> None:
    new_dir.mkdir(mode=0o700)
    new_dir.parent.chmod(0o700)

    with EmbeddedPostgres.start(new_dir, settings=CARELESS):
        assert all(Path(f"/proc/{process}").stat().st_uid != 0 for process in processes_of(new_dir))

    # It can pass, and see nothing.
    assert mode_of(new_dir) == 0o701
    assert mode_of(new_dir.parent) == 0o701


def nobody_can_run_python() -> bool:
    """Whether root can test what others would do: not if the interpreter is in root's own folder."""
    if os.geteuid() != 0:
        return False
    try:
        subprocess.run([sys.executable, "-c", ""], user="nobody", check=True)
    except (OSError, subprocess.SubprocessError, KeyError):
        return False
    return True


@pytest.mark.skipif(not nobody_can_run_python(), reason="needs root, and Python outside its home")
def test_who_is_not_root_runs_it_as_itself(new_dir: Path) -> None:
    new_dir.parent.chmod(0o777)

    other = share(new_dir, user="nobody")
    assert other.stdout is not None
    assert other.stdout.readline().startswith("postgresql://")
    nobody = pwd.getpwnam("nobody").pw_uid
    assert {Path(f"/proc/{process}").stat().st_uid for process in processes_of(new_dir)} == {nobody}

    other.communicate("stop\n", timeout=60)
    assert not processes_of(new_dir)


@pytest.mark.skipif(not nobody_can_run_python(), reason="needs root, and Python outside its home")
def test_files_of_somebody_else_are_refused(data_dir: Path) -> None:
    EmbeddedPostgres.start(data_dir, settings=CARELESS).stop()
    data_dir.chmod(0o777)
    for name in ("postgres.lock", "postgres.users"):
        (data_dir / name).chmod(0o666)

    other = share(data_dir, user="nobody")
    output, _ = other.communicate("stop\n", timeout=60)

    assert other.returncode == 1
    assert "belongs to another account" in output
