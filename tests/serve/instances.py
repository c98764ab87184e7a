"""A real process that serves, its lines, and connections to it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 20.0
Line = dict[str, Any]


class Instance:
    """A process of `tests.serve.small_app`, or of another module that serves."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[Line] = []
        self.url = ""

    async def line(self, event: str) -> Line:
        """The next line that it logs with *event*; those before it are kept in `lines`."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while raw := await self.process.stdout.readline():
                self.lines.append(json.loads(raw))
                if self.lines[-1]["event"] == event:
                    return self.lines[-1]
        raise AssertionError(f"it never logged {event!r} but {self.lines}")

    async def ended(self) -> tuple[int, str]:
        """Its exit code and what it wrote to standard error; all its lines are in `lines`."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            output, errors = await self.process.communicate()
        self.lines += [json.loads(raw) for raw in output.splitlines()]
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()

    def send(self, which: signal.Signals) -> None:
        """It gets a signal."""
        self.process.send_signal(which)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to it."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET on a connection of its own."""
        return await answer(*await self.connect(), f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())


async def answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    """Status and body of what is answered to *request*; the connection is then closed."""
    writer.write(request)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await read_answer(reader)
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(
        (line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length")), "0"
    )
    return int(head.split(" ")[1]), await reader.readexactly(int(length))


@asynccontextmanager
async def instance(
    folder: Path,
    database_url: str | None,
    *,
    module: str = "tests.serve.small_app",
    arguments: Sequence[str] = (),
    **variables: str,
) -> AsyncIterator[Instance]:
    """A process with its data in *folder*, on a free port; killed at the end if it still lives."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COUNTERSIGN_") and name not in {"DATABASE_URL", "REDIS_URL"}
    }
    environment |= {
        "COUNTERSIGN_PORT": "0",
        "COUNTERSIGN_DATA_DIR": str(folder),
        "TMPDIR": str(folder),
        **variables,
    }
    if database_url is not None:
        environment["DATABASE_URL"] = database_url
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    started = Instance(process)
    try:
        yield started
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def listening_instance(
    folder: Path, database_url: str | None, **variables: str
) -> AsyncIterator[Instance]:
    """An instance that accepts requests."""
    async with instance(folder, database_url, **variables) as started:
        started.url = (await started.line("serve.listening"))["url"]
        yield started
