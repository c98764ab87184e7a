"""From a row to a session."""

from server.core.sessions.model import Session
from server.db.pool import Row


def session_of(row: Row) -> Session:
    """The session that a row with these columns is."""
    return Session(
        id=row["id"],
        seq=row["seq"],
        realm_id=row["realm_id"],
        principal_id=row["principal_id"],
        organization_id=row["organization_id"],
        surface=row["surface"],
        amr=tuple(row["amr"]),
        provider=row["provider"],
        address=row["address"],
        user_agent=row["user_agent"],
        created_at=row["created_at"],
        last_active_at=row["last_active_at"],
        expires_at=row["expires_at"],
    )
