"""`python -m tests.bench`, or `make bench`: the hot path and sign-in, against what they must reach."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import typer

from tests.bench.command_line import allow_open_files, failures_told, printing, telling
from tests.bench.empty_polls import measure_empty_polls
from tests.bench.exchange import measure_exchange
from tests.bench.figures import Outcome
from tests.bench.idle_waiters import measure_idle_waiters
from tests.bench.many_enrollments import measure_many_enrollments
from tests.bench.options import Options, Tell
from tests.bench.report import Report
from tests.bench.round_trips import measure_round_trips
from tests.bench.scenarios import SCENARIOS
from tests.bench.sign_in_memory import measure_sign_in_memory
from tests.bench.sign_in_round_trips import measure_sign_in_round_trips
from tests.bench.sign_in_timing import measure_sign_in_timing
from tests.bench.sign_ins import measure_sign_ins
from tests.bench.throughput import measure_throughput
from tests.bench.tokens import measure_tokens
from tests.bench.two_workers import measure_two_workers
from tests.bench.usage import measure_usage
from tests.bench.wake_up import measure_wake_up

OPERATIONS = tuple(scenario.name for scenario in SCENARIOS)
Measure = Callable[[Options, Tell], Outcome]

MEASUREMENTS: Mapping[str, Measure] = {
    "workers": measure_two_workers,
    "enrollments": measure_many_enrollments,
    "waiters": measure_idle_waiters,
    "wake-up": measure_wake_up,
    "empty-polls": measure_empty_polls,
    "exchange": measure_exchange,
    "round-trips": measure_round_trips,
    "sign-ins": measure_sign_ins,
    "tokens": measure_tokens,
    "sign-in-trips": measure_sign_in_round_trips,
    "sign-in-memory": measure_sign_in_memory,
    "sign-in-timing": measure_sign_in_timing,
    "usage": measure_usage,
}
NAMES = (*OPERATIONS, *MEASUREMENTS)
DEFAULT_JSON = Path("build/bench.json")

HELP = """The hot path, and sign-in, measured against what they must reach, on databases of their own.

Figures are ratios within one run: slices of load are taken in turns, and the median of the ratios of all
rounds counts. Everything runs on this machine, the load generator and the database too. A wrong answer
ends the run with 1; a target that is missed does so only with --check.

\b
pending-204, pending-200, respond, create
              requests a second on one worker, as multiples of a plain Quart echo
workers       the same on two workers, as multiples of one
enrollments   empty polls where very many are enrolled, against 1,000
waiters       what idle waiters cost: memory, and the rate of the polls beside them
wake-up       from the commit of an answer to the end of its wait, across processes
empty-polls   what empty polls write to the database
exchange      create, wait, pending, respond, by many users at once
round-trips   how often each operation goes to the database

\b
sign-ins      by password, as multiples of bare Argon2id verifications on the same cores
tokens        verified and refreshed, a second on one worker, as multiples of a plain Quart echo
sign-in-trips how often signing in, refreshing and verifying go to the database
sign-in-memory
              what sixty-four sign-ins at a time cost the process that does them
sign-in-timing
              whether the time of a refusal tells unknown, wrong and locked apart
usage         how long it takes to read the usage of a day to a quarter, where very much was counted
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(help=HELP)
def main(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"Just this; may be repeated: {', '.join(NAMES)}."),
    ] = None,
    keys: Annotated[
        Literal["both", "p256", "ed25519"],
        typer.Option(help="What the phones' keys are. Only throughput is measured with both."),
    ] = "both",
    rounds: Annotated[int, typer.Option(min=1, help="Slices of each kind, taken in turns.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.05, help="The length of a slice, at most.")] = 0.6,
    connections: Annotated[int, typer.Option(min=2, help="Connections that are busy at a time.")] = 64,
    phones: Annotated[
        int, typer.Option(min=2, help="Those that poll and answer; each answers once a slice at most.")
    ] = 3000,
    enrollments: Annotated[
        int, typer.Option(min=20_000, help="How many are very many enrollments, against 1,000.")
    ] = 1_000_000,
    waiters: Annotated[int, typer.Option(min=200, help="How many wait at a time.")] = 10_000,
    answers: Annotated[int, typer.Option(min=30, help="How many waiters are answered.")] = 600,
    users: Annotated[int, typer.Option(min=1, help="Who do the whole exchange at the same time.")] = 50,
    people: Annotated[int, typer.Option(min=64, help="Who sign in by password, and have sessions.")] = 400,
    tries: Annotated[
        int, typer.Option(min=20, help="Refused sign-ins of each kind whose time is taken.")
    ] = 300,
    active_days: Annotated[
        int, typer.Option(min=1000, help="How many days of somebody's activity were counted before.")
    ] = 3_000_000,
    durable: Annotated[
        bool, typer.Option("--fsync/--no-fsync", help="Whether commits wait for the disk, as in production.")
    ] = True,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if a target is missed.")] = False,
    json_file: Annotated[Path, typer.Option("--json", help="Where to write all figures.")] = DEFAULT_JSON,
    log: Annotated[
        Path, typer.Option(help="Where the server's log goes. A real file costs the server a little.")
    ] = Path(os.devnull),
) -> None:
    """What was asked for is measured, printed, and written as JSON."""
    chosen = set(only or NAMES)
    if unknown := chosen - set(NAMES):
        raise typer.BadParameter(f"there is no {', '.join(sorted(unknown))}", param_hint="--only")
    options = Options(
        rounds=rounds,
        seconds=seconds,
        connections=connections,
        keys=("p256", "ed25519") if keys == "both" else (keys,),
        phones=phones,
        enrollments=enrollments,
        waiters=waiters,
        answers=answers,
        users=users,
        people=people,
        tries=tries,
        active_days=active_days,
        durable=durable,
        log=log,
    )
    allow_open_files()
    with failures_told():
        report = _measure(chosen, options)
        report.print(printing())
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    if check and report.missed:
        raise typer.Exit(1)


def _measure(chosen: set[str], options: Options) -> Report:
    outcomes: dict[str, Outcome] = {}
    seconds: dict[str, float] = {}
    with telling() as tell:
        for name, measure in _measurements(chosen).items():
            began = perf_counter()
            outcomes[name] = measure(options, partial(_tell_of, tell, name))
            seconds[name] = perf_counter() - began
    return Report(asdict(options) | {"log": str(options.log)}, outcomes, seconds)


def _tell_of(tell: Tell, name: str, text: str) -> None:
    tell(f"{name}: {text}")


def _measurements(chosen: set[str]) -> Mapping[str, Measure]:
    operations = [scenario for scenario in SCENARIOS if scenario.name in chosen]
    throughput = {"throughput": partial(measure_throughput, operations)} if operations else {}
    return throughput | {name: measure for name, measure in MEASUREMENTS.items() if name in chosen}


if __name__ == "__main__":
    app()
