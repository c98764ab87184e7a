"""The testers' outbox: every mail and SMS, whole, where the setting `capture_outbox` is on."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from server.core.notifications.actions import ListOutbox, clear_outbox, list_outbox
from server.core.notifications.model import Channel, MessageStatus, OutboxMessage
from server.surfaces.kit.body import Instant, QueryInt, SnakeAnswer, SnakeQuery
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.limits import UNLIMITED
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import read_query
from server.surfaces.kit.replying import no_content, reply
from server.surfaces.well_known.surface import outbox_reader, surface

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class OutboxQuery(SnakeQuery):
    """Which messages: those to one address or number, in any casing; and how many at most."""

    to: Annotated[str, Field(min_length=1, max_length=320)] | None = None
    limit: Annotated[QueryInt, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT


class MessageAnswer(SnakeAnswer):
    """One message. What it says is null once it was forgotten; an SMS has neither subject nor HTML."""

    id: UUID
    channel: Channel
    to: str
    template: str
    locale: str
    subject: str | None
    text: str | None
    html: str | None
    status: MessageStatus
    tries: int
    last_error: str | None
    created_at: Instant
    sent_at: Instant | None

    @classmethod
    def of(cls, message: OutboxMessage) -> Self:
        """All of it but when it is tried next."""
        content = message.content
        return cls(
            id=message.id,
            channel=message.channel,
            to=message.recipient,
            template=message.template,
            locale=message.locale,
            subject=content.subject if content else None,
            text=content.text if content else None,
            html=content.html if content else None,
            status=message.status,
            tries=message.tries,
            last_error=message.last_error,
            created_at=message.created_at,
            sent_at=message.sent_at,
        )


class OutboxAnswer(SnakeAnswer):
    """Messages, newest first."""

    messages: tuple[MessageAnswer, ...]

    @classmethod
    def of(cls, messages: tuple[OutboxMessage, ...]) -> Self:
        """All of them."""
        return cls(messages=tuple(map(MessageAnswer.of, messages)))


@surface.get(
    "/testing/outbox", guard=outbox_reader, limit=UNLIMITED, query=OutboxQuery, gives={200: OutboxAnswer}
)
async def read_outbox() -> Response:
    """GET /testing/outbox: mail and SMS, newest first, with what they say."""
    query = read_query(OutboxQuery)
    messages = await perform_at_once(list_outbox, ListOutbox(query.limit, query.to))
    return reply(OutboxAnswer.of(messages))


@surface.delete("/testing/outbox", guard=outbox_reader, limit=UNLIMITED, gives={204: None})
async def empty_outbox() -> Response:
    """DELETE /testing/outbox: the outbox of the whole instance is empty."""
    await perform(clear_outbox, None)
    return no_content()
