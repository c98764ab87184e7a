"""Messages on their way to a real relay and a real web server on this machine."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from server.base.errors import Unavailable
from server.base.settings import Settings
from server.core.notifications.actions import ListOutbox, list_outbox, send_message
from server.core.notifications.delivery import LEASE, DueMessage, NoteSent
from server.core.notifications.model import Message, MessageStatus, OutboxMessage
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.work import Core, Work
from server.db.pool import Database
from server.jobs import deliver, runner
from server.jobs.deliver import AT_ONCE, Delivery, deliveries, mail_delivery
from server.outbound.failure import NotSent
from server.outbound.mail import Mail
from server.outbound.rendering import Content
from tests.core.notifications.messages import EVA, LINK, NUMBER, TOKEN, a_code, a_link
from tests.support.relay import TAKEN, Relay
from tests.support.web_server import Said, WebServer, a_web_server
from tests.support.work import OPERATOR, a_core, some_settings

pytestmark = pytest.mark.usefixtures("empty_outbox")


class Carrier:
    """Takes mail, or does what the test says."""

    def __init__(self, *failures: Exception) -> None:
        self.taken: list[Mail] = []
        self.failures = list(failures)

    async def send(self, mail: Mail) -> None:
        """Taken, once there are no more failures."""
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(mail)


def carried_by(relay: Relay, **others: object) -> Settings:
    """Settings with this relay."""
    return some_settings(smtp_url=f"smtp+plain://127.0.0.1:{relay.port}", **others)


async def send(core: Core, *messages: Callable[..., Message]) -> None:
    """The messages are in the outbox, committed."""

    async def act(work: Work, _: None) -> None:
        realm = await read_named_realm(work, RealmName.ACCOUNTS)
        for message in messages:
            await send_message(work, message(realm))

    await core.perform(act, None, actor=OPERATOR)


async def outbox(core: Core) -> tuple[OutboxMessage, ...]:
    """The outbox, newest first."""
    return await core.perform_at_once(list_outbox, ListOutbox(), actor=OPERATOR)


async def deliver_once(core: Core) -> int:
    """Each channel was looked at once; how many messages were tried."""
    async with deliveries(core.settings) as made:
        return sum([await delivery(core) for delivery in made])


def pass_time(core: Core, passed: timedelta) -> None:
    """It is so much later for this core."""
    core.clock.set_offset(core.clock.offset + passed)


async def test_what_is_due_is_delivered_once(db: Database, relay: Relay) -> None:
    core = a_core(db, settings=carried_by(relay))
    await send(core, *[a_link] * (AT_ONCE + 3))

    assert await deliver_once(core) == AT_ONCE + 3
    assert await deliver_once(core) == 0

    assert len(relay.received) == AT_ONCE + 3
    messages = await outbox(core)
    assert {message.status for message in messages} == {MessageStatus.SENT}
    assert {received.message["Message-ID"] for received in relay.received} == {
        f"<{message.id}@countersign.invalid>" for message in messages
    }
    assert LINK in relay.received[0].message.get_body(("plain",)).get_content()  # type: ignore[union-attr] # it has one


async def test_what_was_delivered_is_nowhere_any_more(db: Database, relay: Relay) -> None:
    core = a_core(db, settings=carried_by(relay))
    relay.rcpt += ["550 5.1.1 no", TAKEN]
    await send(core, a_link, a_link)
    with capture_logs() as logs:
        await deliver_once(core)

    async with db.acquire() as conn:
        contents = await conn.fetch("SELECT content_sealed FROM outbox_messages")
    assert [row["content_sealed"] for row in contents] == [None, None]
    assert {log["event"] for log in logs} == {"message.sent", "message.not_sent"}
    for secret in (TOKEN, EVA, "sesame"):
        assert secret not in str(logs)


async def test_a_relay_that_is_busy_is_tried_again_later(db: Database, relay: Relay) -> None:
    core = a_core(db, settings=carried_by(relay))
    relay.data += ["451 4.7.1 greylisted"]
    await send(core, a_link)

    assert await deliver_once(core) == 1
    (waiting,) = await outbox(core)
    assert (waiting.status, waiting.tries) == (MessageStatus.PENDING, 1)
    assert waiting.last_error == "message refused: 451 4.7.1"
    assert await deliver_once(core) == 0
    pass_time(core, timedelta(minutes=1))
    assert await deliver_once(core) == 1

    (sent,) = await outbox(core)
    assert (sent.status, sent.tries, sent.last_error) == (MessageStatus.SENT, 2, None)
    assert len(relay.received) == 1


async def test_a_refused_recipient_is_not_tried_again(db: Database, relay: Relay) -> None:
    core = a_core(db, settings=carried_by(relay))
    relay.rcpt += ["550 5.1.1 no such user"]
    await send(core, a_link)

    await deliver_once(core)
    pass_time(core, timedelta(days=2))
    assert await deliver_once(core) == 0

    (failed,) = await outbox(core)
    assert (failed.status, failed.last_error) == (MessageStatus.FAILED, "recipient refused: 550 5.1.1")


async def test_a_relay_that_is_down_keeps_nobody(db: Database) -> None:
    core = a_core(db, settings=some_settings(smtp_url="smtp+plain://127.0.0.1:1"))
    await send(core, a_link, a_link)

    assert await deliver_once(core) == 2

    for message in await outbox(core):
        assert (message.status, message.last_error) == (
            MessageStatus.PENDING,
            "no connection: ConnectionRefusedError",
        )


async def test_sms_go_to_the_provider(db: Database) -> None:
    async with a_web_server(Said(500), Said(201, {"sid": "SM1"})) as web:
        core = a_core(db, settings=provided_by(web))
        await send(core, a_code)
        await deliver_once(core)
        pass_time(core, timedelta(minutes=1))
        await deliver_once(core)

    (sent,) = await outbox(core)
    assert (sent.status, sent.tries, sent.content) == (MessageStatus.SENT, 2, None)
    assert [asked.form["To"] for asked in web.asked] == [NUMBER, NUMBER]
    assert web.asked[1].form["Body"].startswith("042137 is your code for ")


def provided_by(web: WebServer, **others: object) -> Settings:
    """Settings with this SMS provider."""
    return some_settings(
        sms_url=web.origin, sms_account="AC1", sms_token="sesame", sms_from="+15005550006", **others
    )


async def test_what_something_of_ours_cannot_hand_over_does_not_keep_the_others(db: Database) -> None:
    core = a_core(db, settings=some_settings(smtp_url="smtp+plain://127.0.0.1:1"))
    carrier = Carrier(RuntimeError("what nobody foresaw"), NotSent("busy"))
    await send(core, a_link, a_link, a_link)

    with capture_logs() as logs:
        await mail_delivery(carrier)(core)

    assert len(carrier.taken) == 1
    reasons = {message.last_error for message in await outbox(core)}
    assert reasons == {None, "busy", "something went wrong on our side"}
    assert "message.not_handed_over" in {log["event"] for log in logs}


async def test_no_connection_is_held_while_mail_is_on_its_way(database_url: str, relay: Relay) -> None:
    db = await Database.open(database_url, connections=2, application_name="deliver")
    core = a_core(db, settings=carried_by(relay))
    await send(core, *[a_link] * AT_ONCE)
    relay.held.clear()
    delivering = asyncio.create_task(deliver_once(core))
    await relay.until(tries=AT_ONCE)

    async with db.acquire(), db.acquire():
        relay.held.set()
        await relay.until(received=AT_ONCE)

    await delivering
    assert {message.status for message in await outbox(core)} == {MessageStatus.SENT}
    await db.close()


async def test_a_delivery_that_nobody_noted_is_made_again(db: Database) -> None:
    """At least once: the process died in between. Both mails have the same Message-ID."""
    core = a_core(db, settings=some_settings(smtp_url="smtp+plain://127.0.0.1:1"))
    carrier = Carrier()
    taken = asyncio.Event()

    async def die(message: DueMessage, content: Content) -> None:
        await carrier.send(mail_of(message, content))
        taken.set()
        await asyncio.Event().wait()

    await send(core, a_link)
    dying = asyncio.create_task(Delivery(mail_delivery(carrier).channel, die)(core))
    await taken.wait()
    dying.cancel()
    await asyncio.wait({dying})

    assert await mail_delivery(carrier)(core) == 0
    pass_time(core, LEASE)
    assert await mail_delivery(carrier)(core) == 1

    assert len(carrier.taken) == 2
    assert carrier.taken[0] == carrier.taken[1]


def mail_of(message: DueMessage, content: Content) -> Mail:
    """The mail that a carrier is given."""
    return Mail(
        str(message.id),
        message.recipient,
        message.created_at,
        message.locale,
        content.subject or "",
        content.text,
        content.html,
    )


async def test_a_delivery_is_noted_although_the_database_is_away_for_a_moment(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "NOTE_PAUSE_SECONDS", 0)
    core = a_core(db, settings=some_settings(smtp_url="smtp+plain://127.0.0.1:1"))
    await send(core, a_link)
    perform, missed = core.perform, list(range(3))

    async def sometimes(action: object, command: object, **who: object) -> object:
        if isinstance(command, NoteSent) and missed:
            missed.pop()
            raise Unavailable
        return await perform(action, command, **who)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(core, "perform", sometimes)
    await mail_delivery(Carrier())(core)

    assert (missed, [message.status for message in await outbox(core)]) == ([], [MessageStatus.SENT])


async def test_while_the_database_is_away_nothing_is_claimed(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "NOTE_PAUSE_SECONDS", 0)
    core = a_core(db, settings=some_settings(smtp_url="smtp+plain://127.0.0.1:1"))
    await send(core, a_link, a_link)

    async def never(*_: object, **__: object) -> object:
        raise Unavailable

    monkeypatch.setattr(core, "perform", never)
    carrier = Carrier()
    with pytest.raises(Unavailable):
        await mail_delivery(carrier)(core)

    assert len(carrier.taken) == 2


# --- in the runner ---------------------------------------------------------------------------------


async def test_a_message_is_delivered_as_soon_as_it_is_committed(
    db: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "DELIVER_INTERVAL_SECONDS", 3600)
    core = a_core(db, settings=carried_by(relay))
    running = asyncio.create_task(runner.run(core))
    await asyncio.sleep(0.1)

    await send(core, a_link)
    await relay.until(received=1)
    await send(core, a_link)
    await relay.until(received=2)

    core.stopping.set()
    await running


async def test_a_provider_that_does_not_answer_keeps_no_mail(db: Database, relay: Relay) -> None:
    async with a_web_server(Said(201, seconds=2)) as web:
        core = a_core(db, settings=provided_by(web, smtp_url=f"smtp+plain://127.0.0.1:{relay.port}"))
        running = asyncio.create_task(runner.run(core))
        await send(core, a_code)
        await web.first_asked.wait()

        await send(core, a_link)
        await relay.until(received=1)

        _, code = await outbox(core)
        assert (code.recipient, code.status) == (NUMBER, MessageStatus.PENDING)
        running.cancel()
        await asyncio.wait({running})


async def test_a_process_that_stops_gives_its_deliveries_some_time(
    db: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = a_core(db, settings=carried_by(relay))
    await send(core, a_link)
    relay.held.clear()
    running = asyncio.create_task(runner.run(core))
    await relay.until(tries=1)

    core.stopping.set()
    await asyncio.sleep(0.1)
    assert not running.done()
    relay.held.set()

    async with asyncio.timeout(5):
        await running
    assert [message.status for message in await outbox(core)] == [MessageStatus.SENT]


async def test_and_no_more_than_that(db: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "GRACE_SECONDS", 0.1)
    core = a_core(db, settings=carried_by(relay))
    await send(core, a_link)
    relay.held.clear()
    running = asyncio.create_task(runner.run(core))
    await relay.until(tries=1)

    core.stopping.set()

    async with asyncio.timeout(5):
        await running
    relay.held.set()
    (message,) = await outbox(core)
    assert (message.status, message.tries) == (MessageStatus.PENDING, 1)
