"""`python -m tests.bench`, or `make bench`: the hot path beside trivial echoes, as ratios."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
import uvloop
from rich.console import Console

from server.app import close_core, open_core
from server.serve.logs import configure_logs
from tests.bench.fleet import Fleet, KeyKind
from tests.bench.instance import DidNotServe, Ground, ground, running
from tests.bench.load import WrongAnswer
from tests.bench.profiling import profile
from tests.bench.report import Report
from tests.bench.round_trips import count_round_trips
from tests.bench.scenarios import SCENARIOS, Scenario
from tests.bench.throughput import Course
from tests.bench.wake_up import NotWaiting, measure_wake_up

WAIT = "wait"
OPERATIONS = (*(scenario.name for scenario in SCENARIOS), WAIT)


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is made; the command line says what each is."""

    workers: int
    server: Literal["uvicorn", "hypercorn"]
    seconds: float
    rounds: int
    connections: int
    enrollments: int
    waiters: int
    keys: KeyKind
    only: tuple[str, ...]
    durable: bool
    log: Path


@app.command()
def main(
    *,
    workers: Annotated[int, typer.Option(min=1, help="Processes that serve.")] = 1,
    server: Annotated[Literal["uvicorn", "hypercorn"], typer.Option(help="What serves.")] = "uvicorn",
    seconds: Annotated[float, typer.Option(min=0.05, help="The length of a slice, at most.")] = 1.0,
    rounds: Annotated[int, typer.Option(min=1, help="Slices of each kind, taken in turns.")] = 5,
    connections: Annotated[int, typer.Option(min=1, help="Connections that are busy at a time.")] = 32,
    enrollments: Annotated[
        int, typer.Option(min=2, help="Phones; those that answer, answer once a slice.")
    ] = 2000,
    waiters: Annotated[int, typer.Option(min=1, help="How many wait at a time for a wake-up.")] = 50,
    keys: Annotated[Literal["p256", "ed25519"], typer.Option(help="What the phones' keys are.")] = "p256",
    only: Annotated[
        list[str] | None, typer.Option(help=f"Just this operation; may be repeated: {', '.join(OPERATIONS)}.")
    ] = None,
    durable: Annotated[
        bool, typer.Option("--fsync/--no-fsync", help="Whether commits wait for the disk, as in production.")
    ] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write all figures.")] = None,
    log: Annotated[
        Path, typer.Option(help="Where the server's log goes. A real file costs the server a little.")
    ] = Path(os.devnull),
    profiled: Annotated[
        bool, typer.Option("--profile", help="Instead, show where the time goes inside the server.")
    ] = False,
) -> None:
    """The hot path beside trivial echoes on the same server in the same run, on a database of its own."""
    unknown = set(only or ()) - set(OPERATIONS)
    if unknown:
        raise typer.BadParameter(f"there is no {', '.join(sorted(unknown))}", param_hint="--only")
    if waiters > enrollments:
        raise typer.BadParameter("as many enrollments are needed as waiters", param_hint="--enrollments")
    options = Options(
        workers=workers,
        server=server,
        seconds=seconds,
        rounds=rounds,
        connections=connections,
        enrollments=enrollments,
        waiters=waiters,
        keys=keys,
        only=tuple(only or OPERATIONS),
        durable=durable,
        log=log,
    )
    configure_logs("warning", "console", stream=sys.stderr)
    try:
        _run(options, Console(), json_file, profiled=profiled)
    except (WrongAnswer, NotWaiting, DidNotServe, OSError) as failed:
        sys.stderr.write(f"The bench failed: {failed}\n")
        raise typer.Exit(1) from failed


def _run(options: Options, console: Console, json_file: Path | None, *, profiled: bool) -> None:
    with (
        ground(workers=options.workers, server=options.server, durable=options.durable) as prepared,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        if profiled:
            with Path(os.devnull).open("w", encoding="ascii") as nowhere:
                # Writing the log is a part of what a request costs.
                configure_logs(prepared.settings.log_level, prepared.settings.log_format, stream=nowhere)
                sys.stdout.write(runner.run(_profile(options, prepared)))
            return
        report = runner.run(_measure(options, prepared, console))
    report.print(console)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")


async def _measure(options: Options, prepared: Ground, console: Console) -> Report:
    async with _fleet(options, prepared) as fleet:
        with console.status("Counting round trips") as status:
            round_trips = await count_round_trips(prepared.settings, prepared.database_url, fleet)
            with running(prepared, options.log) as server:
                course = Course(
                    prepared,
                    server,
                    fleet,
                    connections=options.connections,
                    seconds=options.seconds,
                    rounds=options.rounds,
                )
                throughputs = []
                for scenario in _chosen(options):
                    status.update(f"Measuring {scenario.name}")
                    throughputs.append(await course.run(scenario))
                wake_up = None
                if WAIT in options.only:
                    status.update(f"Measuring {WAIT}")
                    wake_up = await measure_wake_up(
                        server.address,
                        fleet,
                        waiters=options.waiters,
                        rounds=options.rounds,
                        workers=options.workers,
                    )
    return Report(asdict(options) | {"log": str(options.log)}, round_trips, throughputs, wake_up)


async def _profile(options: Options, prepared: Ground) -> str:
    async with _fleet(options, prepared) as fleet:
        return "\n".join(
            [
                await profile(
                    scenario, prepared.settings, prepared.database_url, fleet, rounds=options.rounds
                )
                for scenario in _chosen(options)
            ]
        )


def _chosen(options: Options) -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if scenario.name in options.only]


@asynccontextmanager
async def _fleet(options: Options, prepared: Ground) -> AsyncIterator[Fleet]:
    # What is only prepared need not wait for the disk.
    url = f"{prepared.database_url}&synchronous_commit=off"
    core = await open_core(prepared.settings, database_url=url, application_name="countersign bench")
    try:
        yield await Fleet.enroll(core, options.enrollments, options.keys)
    finally:
        await close_core(core)


if __name__ == "__main__":
    app()
