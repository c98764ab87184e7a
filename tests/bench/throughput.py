"""Requests per second of each operation on one worker, as multiples of a plain Quart echo."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import uvloop

from tests.bench.connections import connections_to
from tests.bench.figures import Detail, Figure, Outcome, Target
from tests.bench.fleet import Fleet
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.options import Options, Tell
from tests.bench.rows import KeyKind
from tests.bench.scenarios import EMPTY_POLL, KIT_ECHOES, QUART, Scenario
from tests.bench.slices import Slice, Slices, contender, echo_contender, in_turns, others_share, ratios
from tests.bench.tables import HEADINGS, NOTE, cells, raw

TARGETS: Mapping[str, Target] = {
    "pending-204": Target(1.2),
    "pending-200": Target(0.9),
    "respond": Target(0.5),
    "create": Target(0.6),
}
ON_HYPERCORN = "Quart on Hypercorn"
ON_HYPERCORN_TARGET = Target(2.4)

KEY_NAMES: Mapping[KeyKind, str] = {"p256": "P-256", "ed25519": "Ed25519"}


@dataclass(frozen=True, slots=True)
class Throughput:
    """An operation's slices, and those of the echoes around it.

    Args:
        target: What it must be as a multiple of Quart.
        echoes: By the echo's name.
    """

    name: str
    target: Target
    slices: Sequence[Slice]
    echoes: Slices

    def figures(self) -> list[Figure]:
        """As multiples of the plain Quart echoes."""
        figures = [
            Figure.median(self.name, ratios(self.slices, self.echoes[QUART.name]), "x Quart", self.target)
        ]
        if (there := self.echoes.get(ON_HYPERCORN)) is not None:
            figures.append(
                Figure.median(self.name, ratios(self.slices, there), f"x {ON_HYPERCORN}", ON_HYPERCORN_TARGET)
            )
        return figures


def measure_throughput(scenarios: Sequence[Scenario], options: Options, tell: Tell) -> Outcome:
    """Each of *scenarios* by phones of each kind, in turns with the echoes, on one worker.

    Raises:
        WrongAnswer: An answer was not the expected one.
    """
    with ExitStack() as open_:
        prepared = open_.enter_context(ground(durable=options.durable))
        server = open_.enter_context(running(prepared, options.log))
        hypercorn = None
        if EMPTY_POLL in scenarios:
            hypercorn = open_.enter_context(running(prepared, options.log, server="hypercorn"))
        throughputs = uvloop.run(_measure(scenarios, options, tell, prepared, server, hypercorn))
    return Outcome(
        figures=[figure for each in throughputs for figure in each.figures()],
        details=[_detail(throughputs)],
        raw={
            each.name: raw(each.slices) | {"echoes": {name: raw(its) for name, its in each.echoes.items()}}
            for each in throughputs
        },
        others_share=others_share(each for throughput in throughputs for each in throughput.slices),
    )


async def _measure(
    scenarios: Sequence[Scenario],
    options: Options,
    tell: Tell,
    prepared: Ground,
    server: Running,
    hypercorn: Running | None,
) -> list[Throughput]:
    throughputs: list[Throughput] = []
    with ExitStack() as open_:
        connections = open_.enter_context(connections_to(server.address, options.connections))
        # Quart's is always the one beside the operation.
        quart = echo_contender(QUART.name, QUART, server, connections)
        more_echoes = [echo_contender(echo.name, echo, server, connections) for echo in KIT_ECHOES]
        if hypercorn is not None:
            there = open_.enter_context(connections_to(hypercorn.address, options.connections))
            more_echoes.insert(0, echo_contender(ON_HYPERCORN, QUART, hypercorn, there))
        for kind in options.keys:
            async with Fleet.enrolled(
                prepared.settings, prepared.database_url, options.phones, kind
            ) as fleet:
                for scenario in scenarios:
                    if not scenario.signed and kind != options.keys[0]:
                        continue  # it has nothing to do with the phones' keys
                    name = f"{scenario.name} {KEY_NAMES[kind]}" if scenario.signed else scenario.name
                    operation = contender(name, scenario, fleet, server, connections)
                    others = [quart, *(more_echoes if scenario is EMPTY_POLL else ())]
                    slices = await in_turns([operation, *others], options, tell)
                    around = {other.name: slices[other.name] for other in others}
                    throughputs.append(Throughput(name, TARGETS[scenario.name], slices[name], around))
    return throughputs


def _detail(throughputs: Sequence[Throughput]) -> Detail:
    echoes: dict[str, list[Slice]] = {}
    for each in throughputs:
        for name, slices in each.echoes.items():
            echoes.setdefault(name, []).extend(slices)
    return Detail(
        "Requests per second on one worker",
        ("", *HEADINGS),
        [
            *(["echo " + name, *cells(slices)] for name, slices in echoes.items()),
            *([each.name, *cells(each.slices)] for each in throughputs),
        ],
        NOTE,
    )
