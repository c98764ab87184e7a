from datetime import timedelta

import pytest

from server.core.notifications import actions
from server.core.notifications.actions import ListOutbox, list_outbox
from server.db.pool import Connection
from server.jobs.forget import forget
from tests.core.notifications.messages import a_link
from tests.jobs.test_deliver import send
from tests.support.rolled_back import a_core_rolled_back
from tests.support.work import OPERATOR, some_settings


async def test_old_messages_are_forgotten_batch_after_batch(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "FORGET_BATCH", 2)
    core = a_core_rolled_back(conn, some_settings(outbox_retention_days=1))
    await conn.execute("DELETE FROM outbox_messages")
    await send(core, *[a_link] * 5)
    core.clock.set_offset(timedelta(days=1, seconds=1))
    await send(core, a_link)

    assert await forget(core) >= 5

    assert len(await core.perform_at_once(list_outbox, ListOutbox(), actor=OPERATOR)) == 1
    assert await forget(core) == 0
