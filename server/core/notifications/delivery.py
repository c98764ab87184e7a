"""How messages leave the outbox: claimed for a while, tried, and tried again later and later for a day.

A message is delivered at least once. Who claims it has it for `LEASE`; no transaction is open and no
connection is held while it is on its way. If that process dies between the delivery and the note of it, the
next one to claim the message delivers it a second time (docs/decisions/0025-the-outbox-is-the-queue.md).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import SystemRandom
from uuid import UUID

from server.core.audit.events import Event
from server.core.notifications import store
from server.core.notifications.content import opened_content
from server.core.notifications.model import Channel
from server.core.work import Work
from server.outbound.rendering import Content

LEASE = timedelta(minutes=3)
"""Longer than any delivery takes."""

WAITS = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=14),
)
"""After each failed try; after the last there is none."""

MOST_TRIES = len(WAITS) + 1
JITTER = 0.2

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class ClaimDue:
    """Whose messages, and how many at most."""

    channel: Channel
    limit: int


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message that is the caller's to deliver.

    Args:
        tries: Which try this is, from 1.
        content: What it says; None if the key is gone that it was sealed with.
    """

    id: UUID
    template: str
    locale: str
    recipient: str
    tries: int
    created_at: datetime
    content: Content | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoteSent:
    """Which message was taken by the relay or provider."""

    message_id: UUID


@dataclass(frozen=True, slots=True)
class NoteNotSent:
    """Which try of which message failed, why, and whether trying again would be in vain."""

    message_id: UUID
    channel: Channel
    tries: int
    reason: str
    for_good: bool = False


async def claim_due(work: Work, command: ClaimDue) -> tuple[DueMessage, ...]:
    """Up to a limit of due messages are the caller's for `LEASE`, and nobody else's. One statement."""
    rows = await store.claim_due(
        work.conn,
        command.channel,
        now=work.now,
        leased_until=work.now + LEASE,
        limit=command.limit,
    )
    return tuple(
        DueMessage(
            id=row["id"],
            template=row["template"],
            locale=row["locale"],
            recipient=row["recipient"],
            tries=row["tries"],
            created_at=row["created_at"],
            content=opened_content(work.keys, row["id"], row["content_sealed"]),
        )
        for row in rows
    )


async def note_sent(work: Work, command: NoteSent) -> bool:
    """The message is sent, and what it said is forgotten unless it is captured. False if it was before."""
    return await store.update_sent(
        work.conn, command.message_id, keep_content=work.settings.capture_outbox, now=work.now
    )


async def note_not_sent(work: Work, command: NoteNotSent) -> datetime | None:
    """The message is tried again at the instant given; None if it has failed, or another has claimed it.

    It has failed when it was refused for good, or tried `MOST_TRIES` times; that is in the audit log, and
    what it said is forgotten unless it is captured.
    """
    if not command.for_good and command.tries < MOST_TRIES:
        wait = WAITS[command.tries - 1] * _random.uniform(1 - JITTER, 1 + JITTER)
        due_at = work.now + wait
        waiting = await store.update_due(
            work.conn, command.message_id, tries=command.tries, due_at=due_at, error=command.reason
        )
        return due_at if waiting else None
    failed = await store.update_failed(
        work.conn,
        command.message_id,
        tries=command.tries,
        keep_content=work.settings.capture_outbox,
        error=command.reason,
    )
    if failed is not None:
        work.record(
            Event(
                "message.failed",
                "message",
                str(command.message_id),
                result="refused",
                realm_id=failed["realm_id"],
                data={
                    "channel": command.channel,
                    "template": failed["template"],
                    "tries": command.tries,
                    "reason": command.reason,
                },
            )
        )
    return None
