"""The SQL of the audit log. Statements elsewhere that write their own record name the same columns."""

import json
from collections.abc import Sequence

from server.base.pages import Page, PageRequest
from server.core.audit.events import AuditRecord, Event, Origin
from server.core.paging import page_of
from server.db.pool import Connection, Row


async def insert_events(conn: Connection, origin: Origin, events: Sequence[Event]) -> None:
    """All *events* are in the log, in one statement."""
    await conn.execute(
        """
        INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id,
                                  organization_id, event, result, target_kind, target_id, data, realm_id)
        SELECT $1, $2, $3, $4, $5, $6, e.organization_id, e.event, e.result, e.target_kind, e.target_id,
               e.data::jsonb, e.realm_id
          FROM unnest($7::int[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[])
            AS e (organization_id, event, result, target_kind, target_id, data, realm_id)
        """,
        *origin,
        [event.organization_id for event in events],
        [event.name for event in events],
        [event.result for event in events],
        [event.target_kind for event in events],
        [event.target_id for event in events],
        [json.dumps(dict(event.data)) for event in events],
        [event.realm_id for event in events],
    )


async def select_page(
    conn: Connection, page: PageRequest, *, target_kind: str | None, target_id: str | None
) -> Page[AuditRecord]:
    """The newest records first, of one kind of target or one target if asked; search is by event name."""
    rows = await conn.fetch(
        """
        WITH found AS (
            SELECT id, at, organization_id, surface, event, result, actor_kind, actor_id, target_kind,
                   target_id, address, request_id, data::text AS data
              FROM audit_events
             WHERE ($1 = '' OR strpos(event, $1) > 0)
               AND ($2::text IS NULL OR target_kind = $2)
               AND ($3::text IS NULL OR target_id = $3)
        ), page AS (
            SELECT * FROM found ORDER BY at DESC, id LIMIT $4 OFFSET $5
        )
        SELECT whole.total, page.*
          FROM (SELECT count(*) AS total FROM found) AS whole LEFT JOIN page ON true
         ORDER BY page.at DESC, page.id
        """,
        page.search,
        target_kind,
        target_id,
        page.limit,
        page.offset,
    )
    return page_of(rows, _record, page)


def _record(row: Row) -> AuditRecord:
    return AuditRecord(
        id=row["id"],
        at=row["at"],
        organization_id=row["organization_id"],
        surface=row["surface"],
        event=row["event"],
        result=row["result"],
        actor_kind=row["actor_kind"],
        actor_id=row["actor_id"],
        target_kind=row["target_kind"],
        target_id=row["target_id"],
        address=row["address"],
        request_id=row["request_id"],
        data=row["data"],
    )
