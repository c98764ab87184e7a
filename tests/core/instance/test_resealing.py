import json
from collections.abc import Sequence

import pytest

from server.base.clock import Clock
from server.core.instance.resealing import Reseal, count_sealed_with, count_stale, reseal
from server.core.instance.sealed_columns import SEALED_COLUMNS
from server.core.work import Core
from server.crypto.sealing import CannotOpen, KeyRing, Keys
from server.db.pool import Connection
from tests.support.phone import Phone
from tests.support.scene import Scene
from tests.support.work import OPERATOR, some_keys

OLD, NEW = some_keys().current_id, "ffeeddccbbaa9988"
KEYS = {OLD: bytes(range(32)), NEW: bytes(range(32, 64))}


def with_keys(core: Core, ids: Sequence[str]) -> Core:
    """The same core with these master keys, the last of which is the current one."""
    ring = KeyRing(lambda: Keys(ids[-1], {key_id: KEYS[key_id] for key_id in ids}))
    return Core(core.settings, core.db, ring, Clock())


async def sealed_everything(scene: Scene) -> Phone:
    """Every sealed column has a value of the scene's; the phone can be asked and has read an attempt."""
    await scene.bound_phone()
    phone = await scene.enrolled_phone()
    await scene.register(phone.push_address_body("FCM", "somewhere"))
    await scene.ask(phone, challenge=True)
    await scene.fetch(phone)
    return phone


async def reseal_all(core: Core, batch: int = 200) -> None:
    """Nothing is left to do."""
    while await core.perform(reseal, Reseal(batch), actor=OPERATOR):
        pass


async def test_every_sealed_column_of_the_schema_is_resealed(conn: Connection) -> None:
    rows = await conn.fetch(
        """
        SELECT table_name || '.' || column_name AS name
          FROM information_schema.columns
         WHERE table_schema = 'public'
           AND column_name LIKE '%\\_sealed'
        """
    )

    assert {column.name for column in SEALED_COLUMNS} == {row["name"] for row in rows}


@pytest.mark.parametrize("batch", [1, 200])
async def test_after_resealing_the_old_key_is_not_needed(scene: Scene, batch: int) -> None:
    phone = await sealed_everything(scene)
    scene.core = with_keys(scene.core, [OLD, NEW])

    await reseal_all(scene.core, batch)

    stale = await scene.core.perform_at_once(count_stale, None, actor=OPERATOR)
    assert {count.column: count.stale for count in stale} == {column.name: 0 for column in SEALED_COLUMNS}
    assert await scene.core.perform_at_once(count_sealed_with, OLD, actor=OPERATOR) == 0
    scene.core = with_keys(scene.core, [NEW])
    pending = await scene.fetch(phone)
    challenge = (await scene.look(pending.id)).challenge
    assert (await scene.answer(phone, pending, challenge=challenge)).result == "APPROVED"
    bound = await scene.bound_phone()
    await scene.verify(bound.verify_body())


async def test_what_is_still_to_be_done_can_be_counted(scene: Scene) -> None:
    await sealed_everything(scene)
    scene.core = with_keys(scene.core, [OLD, NEW])

    stale = await scene.core.perform_at_once(count_stale, None, actor=OPERATOR)

    assert all(count.stale > 0 for count in stale)
    total = sum(count.stale for count in stale)
    assert await scene.core.perform_at_once(count_sealed_with, OLD, actor=OPERATOR) == total
    assert await scene.core.perform_at_once(count_sealed_with, NEW, actor=OPERATOR) == 0


async def test_each_batch_leaves_one_event_and_an_idle_one_none(scene: Scene, conn: Connection) -> None:
    await sealed_everything(scene)
    scene.core = with_keys(scene.core, [OLD, NEW])
    before = await conn.fetchval("SELECT count(*) FROM audit_events WHERE event = 'secrets.resealed'")

    done = await scene.core.perform(reseal, Reseal(1), actor=OPERATOR)
    await reseal_all(scene.core)
    last = await conn.fetchrow(
        "SELECT * FROM audit_events WHERE event = 'secrets.resealed' ORDER BY at LIMIT 1 OFFSET $1", before
    )
    count = await conn.fetchval("SELECT count(*) FROM audit_events WHERE event = 'secrets.resealed'")
    assert await scene.core.perform(reseal, Reseal(), actor=OPERATOR) == 0

    assert done == 1
    assert last is not None
    assert json.loads(last["data"]) == {"key": NEW, "column": SEALED_COLUMNS[0].name, "count": done}
    assert await conn.fetchval("SELECT count(*) FROM audit_events WHERE event = 'secrets.resealed'") == count


async def test_a_value_that_changed_meanwhile_is_left_to_who_changed_it(
    scene: Scene, conn: Connection
) -> None:
    phone = await scene.invited_phone()
    column = next(each for each in SEALED_COLUMNS if each.name == "enrollments.challenge_sealed")
    before = await scene.enrollment(phone)

    await conn.execute(column.update, phone.enrollment_id, b"what it was", b"resealed")

    assert await scene.enrollment(phone) == before


async def test_a_key_that_is_missing_stops_it_and_nothing_is_lost(scene: Scene) -> None:
    await sealed_everything(scene)
    before = await scene.state()
    scene.core = with_keys(scene.core, [NEW])

    with pytest.raises(CannotOpen):
        await reseal_all(scene.core)

    assert await scene.state() == before
