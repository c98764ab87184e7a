"""The stage of the demonstration: a running server with an operator's key to it."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from server.app import close_core, open_core
from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.base.settings import Settings, load_settings
from server.core.api_keys.operator_keys import CreateOperatorKey, create_operator_key
from server.demo.telling import Telling
from server.serve.instance import prepare

KEPT_FOLDER = Path("demo-data")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
PREFERRED_PORT = 8080
PORTS_TRIED = 3


class StageError(Exception):
    """The demonstration cannot go on; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A server that runs, and what is needed to use it.

    Args:
        url: Where it listens.
        folder: Its data, its log, the QR.
        operator_key: Lets an operator in.
        process: The server.
        keeps: Whether it goes on running afterwards.
    """

    url: str
    folder: Path
    operator_key: Secret
    process: "subprocess.Popen[bytes]"
    keeps: bool

    @classmethod
    @contextmanager
    def set_up(cls, telling: Telling, *, keep: bool, folder: Path | None) -> Iterator[Self]:
        """Inside, a server runs in a process of its own, on an embedded PostgreSQL.

        Afterwards it has stopped, and a folder that nobody named is gone, unless it is to be kept.

        Raises:
            StageError: It did not start.
        """
        place = folder or (KEPT_FOLDER if keep else Path(tempfile.mkdtemp(prefix="countersign-demo-")))
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = place.resolve()
        _refuse_a_second(place)
        telling.step("A server starts, with a PostgreSQL of its own")
        process: subprocess.Popen[bytes] | None = None
        try:
            process, port = _started(place)
            url = _url_of(port)
            stage = cls(url, place, _operator_key(_settings(place, port, url)), process, keep)
            telling.says("server", f"listens on {url}, data in {place}, log in {stage.log}")
            yield stage
        finally:
            if not (keep and stage_is_kept(place)):
                if process is not None:
                    _stop(process)
                if folder is None and not keep:
                    shutil.rmtree(place, ignore_errors=True)

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "server.log"

    @property
    def qr(self) -> Path:
        """Where the invitation's QR is saved."""
        return self.folder / "invitation.png"

    @property
    def wallet(self) -> Path:
        """Where the simulated phone keeps its key."""
        return self.folder / "wallet.json"

    def leave_running(self) -> None:
        """The server goes on when the demonstration ends; its process id is in `server.pid`."""
        (self.folder / "server.pid").write_text(f"{self.process.pid}\n", encoding="ascii")


def stage_is_kept(folder: Path) -> bool:
    """Whether a server was left running on *folder*."""
    return (folder / "server.pid").exists()


def stop_kept(folder: Path | None = None) -> bool:
    """The server that was left running on *folder* has stopped; False if there was none."""
    note = (folder or KEPT_FOLDER).resolve() / "server.pid"
    if not note.exists():
        return False
    pid = int(note.read_text(encoding="ascii"))
    note.unlink()
    if not _is_ours(pid):
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _is_ours(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return True


def _is_ours(pid: int) -> bool:
    """Whether *pid* is a server of this product that runs: process ids are used again."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"\0-m\0server\0serve\0" in command


def _refuse_a_second(folder: Path) -> None:
    note = folder / "server.pid"
    if not note.exists():
        return
    if _is_ours(int(note.read_text(encoding="ascii"))):
        raise StageError(
            f"A server of an earlier demonstration still runs on {folder}. Stop it: countersign demo --stop"
        )
    note.unlink()


def _environment(folder: Path, port: int, url: str) -> dict[str, str]:
    """The server's settings: a tester's instance, reachable from this machine alone."""
    return {
        "COUNTERSIGN_DATA_DIR": str(folder),
        "COUNTERSIGN_PORT": str(port),
        "COUNTERSIGN_PUBLIC_BASE_URL": url,
        "COUNTERSIGN_INSTANCE_NAME": "Countersign demo",
        "COUNTERSIGN_MOVABLE_CLOCK": "true",
    }


def _settings(folder: Path, port: int, url: str) -> Settings:
    return load_settings(
        data_dir=folder,
        port=port,
        public_base_url=url,
        movable_clock=True,
        database_url=None,
        master_key_file=None,
    )


def _start(folder: Path, port: int, url: str) -> "subprocess.Popen[bytes]":
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COUNTERSIGN_") and name not in {"DATABASE_URL", "REDIS_URL"}
    }
    descriptor = os.open(folder / "server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "server", "serve"],
            env=inherited | _environment(folder, port, url),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def _started(folder: Path) -> tuple["subprocess.Popen[bytes]", int]:
    """A server that accepts requests, and its port: the preferred one, or a free one if that is taken.

    Raises:
        StageError: It did not start.
    """
    port = PREFERRED_PORT
    for _ in range(PORTS_TRIED):
        process = _start(folder, port, _url_of(port))
        try:
            if _is_listening(process, folder):
                return process, port
        except BaseException:  # an interrupt too: it is in a session of its own and would not hear of it
            _stop(process)
            raise
        said = _log_of(folder)
        if "is taken" not in said:
            raise StageError(f"The server did not start. It said:\n{said[-2000:]}")
        port = _free_port()
    raise StageError("No port is free on this machine.")


def _is_listening(process: "subprocess.Popen[bytes]", folder: Path) -> bool:
    """Whether the server came to accept requests: it says so in its log. False: it ended before.

    Raises:
        StageError: It did neither in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if '"serve.listening"' in _log_of(folder):
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.05)
    raise StageError(f"The server did not accept requests within {START_SECONDS:.0f} seconds; see its log.")


def _log_of(folder: Path) -> str:
    return (folder / "server.log").read_text(encoding="utf-8", errors="replace").strip()


def _url_of(port: int) -> str:
    return f"http://localhost:{port}"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _operator_key(settings: Settings) -> Secret:
    """A new operator key, made as `countersign admin operator-keys create` makes it."""
    actor = Principal(kind=Actor.SYSTEM, id="demo", surface="command_line")

    async def make(database_url: str) -> Secret:
        core = await open_core(settings, database_url=database_url, application_name="countersign demo")
        try:
            made = await core.perform(create_operator_key, CreateOperatorKey(label="Demo"), actor=actor)
        finally:
            await close_core(core)
        return made.secret

    with prepare(settings) as prepared:
        return asyncio.run(make(prepared.database_url))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
