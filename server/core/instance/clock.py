"""The instance's clock, which testers may move and production never lets them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.base.errors import InvalidFields, RouteNotFound
from server.core.audit.events import Event
from server.core.instance.store import select_clock_offset, update_clock_offset
from server.core.work import Work

CLOCK_TOPIC = "clock"
MAX_OFFSET_SECONDS = 10 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class MoveClock:
    """How far to move the clock.

    Args:
        advance_seconds: From where it is now, forwards or (negative) backwards; None sets it right again.
    """

    advance_seconds: float | None


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What time it is here, and how far that is ahead of the system's clock."""

    now: datetime
    offset_seconds: float


async def move_clock(work: Work, command: MoveClock) -> ClockReading:
    """Every process of the instance reckons with the moved clock as soon as it hears of it.

    Raises:
        RouteNotFound: The clock is not movable here (setting `movable_clock`).
        InvalidFields: More than ten years.
    """
    if not work.settings.movable_clock:
        raise RouteNotFound
    before = await select_clock_offset(work.conn)
    after = 0.0 if command.advance_seconds is None else before + command.advance_seconds
    if not abs(after) <= MAX_OFFSET_SECONDS:
        raise InvalidFields(fields={"advanceSeconds": "must not move the clock by more than ten years"})
    await update_clock_offset(work.conn, after)
    work.record(Event("clock.moved", "instance", "clock", data={"offset_seconds": str(after)}))
    work.wake(CLOCK_TOPIC)
    return ClockReading(work.now + timedelta(seconds=after - before), after)


async def read_clock(work: Work, _: None) -> ClockReading:
    """What time it is on the instance's clock."""
    return ClockReading(work.now, await read_clock_offset(work, None))


async def read_clock_offset(work: Work, _: None) -> float:
    """How many seconds the instance's clock is to be ahead; 0 where it is not movable."""
    return await select_clock_offset(work.conn) if work.settings.movable_clock else 0.0
