"""What is done with messages: they are written, read and forgotten."""

from dataclasses import dataclass
from datetime import timedelta

from server.base.errors import RouteNotFound
from server.base.ids import new_uid
from server.base.settings import Settings
from server.core.audit.events import Event
from server.core.notifications import store
from server.core.notifications.content import opened_content, sealed_content
from server.core.notifications.model import OUTBOX_TOPIC, Channel, Message, MessageStatus, OutboxMessage
from server.core.notifications.writing import written
from server.core.work import Work
from server.crypto.sealing import KeyRing
from server.db.pool import Row

FORGET_BATCH = 1000


@dataclass(frozen=True, slots=True)
class ListOutbox:
    """Which messages.

    Args:
        limit: How many at most.
        recipient: Only those to this address or number, in any casing; None for all.
        after: Only those with a greater `seq`.
    """

    limit: int = 50
    recipient: str | None = None
    after: int = 0


async def send_message(work: Work, message: Message) -> None:
    """The message is in the outbox, and is delivered at least once after the work is committed.

    It is written now: in the recipient's language, else the realm's, the instance's, or English; in the
    realm's own words where it has some for that language. Where nothing carries the channel (settings
    `smtp_url`, `sms_account`) it is kept to be read instead. What it says is sealed, and forgotten once it
    was delivered or has failed, unless the setting `capture_outbox` is on.

    Raises:
        ValueError: There is no such template for the channel, or its values are not those that it needs.
    """
    locale, content = await written(work, message)
    message_id = new_uid()
    carried = is_carried(work.settings, message.channel)
    await store.insert_message(
        work.conn,
        message_id,
        realm_id=message.realm.id,
        channel=message.channel,
        template=message.template,
        locale=locale,
        recipient=message.recipient,
        content_sealed=sealed_content(work.keys, message_id, content),
        status=MessageStatus.PENDING if carried else MessageStatus.KEPT,
        due_at=work.now if carried else None,
        now=work.now,
    )
    if carried:
        work.wake(OUTBOX_TOPIC)


async def list_outbox(work: Work, command: ListOutbox) -> tuple[OutboxMessage, ...]:
    """The messages asked for, newest first."""
    rows = await store.select_messages(
        work.conn, limit=command.limit, recipient=command.recipient, after=command.after
    )
    return tuple(_message(work.keys, row) for row in rows)


async def clear_outbox(work: Work, _: None) -> int:
    """The outbox is empty, as testers need it; how many messages there were. What is under way may arrive.

    Raises:
        RouteNotFound: The outbox is not captured here (setting `capture_outbox`).
    """
    if not work.settings.capture_outbox:
        raise RouteNotFound
    count = await store.delete_all_messages(work.conn)
    work.record(Event("outbox.cleared", "instance", "outbox", data={"count": count}))
    return count


async def forget_expired(work: Work, _: None) -> int:
    """No more than a batch of messages past their retention are forgotten, the oldest first; how many."""
    before = work.now - timedelta(days=work.settings.outbox_retention_days)
    return await store.delete_messages_before(work.conn, before, limit=FORGET_BATCH)


def is_carried(settings: Settings, channel: Channel) -> bool:
    """Whether a relay or provider takes messages of this channel."""
    match channel:
        case Channel.MAIL:
            return settings.smtp_url is not None
        case Channel.SMS:
            return bool(settings.sms_account)


def _message(keys: KeyRing, row: Row) -> OutboxMessage:
    return OutboxMessage(
        id=row["id"],
        seq=row["seq"],
        realm_id=row["realm_id"],
        channel=Channel(row["channel"]),
        template=row["template"],
        locale=row["locale"],
        recipient=row["recipient"],
        status=MessageStatus(row["status"]),
        tries=row["tries"],
        due_at=row["due_at"],
        sent_at=row["sent_at"],
        last_error=row["last_error"],
        created_at=row["created_at"],
        content=opened_content(keys, row["id"], row["content_sealed"]),
    )
