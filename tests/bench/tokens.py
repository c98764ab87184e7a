"""Tokens: verified for a relying party, and refreshed, beside the echoes on the same worker."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice

import uvloop

from tests.bench.connections import connections_to
from tests.bench.figures import Detail, Figure, Outcome
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.options import Options, Tell
from tests.bench.people import REFRESHED, VERIFIED, People
from tests.bench.scenarios import KIT_ECHOES, QUART
from tests.bench.slices import Contender, Slices, echo_contender, in_turns, others_share, ratios
from tests.bench.tables import HEADINGS, NOTE, cells, raw

VERIFY, REFRESH = "token verify", "token refresh"
OPERATIONS = (VERIFY, REFRESH)
# Different ones, so that nothing is remembered of a token that would not be of many.
VERIFIED_TOKENS = 400
# What is under way at the end of a slice is not counted: a small part of what a longer one counts.
LEAST_SECONDS = 2.0


def measure_tokens(options: Options, tell: Tell) -> Outcome:
    """Both operations, in turns with the echoes, on one worker.

    Raises:
        WrongAnswer: A token was not good.
    """
    with ground(durable=options.durable) as prepared, running(prepared, options.log) as server:
        slices = uvloop.run(_measure(options, tell, prepared, server))
    beside = {name: ratios(slices[name], slices[QUART.name]) for name in OPERATIONS}
    return Outcome(
        figures=[Figure.median(name, beside[name], "x Quart") for name in OPERATIONS],
        details=[
            Detail(
                "Tokens on one worker",
                ("", *HEADINGS),
                [
                    [name if name in OPERATIONS else f"echo {name}", *cells(its)]
                    for name, its in slices.items()
                ],
                NOTE,
            )
        ],
        raw={"ratios": beside, **{name: raw(its) for name, its in slices.items()}},
        others_share=others_share(each for its in slices.values() for each in its),
    )


async def _measure(options: Options, tell: Tell, prepared: Ground, server: Running) -> Slices:
    async with People.registered(prepared.settings, prepared.database_url, options.people) as people:
        tell("preparing tokens")
        tokens = await people.access_tokens(VERIFIED_TOKENS)

        async def verifying(count: int) -> Sequence[bytes]:
            return [people.verifying(token) for token in islice(cycle(tokens), count)]

        async def refreshing(count: int) -> Sequence[bytes]:
            unused = await people.refresh_tokens(count)
            await people.conn.execute("ANALYZE sessions, refresh_tokens")
            return [people.refreshing(token) for token in unused]

        with connections_to(server.address, options.connections) as connections:
            contenders = [
                Contender(VERIFY, server, connections, verifying, VERIFIED),
                Contender(REFRESH, server, connections, refreshing, REFRESHED),
                *(echo_contender(echo.name, echo, server, connections) for echo in (QUART, *KIT_ECHOES)),
            ]
            longer = replace(options, seconds=max(options.seconds, LEAST_SECONDS))
            return await in_turns(contenders, longer, tell)
