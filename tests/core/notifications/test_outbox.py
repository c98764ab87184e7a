from dataclasses import replace
from datetime import timedelta

import pytest

from server.base.errors import RouteNotFound
from server.core.notifications import actions
from server.core.notifications.actions import (
    ListOutbox,
    clear_outbox,
    forget_expired,
    list_outbox,
    send_message,
)
from server.core.notifications.model import Channel
from server.core.realms.model import Realm
from server.core.work import Work
from server.crypto.sealing import KeyRing, Keys
from tests.core.notifications.messages import EVA, NUMBER, a_code, a_link, newest
from tests.support.work import event_names, later, some_settings


async def test_messages_are_read_newest_first(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))
    await send_message(work, a_code(realm))
    await send_message(work, a_link(realm, to="zoe@example.com"))

    read = await list_outbox(work, ListOutbox(limit=3))
    two = await list_outbox(work, ListOutbox(limit=2))

    assert [message.recipient for message in read] == ["zoe@example.com", NUMBER, EVA]
    assert two == read[:2]
    assert read[0].seq > read[1].seq > read[2].seq


async def test_one_person_s_messages_are_found_in_any_casing(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm, to="Eva.Lang@Example.com"))
    await send_message(work, a_link(realm))

    (found,) = await list_outbox(work, ListOutbox(recipient="eva.lang@example.COM"))

    assert (found.recipient, found.channel) == ("Eva.Lang@Example.com", Channel.MAIL)


async def test_only_what_came_after_is_read(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))
    before = await newest(work)
    await send_message(work, a_code(realm))

    (found,) = await list_outbox(work, ListOutbox(after=before.seq))

    assert found.recipient == NUMBER


async def test_a_message_whose_key_is_gone_is_listed_without_its_words(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))
    other = "ffeeddccbbaa9988"

    message = await newest(replace(work, keys=KeyRing(lambda: Keys(other, {other: bytes(32)}))))

    assert (message.recipient, message.content) == (EVA, None)


async def test_messages_are_forgotten_after_their_retention(
    work: Work, realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.settings = some_settings(outbox_retention_days=30)
    await work.conn.execute("DELETE FROM outbox_messages")
    for _ in range(3):
        await send_message(work, a_link(realm))
    await send_message(later(work, days=1), a_code(realm))
    monkeypatch.setattr(actions, "FORGET_BATCH", 2)
    at = later(work, days=30, seconds=1)

    assert await forget_expired(replace(work, now=work.now + timedelta(days=30)), None) == 0
    assert [await forget_expired(at, None) for _ in range(3)] == [2, 1, 0]
    assert [message.recipient for message in await list_outbox(at, ListOutbox())] == [NUMBER]


async def test_testers_can_empty_the_outbox(work: Work, realm: Realm) -> None:
    work.settings = some_settings(capture_outbox=True)
    await send_message(work, a_link(realm))

    assert await clear_outbox(work, None) >= 1
    assert await list_outbox(work, ListOutbox()) == ()
    assert event_names(work) == ["outbox.cleared"]


async def test_nobody_else_can(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))

    with pytest.raises(RouteNotFound):
        await clear_outbox(work, None)

    assert (await newest(work)).recipient == EVA
