"""A real server process to measure, on a database of its own in a temporary folder."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2

from server.base.settings import Settings, load_settings, variable_of
from server.serve.instance import prepare
from tests.bench.load import Address

START_SECONDS = 60.0
STOP_SECONDS = 30.0
PLENTY = "1000000000/60"
LIMITS = (
    "limit_pending",
    "limit_respond",
    "limit_unproved",
    "limit_create",
    "limit_wait",
    "limit_failed_keys",
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
    """

    address: Address
    process: int


@contextmanager
def ground(*, workers: int, server: str, durable: bool) -> Iterator[Ground]:
    """Inside, an instance can run: limits nobody meets, all else as the environment says, or by default.

    Args:
        durable: Whether a commit waits for the disk, as in production.
    """
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as folder:
        settings = load_settings(
            data_dir=Path(folder).resolve(),
            port=_free_port(),
            workers=workers,
            server=server,
            database_url=None,
            redis_url=None,
            # The longest there is: what is prepared must still be open when its turn comes.
            attempt_ttl_seconds=600,
            max_waits_per_caller=10_000,
            **dict.fromkeys(LIMITS, PLENTY),
        )
        with prepare(settings) as prepared:
            if not durable:
                asyncio.run(_forget_the_disk(prepared.database_url))
            yield Ground(settings, prepared.database_url)


@contextmanager
def running(prepared: Ground, log: Path) -> Iterator[Running]:
    """Inside, the product and its echoes are served, logging to *log* as in production.

    Raises:
        DidNotServe: It did not start, or its exit code is not 0.
    """
    settings = prepared.settings
    # Standard error stays empty unless the start is refused.
    with tempfile.TemporaryFile() as said, log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.echo"],
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=said,
        )
        try:
            address = Address(settings.host, settings.port)
            _wait_until_well(process, f"http://{address.host}:{address.port}/health")
            yield Running(address, process.pid)
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


async def _forget_the_disk(database_url: str) -> None:
    conn = await asyncpg.connect(database_url)
    try:
        await conn.execute("ALTER SYSTEM SET fsync = off")
        await conn.execute("SELECT pg_reload_conf()")
    finally:
        await conn.close()


def _environment(settings: Settings) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COUNTERSIGN_") and name not in {"DATABASE_URL", "REDIS_URL"}
    }
    changed = settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    return inherited | {variable_of(field): str(value) for field, value in changed.items()}


def _wait_until_well(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DidNotServe(f"the server ended with exit code {process.returncode} before it served")
        with suppress(httpx2.TransportError):
            if httpx2.get(url, timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.05)
    raise DidNotServe(f"the server did not answer within {START_SECONDS:.0f} seconds")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
