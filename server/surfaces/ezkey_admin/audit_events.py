"""What happened, to look at: one event for each change of state."""

import json
from typing import Self

from pydantic import Field

from server.core.audit.actions import ListAuditEvents
from server.core.audit.actions import list_audit_events as list_recorded
from server.core.audit.events import AuditRecord, Detail
from server.surfaces.ezkey_admin.bodies import Answer
from server.surfaces.ezkey_admin.pages import PageBody, PageQuery
from server.surfaces.ezkey_admin.surface import surface
from server.surfaces.kit.body import Instant
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import operator_key
from server.surfaces.kit.limits import OPERATIONS
from server.surfaces.kit.performing import perform_at_once
from server.surfaces.kit.reading import read_query
from server.surfaces.kit.replying import reply


class AuditEventBody(Answer):
    """An event: who did what to which thing, when, from where, through which surface."""

    id: str
    at: Instant
    tenant_id: int | None
    surface: str
    event: str
    result: str
    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    address: str | None
    request_id: str | None
    data: dict[str, Detail]

    @classmethod
    def of(cls, record: AuditRecord) -> Self:
        """What operators see."""
        return cls(
            id=str(record.id),
            at=record.at,
            tenant_id=record.organization_id,
            surface=record.surface,
            event=record.event,
            result=record.result,
            actor_kind=record.actor_kind,
            actor_id=record.actor_id,
            target_kind=record.target_kind,
            target_id=record.target_id,
            address=record.address,
            request_id=record.request_id,
            data=json.loads(record.data),
        )


class AuditEventPage(PageBody[AuditEventBody]):
    """A page of events."""


class AuditEventQuery(PageQuery):
    """Which events; search is in the event's name, such as `enrollment.`."""

    target_kind: str | None = Field(None, max_length=100)
    target_id: str | None = Field(None, max_length=100)

    def command(self) -> ListAuditEvents:
        """What is asked for."""
        return ListAuditEvents(self.page, target_kind=self.target_kind, target_id=self.target_id)


@surface.get(
    "/audit-events",
    guard=operator_key,
    limit=OPERATIONS,
    query=AuditEventQuery,
    gives={200: AuditEventPage},
)
async def list_audit_events() -> Response:
    """GET /api/v1/audit-events: what happened, newest first."""
    query = read_query(AuditEventQuery)
    page = await perform_at_once(list_recorded, query.command())
    return reply(AuditEventPage.of(page, AuditEventBody.of))
