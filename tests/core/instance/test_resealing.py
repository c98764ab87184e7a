import json
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest

from server.base.clock import Clock
from server.base.ids import new_uid
from server.core.instance.resealing import Reseal, count_sealed_with, count_stale, reseal
from server.core.instance.sealed_columns import SEALED_COLUMNS
from server.core.work import Core
from server.crypto.sealing import CannotOpen, KeyRing, Keys
from server.db.pool import Connection
from tests.support.factories import a_name
from tests.support.phone import Phone
from tests.support.scene import Scene
from tests.support.work import OPERATOR, some_keys

OLD, NEW = some_keys().current_id, "ffeeddccbbaa9988"
KEYS = {OLD: bytes(range(32)), NEW: bytes(range(32, 64))}


def with_keys(core: Core, ids: Sequence[str]) -> Core:
    """The same core with these master keys, the last of which is the current one."""
    ring = KeyRing(lambda: Keys(ids[-1], {key_id: KEYS[key_id] for key_id in ids}))
    return Core(core.settings, core.db, ring, Clock())


SIGN_IN = {
    "one_time_secrets.payload": """
        INSERT INTO one_time_secrets (id, realm_id, principal_id, purpose, target, secret_digest,
                                      payload_sealed, max_attempts, created_at, expires_at)
        SELECT $1, realm_id, id, 'magic_link', 'eva', '\\x00', $2, 1, now(), now() FROM principals
         ORDER BY seq DESC LIMIT 1
        """,
    "factors.secret": """
        INSERT INTO factors (id, realm_id, principal_id, type, status, secret_sealed, created_at)
        SELECT $1, realm_id, id, 'totp', 'pending', $2, now() FROM principals ORDER BY seq DESC LIMIT 1
        """,
    "token_signing_keys.private_key": """
        INSERT INTO token_signing_keys (id, kid, family, algorithm, public_key, private_key_sealed,
                                        created_at)
        VALUES ($1, 'a kid of this test', 'a family of this test', 'ES256', '{}', $2, now())
        """,
    "identity_providers.client_secret": """
        INSERT INTO identity_providers (id, realm_id, slug, type, configuration, client_secret_sealed,
                                        created_at, updated_at)
        SELECT $1, id, 'idp', 'oidc', '{}', $2, now(), now() FROM realms WHERE name = 'protekt-accounts'
        """,
    "outbox_messages.content": """
        INSERT INTO outbox_messages (id, channel, template, locale, recipient, content_sealed, status,
                                     created_at)
        VALUES ($1, 'mail', 'magic_link', 'en', 'eva@example.com', $2, 'kept', now())
        """,
}
"""How a row of each is made, by what its secret is sealed for."""


async def sealed_for_sign_in(scene: Scene) -> dict[str, UUID]:
    """Each sealed column of signing in has a value; in which row, by what it is sealed for."""
    uids = {purpose: new_uid() for purpose in SIGN_IN}
    async with scene.core.db.acquire() as conn:
        await conn.execute(
            """
            INSERT INTO principals (id, realm_id, email, email_key, created_at, updated_at)
            SELECT $1, id, $2, $2, now(), now() FROM realms WHERE name = 'protekt-accounts'
            """,
            new_uid(),
            f"{a_name('eva')}@example.com",
        )
        for purpose, insert in SIGN_IN.items():
            uid = uids[purpose]
            await conn.execute(insert, uid, scene.core.keys.seal(b"a secret", f"{purpose}:{uid}"))
    return uids


async def opened_for_sign_in(scene: Scene, uids: Mapping[str, UUID]) -> list[bytes]:
    """What these values are."""
    opened: list[bytes] = []
    async with scene.core.db.acquire() as conn:
        for purpose, uid in uids.items():
            table, column = purpose.split(".")
            sealed = await conn.fetchval(f"SELECT {column}_sealed FROM {table} WHERE id = $1", uid)
            opened.append(scene.core.keys.open(sealed, f"{purpose}:{uid}"))
    return opened


async def sealed_for_push(scene: Scene) -> Phone:
    """So has every other; the phone can be asked and has read an attempt."""
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
    uids = await sealed_for_sign_in(scene)
    phone = await sealed_for_push(scene)
    scene.core = with_keys(scene.core, [OLD, NEW])

    await reseal_all(scene.core, batch)

    stale = await scene.core.perform_at_once(count_stale, None, actor=OPERATOR)
    assert {count.column: count.stale for count in stale} == {column.name: 0 for column in SEALED_COLUMNS}
    assert await scene.core.perform_at_once(count_sealed_with, OLD, actor=OPERATOR) == 0
    scene.core = with_keys(scene.core, [NEW])
    assert await opened_for_sign_in(scene, uids) == [b"a secret"] * len(SIGN_IN)
    pending = await scene.fetch(phone)
    challenge = (await scene.look(pending.id)).challenge
    assert (await scene.answer(phone, pending, challenge=challenge)).result == "APPROVED"
    bound = await scene.bound_phone()
    await scene.verify(bound.verify_body())


async def test_what_is_still_to_be_done_can_be_counted(scene: Scene) -> None:
    await sealed_for_sign_in(scene)
    await sealed_for_push(scene)
    scene.core = with_keys(scene.core, [OLD, NEW])

    stale = await scene.core.perform_at_once(count_stale, None, actor=OPERATOR)

    assert all(count.stale > 0 for count in stale)
    total = sum(count.stale for count in stale)
    assert await scene.core.perform_at_once(count_sealed_with, OLD, actor=OPERATOR) == total
    assert await scene.core.perform_at_once(count_sealed_with, NEW, actor=OPERATOR) == 0


async def test_each_batch_leaves_one_event_and_an_idle_one_none(scene: Scene, conn: Connection) -> None:
    await sealed_for_sign_in(scene)
    await sealed_for_push(scene)
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
    await sealed_for_sign_in(scene)
    await sealed_for_push(scene)
    before = await scene.state()
    scene.core = with_keys(scene.core, [NEW])

    with pytest.raises(CannotOpen):
        await reseal_all(scene.core)

    assert await scene.state() == before
