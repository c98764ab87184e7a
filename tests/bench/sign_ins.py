"""Sign-ins by password, beside bare Argon2id verifications on the same cores, in turns."""

import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

import uvloop

from server.base.settings import usable_cores
from tests.bench.bare_argon2 import Bare, verify_only
from tests.bench.connections import connections_to
from tests.bench.cpu import MICROSECONDS, Usage, microseconds_each
from tests.bench.figures import Detail, Figure, Outcome, Target
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.load import saturate
from tests.bench.options import Options, Tell
from tests.bench.people import SIGNED_IN, People
from tests.bench.slices import Slice, others_share
from tests.bench.tables import HEADINGS, NOTE, cells, raw

NAME = "sign-in by password"
# The hashing threads share the cores with the rest of the server, the database and the load generator.
TARGET = Target(0.75)
# So many a slice for each connection. Those under way at the end of a slice of the hot path are not counted;
# here, where a hash takes tens of milliseconds, they would be most of all.
EACH = 4
BARE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Measured:
    """Sign-ins and what the machine does without the product, round by round."""

    slices: Sequence[Slice]
    bare: Sequence[Bare]

    @property
    def ratios(self) -> list[float]:
        return [mine.per_second / bare.per_second for mine, bare in zip(self.slices, self.bare, strict=True)]

    @property
    def dearer(self) -> list[float]:
        """The same by processor time of the server, which other programs hardly change."""
        return [
            mine.server_us / bare.own_us
            for mine, bare in zip(self.slices, self.bare, strict=True)
            if mine.server_us is not None
        ]


def measure_sign_ins(options: Options, tell: Tell) -> Outcome:
    """`options.connections` sign-ins at a time, on one worker that may use all cores.

    Raises:
        WrongAnswer: Somebody could not sign in.
    """
    with ground(durable=options.durable) as prepared, running(prepared, options.log) as server:
        measured = uvloop.run(_measure(options, tell, prepared, server))
    cores = usable_cores()
    bare_per_second = median(each.per_second for each in measured.bare)
    bare_us = median(each.own_us for each in measured.bare)
    dearer = measured.dearer
    return Outcome(
        figures=[
            Figure.median(NAME, measured.ratios, "x bare Argon2id", TARGET),
            *([Figure.median(f"{NAME}, processor time", dearer, "x bare Argon2id")] if dearer else []),
            Figure.median(f"{NAME}, rate", [each.per_second for each in measured.slices], "a second"),
        ],
        details=[
            Detail(
                f"Sign-ins by password on {cores} cores, {options.connections} at a time",
                ("", *HEADINGS),
                [
                    [
                        f"bare Argon2id, {cores} threads",
                        f"{bare_per_second:,.0f}",
                        "",
                        "",
                        f"{bare_us:,.0f}",
                        "",
                        "",
                    ],
                    [NAME, *cells(measured.slices)],
                ],
                NOTE,
            )
        ],
        raw={
            "ratios": measured.ratios,
            "processor_time_ratios": dearer,
            "bare": [asdict(each) for each in measured.bare],
            NAME: raw(measured.slices),
        },
        others_share=others_share(measured.slices),
    )


async def _measure(options: Options, tell: Tell, prepared: Ground, server: Running) -> _Measured:
    slices: list[Slice] = []
    bare: list[Bare] = []
    async with People.registered(prepared.settings, prepared.database_url, options.people) as people:
        with connections_to(server.address, options.connections) as connections:
            tell("warming up")
            saturate(connections, await people.sign_ins(2 * options.connections), SIGNED_IN)
            for number in range(options.rounds):
                tell(f"round {number + 1} of {options.rounds}: {NAME}")
                requests = await people.sign_ins(EACH * options.connections)
                slices.append(_slice(server, connections, requests))
                tell(f"round {number + 1} of {options.rounds}: bare Argon2id")
                bare.append(verify_only(usable_cores(), BARE_SECONDS))
    return _Measured(slices, bare)


def _slice(server: Running, connections: Sequence[socket.socket], requests: Sequence[bytes]) -> Slice:
    """All of *requests*, from the first to the last answer."""
    before = Usage.until_now(server.process, server.database_process)
    saturate(connections, requests, SIGNED_IN)
    after = Usage.until_now(server.process, server.database_process)
    return Slice(
        per_second=len(requests) / (after.at - before.at),
        server_us=microseconds_each(before.server, after.server, len(requests)),
        database_us=microseconds_each(before.database, after.database, len(requests)),
        load_us=(after.own - before.own) * MICROSECONDS / len(requests),
        others_share=after.others_share(before),
    )
