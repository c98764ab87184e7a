"""What a second worker adds, on one machine and one database."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median

import uvloop

from tests.bench.connections import connections_to
from tests.bench.figures import Detail, Figure, Outcome, Target
from tests.bench.fleet import Fleet
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.options import Options, Tell
from tests.bench.scenarios import EMPTY_POLL, SCENARIOS, Scenario
from tests.bench.slices import Slices, contender, in_turns, median_of, others_share, ratios
from tests.bench.tables import HEADINGS, NOTE, cells, raw

TARGET = Target(1.6)
ONE, TWO = "one worker", "two workers"


def measure_two_workers(options: Options, tell: Tell) -> Outcome:
    """Each operation on a server with two workers, in turns with one that has one.

    Raises:
        WrongAnswer: An answer was not the expected one.
        OneSided: The connections did not spread over both workers.
    """
    with (
        ground(durable=options.durable) as prepared,
        running(prepared, options.log, workers=1) as one,
        running(prepared, options.log, workers=2) as two,
    ):
        measured = uvloop.run(_measure(options, tell, prepared, one, two))
    found = dict(measured)
    name = f"two workers, {EMPTY_POLL.name}"
    return Outcome(
        figures=[Figure.median(name, _gain(found[EMPTY_POLL]), "x one worker", TARGET)],
        details=[
            Detail(
                "A second worker",
                ("", "x one", *HEADINGS),
                [row for scenario, slices in measured for row in _rows(scenario, slices)],
                f"{NOTE} {options.connections} connections, half of them to each of two workers. With what a "
                f"{EMPTY_POLL.name} costs here all three together, {os.cpu_count()} cores could do about "
                f"{_bound(found[EMPTY_POLL]):.2f} x what one worker does on one.",
            )
        ],
        raw={
            scenario.name: {"ratios": _gain(slices), "bound": _bound(slices)}
            | {each: raw(its) for each, its in slices.items()}
            for scenario, slices in measured
        },
        others_share=others_share(each for _, slices in measured for its in slices.values() for each in its),
    )


async def _measure(
    options: Options, tell: Tell, prepared: Ground, one: Running, two: Running
) -> Sequence[tuple[Scenario, Slices]]:
    measured = []
    with ExitStack() as open_:
        to_one = open_.enter_context(connections_to(one.address, options.connections))
        to_two = open_.enter_context(connections_to(two.address, options.connections, processes=2))
        async with Fleet.enrolled(
            prepared.settings, prepared.database_url, options.phones, options.keys[0]
        ) as fleet:
            for scenario in SCENARIOS:
                contenders = [
                    contender(ONE, scenario, fleet, one, to_one),
                    contender(TWO, scenario, fleet, two, to_two),
                ]
                measured.append((scenario, await in_turns(contenders, options, tell)))
    return measured


def _gain(slices: Slices) -> list[float]:
    return ratios(slices[TWO], slices[ONE])


def _bound(slices: Slices) -> float:
    """What all cores can do, for server, database and load generator, against a worker that has one."""
    one = median_of(slices[ONE], lambda each: each.server_us) or 0.0
    together = median_of(
        slices[TWO], lambda each: (each.server_us or 0.0) + (each.database_us or 0.0) + each.load_us
    )
    return (os.cpu_count() or 1) * one / (together or 1.0)


def _rows(scenario: Scenario, slices: Slices) -> list[list[str]]:
    return [
        [f"{scenario.name}, {ONE}", "", *cells(slices[ONE])],
        [f"{scenario.name}, {TWO}", f"{median(_gain(slices)):.2f}", *cells(slices[TWO])],
    ]
