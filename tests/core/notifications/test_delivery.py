from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from server.core.notifications.actions import send_message
from server.core.notifications.delivery import (
    JITTER,
    LEASE,
    MOST_TRIES,
    WAITS,
    ClaimDue,
    DueMessage,
    NoteNotSent,
    NoteSent,
    claim_due,
    note_not_sent,
    note_sent,
)
from server.core.notifications.model import Channel, MessageStatus
from server.core.realms.model import Realm
from server.core.work import Work
from server.crypto.sealing import KeyRing, Keys
from tests.core.notifications.messages import EVA, LINK, NUMBER, TOKEN, a_code, a_link, carrying, newest
from tests.support.work import event_names, later

MAIL, SMS = ClaimDue(Channel.MAIL, 8), ClaimDue(Channel.SMS, 8)


@pytest.fixture
async def work(work: Work) -> Work:
    """Work under settings with a relay and a provider, and an outbox in which nothing is."""
    work.settings = carrying()
    await work.conn.execute("DELETE FROM outbox_messages")
    return work


async def claimed(work: Work, command: ClaimDue = MAIL) -> DueMessage:
    """The one message that is due."""
    (message,) = await claim_due(work, command)
    return message


def failure(message: DueMessage, *, for_good: bool = False) -> NoteNotSent:
    """That this try failed."""
    return NoteNotSent(message.id, Channel.MAIL, message.tries, "refused: 450", for_good)


async def test_what_is_claimed_is_nobody_else_s_until_the_lease_ends(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))

    message = await claimed(work)

    assert (message.recipient, message.template, message.tries) == (EVA, "magic_link", 1)
    assert message.content is not None
    assert LINK in message.content.text
    assert await claim_due(later(work, seconds=LEASE.total_seconds() - 1), MAIL) == ()
    again = await claimed(replace(work, now=work.now + LEASE))
    assert (again.id, again.tries) == (message.id, 2)


async def test_the_longest_due_are_claimed_first_and_no_more_than_asked_for(work: Work, realm: Realm) -> None:
    for index in range(3):
        await send_message(later(work, seconds=-index), a_link(realm, to=f"{index}@example.com"))

    claimed = await claim_due(work, ClaimDue(Channel.MAIL, 2))

    assert {message.recipient for message in claimed} == {"2@example.com", "1@example.com"}


async def test_each_channel_has_its_own_messages(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))
    await send_message(work, a_code(realm))

    assert (await claimed(work, SMS)).recipient == NUMBER
    assert (await claimed(work, MAIL)).recipient == EVA


async def test_what_is_not_due_yet_or_only_kept_is_not_claimed(work: Work, realm: Realm) -> None:
    await send_message(later(work, seconds=60), a_link(realm))
    work.settings = carrying().model_copy(update={"smtp_url": None})
    await send_message(work, a_link(realm))

    assert await claim_due(work, MAIL) == ()


async def test_what_was_sent_is_not_kept(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))
    message = await claimed(work)

    assert await note_sent(work, NoteSent(message.id))

    sent = await newest(work)
    assert (sent.status, sent.due_at, sent.sent_at) == (MessageStatus.SENT, None, work.now)
    assert sent.content is None
    row = await work.conn.fetchrow("SELECT * FROM outbox_messages WHERE id = $1", message.id)
    assert row is not None
    assert row["content_sealed"] is None
    assert not await note_sent(work, NoteSent(message.id))


async def test_what_was_sent_is_kept_where_it_is_captured(work: Work, realm: Realm) -> None:
    work.settings = carrying(capture_outbox=True)
    await send_message(work, a_link(realm))
    await note_sent(work, NoteSent((await claimed(work)).id))

    sent = await newest(work)

    assert sent.status is MessageStatus.SENT
    assert sent.content is not None
    assert LINK in sent.content.text


async def test_a_failed_try_is_followed_by_later_and_later_ones_for_a_day(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))
    began = work.now
    waits: list[timedelta] = []

    for tries in range(1, MOST_TRIES + 1):
        message = await claimed(work)
        assert message.tries == tries
        due_at = await note_not_sent(work, failure(message))
        if due_at is not None:
            waits.append(due_at - work.now)
            assert (await newest(work)).last_error == "refused: 450"
            assert await claim_due(replace(work, now=due_at - timedelta(seconds=1)), MAIL) == ()
            work.now = due_at

    assert len(waits) == MOST_TRIES - 1
    for wait, planned in zip(waits, WAITS, strict=True):
        assert planned * (1 - JITTER) <= wait <= planned * (1 + JITTER)
    assert timedelta(hours=18) < work.now - began < timedelta(hours=28)
    failed = await newest(work)
    assert (failed.status, failed.due_at, failed.tries) == (MessageStatus.FAILED, None, MOST_TRIES)
    assert failed.content is None
    assert event_names(work) == ["message.failed"]
    assert EVA not in str(work.events)
    assert TOKEN not in str(work.events)


async def test_what_was_refused_for_good_is_not_tried_again(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))

    assert await note_not_sent(work, failure(await claimed(work), for_good=True)) is None

    failed = await newest(work)
    assert (failed.status, failed.tries, failed.last_error) == (MessageStatus.FAILED, 1, "refused: 450")
    (event,) = work.events
    assert (event.name, event.result, event.realm_id) == ("message.failed", "refused", realm.id)
    assert event.data == {"channel": "mail", "template": "magic_link", "tries": 1, "reason": "refused: 450"}


async def after_the_lease(work: Work, realm: Realm) -> tuple[DueMessage, DueMessage, datetime]:
    """A message whose first claim has run out, so that another has claimed it."""
    await send_message(work, a_link(realm))
    first = await claimed(work)
    work.now += LEASE
    return first, await claimed(work), work.now


async def test_a_late_failure_does_not_disturb_the_next_try(work: Work, realm: Realm) -> None:
    first, _, now = await after_the_lease(work, realm)

    assert await note_not_sent(work, failure(first)) is None
    assert await note_not_sent(work, failure(first, for_good=True)) is None

    message = await newest(work)
    assert (message.status, message.due_at) == (MessageStatus.PENDING, now + LEASE)
    assert work.events == []


async def test_a_late_success_is_one(work: Work, realm: Realm) -> None:
    first, second, _ = await after_the_lease(work, realm)

    assert await note_sent(work, NoteSent(first.id))
    assert await note_not_sent(work, failure(second)) is None

    assert (await newest(work)).status is MessageStatus.SENT


async def test_a_message_whose_key_is_gone_is_claimed_without_its_words(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))
    other = "ffeeddccbbaa9988"
    work.keys = KeyRing(lambda: Keys(other, {other: bytes(32)}))

    assert (await claimed(work)).content is None


async def test_a_message_of_a_realm_that_is_deleted_is_gone(work: Work, realm: Realm) -> None:
    """It goes with the project: what is under way cannot be called back, and nothing more is sent."""
    rows = await work.conn.fetch(
        """
        SELECT confdeltype FROM pg_constraint
         WHERE conrelid = 'outbox_messages'::regclass AND confrelid = 'realms'::regclass
        """
    )

    assert [row["confdeltype"] for row in rows] == [b"c"]
