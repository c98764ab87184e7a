from datetime import timedelta

import pytest

from server.base.errors import InvalidFields, RouteNotFound
from server.core.instance.clock import (
    CLOCK_TOPIC,
    ClockReading,
    MoveClock,
    move_clock,
    read_clock,
    read_clock_offset,
)
from server.core.work import Core
from server.db.pool import Connection
from tests.support.rolled_back import a_core_rolled_back, woken_by
from tests.support.work import OPERATOR, some_settings

DAY = 86_400


@pytest.fixture
def movable(conn: Connection) -> Core:
    """A core whose clock testers may move."""
    return a_core_rolled_back(conn, some_settings(movable_clock=True))


async def moved(core: Core, seconds: float | None) -> ClockReading:
    """What the clock says after it was moved."""
    return await core.perform(move_clock, MoveClock(seconds), actor=OPERATOR)


async def test_x12_a_tester_moves_the_clock(movable: Core) -> None:
    before = movable.clock.now()

    reading = await moved(movable, 3600)

    assert reading.offset_seconds == 3600
    assert timedelta(hours=1) <= reading.now - before < timedelta(hours=1, minutes=1)
    assert await movable.perform_at_once(read_clock_offset, None, actor=OPERATOR) == 3600
    assert woken_by(movable) == [CLOCK_TOPIC]


async def test_moves_add_up_and_go_backwards_too(movable: Core) -> None:
    await moved(movable, DAY)

    assert (await moved(movable, -1.5)).offset_seconds == DAY - 1.5


async def test_the_clock_is_set_right_again(movable: Core) -> None:
    await moved(movable, DAY)

    assert (await moved(movable, None)).offset_seconds == 0
    assert (await movable.perform_at_once(read_clock, None, actor=OPERATOR)).offset_seconds == 0


@pytest.mark.parametrize("seconds", [3651 * DAY, -3651 * DAY, 1e300])
async def test_ten_years_are_the_most(movable: Core, seconds: float) -> None:
    with pytest.raises(InvalidFields):
        await moved(movable, seconds)

    assert await movable.perform_at_once(read_clock_offset, None, actor=OPERATOR) == 0


async def test_a_move_leaves_one_event(movable: Core, conn: Connection) -> None:
    await moved(movable, 60)

    [event] = await conn.fetch(
        "SELECT * FROM audit_events WHERE event = 'clock.moved' AND surface = $1", OPERATOR.surface
    )
    assert (event["target_kind"], event["target_id"]) == ("instance", "clock")
    assert event["data"] == '{"offset_seconds": "60.0"}'


async def test_where_testers_may_not_move_it_there_is_nothing_to_move(conn: Connection) -> None:
    core = a_core_rolled_back(conn, some_settings(movable_clock=False))

    with pytest.raises(RouteNotFound):
        await moved(core, 60)

    await conn.execute("UPDATE instance_clock SET offset_seconds = 60")
    assert await core.perform_at_once(read_clock_offset, None, actor=OPERATOR) == 0
