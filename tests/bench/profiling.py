"""`python -m tests.bench.profiling`, or `make profile`: where the time goes inside the server, by py-spy.

py-spy looks from outside into the running server process while it is under the load of the bench.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Annotated, Literal

import typer
import uvloop

from tests.bench.command_line import allow_open_files, failures_told, printing, telling
from tests.bench.connections import connections_to
from tests.bench.cpu import cpu_seconds, microseconds_each
from tests.bench.exchange import exchange_all, users_of
from tests.bench.figures import Detail
from tests.bench.fleet import Fleet
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.load import saturate
from tests.bench.report import detail_table
from tests.bench.scenarios import SCENARIOS, Scenario
from tests.bench.stacks import Stacks

EXCHANGE = "exchange"
NAMES = (*(scenario.name for scenario in SCENARIOS), EXCHANGE)
PHONES = 3_000
USERS = 50
CONNECTIONS = 64
PY_SPY = Path(sys.executable).with_name("py-spy")
# How long it takes to find its way in.
ATTACHING_SECONDS = 1.5
WRITING_SECONDS = 30.0
SHOWN_FUNCTIONS = 40

Load = Callable[[float], Awaitable[int]]
"""Keeps the server busy for so many seconds; with how many requests or exchanges."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class CannotProfile(OSError):
    """py-spy is not there, or may not look into another process. The text says what it said."""


@app.command()
def main(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"Just this; may be repeated: {', '.join(NAMES)}."),
    ] = None,
    keys: Annotated[Literal["p256", "ed25519"], typer.Option(help="What the phones' keys are.")] = "p256",
    seconds: Annotated[float, typer.Option(min=0.5, help="For how long each is looked at.")] = 5.0,
    rate: Annotated[int, typer.Option(min=10, help="Samples a second.")] = 250,
    native: Annotated[
        bool, typer.Option("--native/--python", help="Whether C is seen too, which slows the server more.")
    ] = True,
    log: Annotated[Path, typer.Option(help="Where the server's log goes.")] = Path(os.devnull),
) -> None:
    """Where the time goes inside the server: one worker under load, looked into by py-spy.

    Shares are of the time in which the process does something. Microseconds are that share of what a request
    costs the server while nobody looks.
    """
    chosen = set(only or NAMES)
    if unknown := chosen - set(NAMES):
        raise typer.BadParameter(f"there is no {', '.join(sorted(unknown))}", param_hint="--only")
    options = ["--rate", str(rate), *(["--native"] if native else [])]
    allow_open_files()
    with failures_told():
        for name in NAMES:
            if name not in chosen:
                continue
            # Each on a database of its own: none works on what the one before it left.
            with telling() as tell, ground(durable=True) as prepared, running(prepared, log) as server:
                tell(name)
                details = uvloop.run(_profile(name, keys, seconds, options, prepared, server))
            for detail in details:
                printing().print(detail_table(detail))


async def _profile(
    name: str,
    keys: Literal["p256", "ed25519"],
    seconds: float,
    options: Sequence[str],
    prepared: Ground,
    server: Running,
) -> list[Detail]:
    count = USERS if name == EXCHANGE else PHONES
    async with (
        Fleet.enrolled(prepared.settings, prepared.database_url, count, keys) as fleet,
        _load(name, fleet, server) as load,
    ):
        await load(1.0)  # warms up
        before = cpu_seconds(server.process)
        answers = await load(2.0)
        each = microseconds_each(before, cpu_seconds(server.process), answers) or 0.0
        with tempfile.NamedTemporaryFile(mode="r", suffix=".stacks") as found:
            with _looked_into(server.process, found.name, options):
                await load(seconds)
            stacks = Stacks(found)
    what = f"{name}: {each:,.0f} µs of the server's processor time each; {stacks.samples:,} samples"
    return [
        Detail(
            what,
            ("by layer", "share", "µs", "of it system calls"),
            [
                [part.name, f"{part.share:.1%}", f"{part.share * each:,.0f}", f"{part.system_calls:.1%}"]
                for part in stacks.by_layer()
            ],
        ),
        Detail(
            name,
            ("by function", "share", "µs"),
            [
                [part.name, f"{part.share:.1%}", f"{part.share * each:,.1f}"]
                for part in stacks.by_function(SHOWN_FUNCTIONS)
            ],
        ),
    ]


@asynccontextmanager
async def _load(name: str, fleet: Fleet, server: Running) -> AsyncIterator[Load]:
    if name == EXCHANGE:
        async with users_of(fleet, server) as users:

            async def exchange(seconds: float) -> int:
                return len(await exchange_all(users, seconds))

            yield exchange
        return
    scenario: Scenario = next(each for each in SCENARIOS if each.name == name)
    with connections_to(server.address, CONNECTIONS) as connections:

        async def request(seconds: float) -> int:
            answers, busy = 0, 0.0
            while busy < seconds:
                requests = await scenario.prepare(fleet, PHONES)
                measured = saturate(connections, requests, scenario.expected)
                answers += measured.answers
                busy += measured.seconds
            return answers

        yield request


@contextmanager
def _looked_into(process: int, output: str, options: Sequence[str]) -> Iterator[None]:
    """Inside, py-spy samples the process; afterwards its stacks are in the file *output*.

    Raises:
        CannotProfile: It could not begin, or ended before it was told to.
    """
    if not PY_SPY.exists():
        raise CannotProfile("py-spy is not installed: it is among the development dependencies")
    command = [str(PY_SPY), "record", "--pid", str(process), "--format", "raw", "--output", output, *options]
    with tempfile.TemporaryFile() as said:
        spy = subprocess.Popen(  # noqa: S603 - our own words, no shell
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            deadline = perf_counter() + ATTACHING_SECONDS
            while perf_counter() < deadline and spy.poll() is None:
                sleep(0.05)
            if spy.poll() is None:
                yield
                spy.send_signal(signal.SIGINT)
                spy.wait(WRITING_SECONDS)
        finally:
            if spy.poll() is None:
                spy.kill()
                spy.wait()
        if spy.returncode != 0:
            said.seek(0)
            words = " ".join(said.read().decode(errors="replace").split())
            raise CannotProfile(
                f"py-spy could not look into the server: {words}. It needs the right to trace processes: run "
                "it as root, in a container with the capability SYS_PTRACE, or set kernel.yama.ptrace_scope=0"
            )


if __name__ == "__main__":
    app()
