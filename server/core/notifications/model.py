"""What a message is, before and after it is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from server.base.secret import Secret
from server.core.realms.model import Realm
from server.outbound.rendering import Content

OUTBOX_TOPIC = "outbox"
"""Woken when a message waits to be delivered."""


class Channel(StrEnum):
    """What carries a message."""

    MAIL = "mail"
    SMS = "sms"


class MessageStatus(StrEnum):
    """How far a message has come."""

    PENDING = "pending"  # it is tried until it is sent, or has failed
    KEPT = "kept"  # nothing carries its channel here: it stays to be read
    SENT = "sent"  # the relay or provider took it
    FAILED = "failed"  # it was refused for good, or tried for a day


@dataclass(frozen=True, slots=True)
class Message:
    """What to tell whom.

    Args:
        channel: One of those that the template has.
        recipient: An e-mail address, or a number in E.164 form.
        template: Its name; `catalogue.py` lists them, and the values that each needs.
        realm: Whose message it is: its application's name, its own wording, its language.
        locale: The recipient's language as a BCP 47 tag; None if it is not known.
        values: By name. Secrets are in the message and nowhere else.
    """

    channel: Channel
    recipient: str
    template: str
    realm: Realm
    locale: str | None = None
    values: Mapping[str, str | Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message as the outbox has it.

    Args:
        seq: Later messages have greater ones.
        realm_id: Whose message it is.
        locale: The language that it is written in.
        tries: How often a delivery was begun.
        due_at: When it is tried next; None unless it is pending.
        sent_at: When the relay or provider took it.
        last_error: Why the last try failed.
        content: What it says; None once it was delivered or has failed, where nothing captures it.
    """

    id: UUID
    seq: int
    realm_id: UUID | None
    channel: Channel
    template: str
    locale: str
    recipient: str
    status: MessageStatus
    tries: int
    due_at: datetime | None
    sent_at: datetime | None
    last_error: str | None
    created_at: datetime
    content: Content | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnTemplate:
    """A realm's own wording of a message in one language.

    Args:
        subject: Of a mail; None for SMS.
        text: The whole SMS, or the mail for those who read plain text.
        html: The mail as HTML; None for SMS, and for mail in plain text alone.
    """

    realm_id: UUID
    channel: Channel
    template: str
    locale: str
    subject: str | None
    text: str
    html: str | None
    updated_at: datetime
