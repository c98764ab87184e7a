"""What can be done with the audit log: read it."""

from dataclasses import dataclass

from server.base.pages import Page, PageRequest
from server.core.audit.events import AuditRecord
from server.core.audit.store import select_page
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class ListAuditEvents:
    """Which records: of one kind of target or one target, by a part of the event's name."""

    page: PageRequest
    target_kind: str | None = None
    target_id: str | None = None


async def list_audit_events(work: Work, command: ListAuditEvents) -> Page[AuditRecord]:
    """The records asked for, newest first."""
    return await select_page(
        work.conn, command.page, target_kind=command.target_kind, target_id=command.target_id
    )
