"""What the audit log says of sessions."""

from uuid import UUID

from server.core.audit.events import Detail, Event


def session_event(what: str, realm_id: UUID, session_id: UUID, **data: Detail) -> Event:
    """That something happened to a session: `session.` and *what*."""
    return Event(f"session.{what}", "session", str(session_id), data=data, realm_id=realm_id)
