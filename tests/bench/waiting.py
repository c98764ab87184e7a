"""Relying parties that wait, thousands of them."""

import asyncio
import re
import socket
from collections.abc import Sequence

from tests.bench.callers import Caller
from tests.bench.connections import OK, ask, connections_to
from tests.bench.fleet import Fleet
from tests.bench.options import Tell
from tests.bench.rows import Question
from tests.bench.wire import Address, Answer, request_bytes

# So many come at a time: a server that is asked by ten thousand in one moment rightly sends some away.
CROWD = 500
SETTLE_SECONDS = 30.0
# The longest that the product offers.
WAIT_SECONDS = 300

_WAITING = re.compile(rb"^countersign_http_waiting_requests(?:\{[^}]*\})? ([0-9.]+)$", re.MULTILINE)


class NotWaiting(Exception):
    """The waiters are not there. The text says how many are missing."""


async def wait_for_all(
    address: Address,
    fleet: Fleet,
    connections: Sequence[socket.socket],
    questions: Sequence[Question],
    tell: Tell,
) -> list[asyncio.Future[Answer]]:
    """On each of *connections* somebody waits for the answer to the question with its number.

    Raises:
        NotWaiting: Not everybody came to wait.
    """
    callers = [await Caller.over(connection) for connection in connections]
    ends: list[asyncio.Future[Answer]] = []
    with connections_to(address, 1) as (asking,):
        for begin in range(0, len(callers), CROWD):
            crowd = slice(begin, begin + CROWD)
            ends += [
                caller.ask(fleet.wait(question.attempt_id, WAIT_SECONDS))
                for caller, question in zip(callers[crowd], questions[crowd], strict=True)
            ]
            await _until_waiting(asking, ends)
            tell(f"{len(ends):,} of {len(callers):,} wait")
    return ends


async def _until_waiting(asking: socket.socket, ends: Sequence[asyncio.Future[Answer]]) -> None:
    waiting = -1
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while waiting != len(ends):
                metrics = ask(asking, request_bytes("GET", "/metrics"))
                OK.check(metrics)
                found = _WAITING.search(metrics.raw)
                waiting = int(float(found[1])) if found is not None else 0
                # Meanwhile what is to be sent is sent, and who is refused hears of it.
                await asyncio.sleep(0.02)
                insist_on_waiting(ends)
    except TimeoutError:
        raise NotWaiting(f"{len(ends)} requests should wait, and {waiting} do") from None


def insist_on_waiting(ends: Sequence[asyncio.Future[Answer]]) -> None:
    """None of them was answered.

    Raises:
        NotWaiting: One was.
        OSError: A connection was lost.
    """
    for end in ends:
        if end.done():
            raise NotWaiting(f"a request should wait, and was answered: {end.result().raw[:2000]!r}")
