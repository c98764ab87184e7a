"""The testers' clock: expiries of minutes to days, checked in seconds."""

from typing import Annotated, Self

from pydantic import Field

from server.core.instance.clock import ClockReading, MoveClock, move_clock, read_clock
from server.surfaces.kit.asking import adopt_clock_offset
from server.surfaces.kit.body import Instant, StrictCamelBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.limits import UNLIMITED
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import read
from server.surfaces.kit.replying import reply
from server.surfaces.well_known.surface import surface, tester


class MoveRequest(StrictCamelBody):
    """How many seconds to move the clock, forwards or (negative) backwards."""

    advance_seconds: Annotated[float, Field(strict=False)]


class ClockResponse(StrictCamelBody):
    """What time it is on the instance's clock, and how far ahead of the system's that is."""

    now: Instant
    offset_seconds: float

    @classmethod
    def of(cls, reading: ClockReading) -> Self:
        """All of it."""
        return cls(now=reading.now, offset_seconds=reading.offset_seconds)


@surface.get("/testing/clock", guard=tester, limit=UNLIMITED, gives={200: ClockResponse})
async def read_now() -> Response:
    """GET /testing/clock: what time it is on the instance's clock."""
    return reply(ClockResponse.of(await perform_at_once(read_clock, None)))


@surface.post("/testing/clock", guard=tester, limit=UNLIMITED, takes=MoveRequest, gives={200: ClockResponse})
async def move() -> Response:
    """POST /testing/clock: the clock of the whole instance is moved; waiting requests look again."""
    body = await read(MoveRequest)
    reading = await perform(move_clock, MoveClock(body.advance_seconds))
    adopt_clock_offset(reading.offset_seconds)
    return reply(ClockResponse.of(reading))


@surface.delete("/testing/clock", guard=tester, limit=UNLIMITED, gives={200: ClockResponse})
async def set_right() -> Response:
    """DELETE /testing/clock: the clock of the whole instance is right again."""
    reading = await perform(move_clock, MoveClock(None))
    adopt_clock_offset(reading.offset_seconds)
    return reply(ClockResponse.of(reading))
