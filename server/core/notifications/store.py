"""The SQL of the outbox and of realms' own templates."""

from datetime import datetime
from uuid import UUID

from server.core.notifications.model import Channel, MessageStatus, OwnTemplate
from server.db.pool import Connection, Row

# --- the outbox ---


async def insert_message(
    conn: Connection,
    message_id: UUID,
    *,
    realm_id: UUID,
    channel: Channel,
    template: str,
    locale: str,
    recipient: str,
    content_sealed: bytes,
    status: MessageStatus,
    due_at: datetime | None,
    now: datetime,
) -> None:
    """The message is in the outbox; *due_at* is None unless it is pending."""
    await conn.execute(
        """
        INSERT INTO outbox_messages (id, realm_id, channel, template, locale, recipient, content_sealed,
                                     status, due_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        message_id,
        realm_id,
        channel,
        template,
        locale,
        recipient,
        content_sealed,
        status,
        due_at,
        now,
    )


async def select_messages(conn: Connection, *, limit: int, recipient: str | None, after: int) -> list[Row]:
    """The newest messages first: of all, or to this recipient, A to Z in any casing; after a `seq`."""
    return await conn.fetch(
        """
        SELECT id, seq, realm_id, channel, template, locale, recipient, content_sealed, status, tries,
               due_at, sent_at, last_error, created_at
          FROM outbox_messages
         WHERE seq > $3
           AND ($2::text IS NULL OR lower(recipient COLLATE "C") = lower($2 COLLATE "C"))
         ORDER BY seq DESC
         LIMIT $1
        """,
        limit,
        recipient,
        after,
    )


async def claim_due(
    conn: Connection, channel: Channel, *, now: datetime, leased_until: datetime, limit: int
) -> list[Row]:
    """Up to *limit* due messages of the channel are the caller's until *leased_until*, the longest due first.

    What another is claiming at this moment is passed over.
    """
    return await conn.fetch(
        """
        UPDATE outbox_messages
           SET due_at = $3, tries = tries + 1
         WHERE id IN (SELECT id
                        FROM outbox_messages
                       WHERE channel = $1
                         AND due_at <= $2
                       ORDER BY due_at
                       LIMIT $4
                         FOR UPDATE SKIP LOCKED)
        RETURNING id, template, locale, recipient, content_sealed, tries, created_at
        """,
        channel,
        now,
        leased_until,
        limit,
    )


async def update_sent(conn: Connection, message_id: UUID, *, keep_content: bool, now: datetime) -> bool:
    """The message is sent, whoever has claimed it by now; False if it was before, or is gone."""
    sent = await conn.fetchval(
        """
        UPDATE outbox_messages
           SET status = 'sent', due_at = NULL, sent_at = $3, last_error = NULL,
               content_sealed = CASE WHEN $2 THEN content_sealed END
         WHERE id = $1
           AND status = 'pending'
        RETURNING id
        """,
        message_id,
        keep_content,
        now,
    )
    return sent is not None


async def update_due(conn: Connection, message_id: UUID, *, tries: int, due_at: datetime, error: str) -> bool:
    """The message is tried again at *due_at*; False if it is not as it was claimed for this try."""
    waiting = await conn.fetchval(
        """
        UPDATE outbox_messages
           SET due_at = $3, last_error = $4
         WHERE id = $1
           AND status = 'pending'
           AND tries = $2
        RETURNING id
        """,
        message_id,
        tries,
        due_at,
        error,
    )
    return waiting is not None


async def update_failed(
    conn: Connection, message_id: UUID, *, tries: int, keep_content: bool, error: str
) -> Row | None:
    """The message has failed; its realm and template. None if it is not as it was claimed for this try."""
    return await conn.fetchrow(
        """
        UPDATE outbox_messages
           SET status = 'failed', due_at = NULL, last_error = $4,
               content_sealed = CASE WHEN $3 THEN content_sealed END
         WHERE id = $1
           AND status = 'pending'
           AND tries = $2
        RETURNING realm_id, template
        """,
        message_id,
        tries,
        keep_content,
        error,
    )


async def delete_messages_before(conn: Connection, before: datetime, *, limit: int) -> int:
    """Up to *limit* messages from before then are gone, the oldest first; how many."""
    deleted = await conn.fetch(
        """
        DELETE FROM outbox_messages
         WHERE id IN (SELECT id
                        FROM outbox_messages
                       WHERE created_at < $1
                       ORDER BY created_at
                       LIMIT $2
                         FOR UPDATE SKIP LOCKED)
        RETURNING id
        """,
        before,
        limit,
    )
    return len(deleted)


async def delete_all_messages(conn: Connection) -> int:
    """The outbox is empty; how many messages there were."""
    return len(await conn.fetch("DELETE FROM outbox_messages RETURNING id"))


# --- realms' own templates ---


async def select_templates_of(
    conn: Connection, realm_id: UUID, channel: Channel, template: str
) -> list[OwnTemplate]:
    """The realm's own wording of one message, in all languages that it has some for."""
    rows = await conn.fetch(
        """
        SELECT realm_id, channel, template, locale, subject, text_body, html_body, updated_at
          FROM message_templates
         WHERE realm_id = $1
           AND channel = $2
           AND template = $3
        """,
        realm_id,
        channel,
        template,
    )
    return [_own_template(row) for row in rows]


async def select_templates(conn: Connection, realm_id: UUID) -> list[OwnTemplate]:
    """All wording that is the realm's own."""
    rows = await conn.fetch(
        """
        SELECT realm_id, channel, template, locale, subject, text_body, html_body, updated_at
          FROM message_templates
         WHERE realm_id = $1
         ORDER BY template, channel, locale
        """,
        realm_id,
    )
    return [_own_template(row) for row in rows]


async def upsert_template(conn: Connection, own: OwnTemplate) -> None:
    """The realm's wording of this message in this language is *own*."""
    await conn.execute(
        """
        INSERT INTO message_templates (realm_id, channel, template, locale, subject, text_body, html_body,
                                       updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT ON CONSTRAINT message_templates_key DO UPDATE
           SET subject = excluded.subject, text_body = excluded.text_body, html_body = excluded.html_body,
               updated_at = excluded.updated_at
        """,
        own.realm_id,
        own.channel,
        own.template,
        own.locale,
        own.subject,
        own.text,
        own.html,
        own.updated_at,
    )


async def delete_template(
    conn: Connection, realm_id: UUID, channel: Channel, template: str, locale: str
) -> bool:
    """The realm has no wording of its own for this; False if it had none before."""
    deleted = await conn.fetchval(
        """
        DELETE FROM message_templates
         WHERE realm_id = $1
           AND channel = $2
           AND template = $3
           AND locale = $4
        RETURNING realm_id
        """,
        realm_id,
        channel,
        template,
        locale,
    )
    return deleted is not None


def _own_template(row: Row) -> OwnTemplate:
    return OwnTemplate(
        realm_id=row["realm_id"],
        channel=Channel(row["channel"]),
        template=row["template"],
        locale=row["locale"],
        subject=row["subject"],
        text=row["text_body"],
        html=row["html_body"],
        updated_at=row["updated_at"],
    )
