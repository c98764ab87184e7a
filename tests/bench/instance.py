"""Real servers to measure, on a database of their own in a temporary folder."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from server.base.settings import Settings, load_settings, variable_of
from server.db.embedded import EmbeddedPostgres
from server.serve.instance import prepare
from tests.bench.connections import connect, process_of
from tests.bench.wire import Address

Server = Literal["uvicorn", "hypercorn"]

START_SECONDS = 60.0
STOP_SECONDS = 30.0
PLENTY = "1000000000/60"
MANY = 1_000_000
# The bench does its work itself, between slices: it would choose its own moments, and its statistics of a
# moment in which nothing is open would be the next slice's plans.
DATABASE = {"autovacuum": "off"}
LIMITS = (
    "limit_pending",
    "limit_respond",
    "limit_unproved",
    "limit_create",
    "limit_wait",
    "limit_failed_keys",
    "limit_account",
    "limit_project",
    "limit_token",
)


class DidNotServe(Exception):
    """The server did not start, or did not end well. The text says what it said."""


@dataclass(frozen=True, slots=True)
class Ground:
    """An instance that could run: its folder, its settings, its database, which runs."""

    settings: Settings
    database_url: str

    @property
    def database_process(self) -> int:
        """The process that all of the database's processes descend from."""
        note = self.settings.data_dir / "postgres" / "postmaster.pid"
        return int(note.read_text(encoding="ascii").splitlines()[0])


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs.

    Args:
        process: The one that its workers, if there are several, descend from.
        database_process: Likewise of its database.
    """

    address: Address
    process: int
    workers: int
    database_process: int


@contextmanager
def ground(*, durable: bool, database: Mapping[str, str] | None = None) -> Iterator[Ground]:
    """Inside, an instance can run: limits nobody meets, all else as the environment says, or by default.

    It belongs outside of any event loop.

    Args:
        durable: Whether a commit waits for the disk, as in production.
        database: Settings of PostgreSQL to put over the product's.
    """
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as folder:
        settings = load_settings(
            data_dir=Path(folder).resolve(),
            database_url=None,
            redis_url=None,
            # Tokens name it; the servers that run here have one port each.
            public_base_url="https://bench.example.org",
            # The longest there is: what is prepared must still be open when its turn comes.
            attempt_ttl_seconds=600,
            idle_timeout_seconds=600,
            max_waits=MANY,
            max_waits_per_caller=MANY,
            **dict.fromkeys(LIMITS, PLENTY),
        )
        chosen = {**DATABASE, **(database or {}), **({} if durable else {"fsync": "off"})}
        with EmbeddedPostgres.start(settings.data_dir, settings=chosen), prepare(settings) as prepared:
            yield Ground(settings, prepared.database_url)


@contextmanager
def running(
    prepared: Ground, log: Path, *, workers: int = 1, server: Server = "uvicorn"
) -> Iterator[Running]:
    """Inside, the product and its echoes are served, logging to *log* as in production.

    Several may run on one ground.

    Raises:
        DidNotServe: It did not start, or its exit code is not 0.
    """
    settings = prepared.settings.model_copy(
        update={"port": _free_port(), "workers": workers, "server": server}
    )
    # Standard error stays empty unless the start is refused.
    with tempfile.TemporaryFile() as said, log.open("ab") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.echo"],
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=said,
        )
        try:
            address = Address(settings.host, settings.port)
            _wait_until_well(process, address, workers)
            yield Running(address, process.pid, workers, prepared.database_process)
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            said.seek(0)
            words = said.read().decode(errors="replace")
            sys.stderr.write(words)
        if process.returncode != 0:
            raise DidNotServe(f"the server ended with exit code {process.returncode}: {words}")


def _environment(settings: Settings) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COUNTERSIGN_") and name not in {"DATABASE_URL", "REDIS_URL"}
    }
    changed = settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    return inherited | {variable_of(field): str(value) for field, value in changed.items()}


def _wait_until_well(process: "subprocess.Popen[bytes]", address: Address, workers: int) -> None:
    """Each of the workers has answered. Which of them accepts a connection is chance."""
    seen: set[int] = set()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DidNotServe(f"the server ended with exit code {process.returncode} before it served")
        with suppress(OSError), connect(address) as connection:
            seen.add(process_of(connection))
            if len(seen) == workers:
                return
        time.sleep(0.02)
    raise DidNotServe(f"{len(seen)} of {workers} workers answered within {START_SECONDS:.0f} seconds")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
