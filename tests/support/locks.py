"""Locks whose reason is no failure: the product honours them, and makes none itself."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from server.core.principals.actions import ReadPrincipal, read_principal
from server.core.principals.model import RealmPrincipal
from server.core.work import Work


@dataclass(frozen=True)
class LockPrincipal:
    """Who is locked, why, and until when; None for no end."""

    realm_id: UUID
    principal_id: UUID
    reason: str
    until: datetime | None = None


async def lock_principal(work: Work, command: LockPrincipal) -> RealmPrincipal:
    """Nobody can sign in or refresh as this person."""
    await work.conn.execute(
        """
        UPDATE principals
           SET locked_at = $3, locked_until = $4, lock_reason = $5, updated_at = $3
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
        """,
        command.realm_id,
        command.principal_id,
        work.now,
        command.until,
        command.reason,
    )
    return await read_principal(work, ReadPrincipal(command.realm_id, command.principal_id))
