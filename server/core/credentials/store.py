"""The SQL of passwords: the one place that reads and writes hashes of them.

People are looked up as in `server.core.principals.store`.
"""

from datetime import datetime
from uuid import UUID

from server.core.credentials.model import Credential
from server.core.principals.model import RealmPrincipal
from server.core.principals.rows import principal_of
from server.db.pool import Connection


async def select_credential(conn: Connection, realm_id: UUID, principal_id: UUID) -> Credential | None:
    """The person with this id, and the hash."""
    row = await conn.fetchrow(
        """
        SELECT id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
               locale, metadata, status, locked_at, locked_until, must_change_password, last_login_at,
               created_at, updated_at, password_hash
          FROM principals
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
        """,
        realm_id,
        principal_id,
    )
    return Credential(principal_of(row), row["password_hash"]) if row else None


async def select_credential_by_email(conn: Connection, realm_id: UUID, email: str) -> Credential | None:
    """The person with this address in any casing, and the hash."""
    row = await conn.fetchrow(
        """
        SELECT id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
               locale, metadata, status, locked_at, locked_until, must_change_password, last_login_at,
               created_at, updated_at, password_hash
          FROM principals
         WHERE lower(email) = lower($2)
           AND realm_id IS NOT DISTINCT FROM $1
        """,
        realm_id,
        email,
    )
    return Credential(principal_of(row), row["password_hash"]) if row else None


async def update_password(
    conn: Connection,
    realm_id: UUID,
    principal_id: UUID,
    *,
    password_hash: str,
    must_change: bool,
    now: datetime,
) -> RealmPrincipal | None:
    """The hash is this one, with no failures of passwords and no lock for them; None if there is nobody."""
    row = await conn.fetchrow(
        """
        UPDATE principals
           SET password_hash = $3, password_changed_at = $5, must_change_password = $4, failures = 0,
               locked_at = CASE WHEN lock_reason = 'password' THEN NULL ELSE locked_at END,
               locked_until = CASE WHEN lock_reason = 'password' THEN NULL ELSE locked_until END,
               lock_reason = CASE WHEN lock_reason = 'password' THEN NULL ELSE lock_reason END,
               updated_at = $5
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
        RETURNING id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
                  locale, metadata, status, locked_at, locked_until, must_change_password, last_login_at,
                  created_at, updated_at
        """,
        realm_id,
        principal_id,
        password_hash,
        must_change,
        now,
    )
    return principal_of(row) if row else None


async def update_changed_password(
    conn: Connection, realm_id: UUID, principal_id: UUID, *, old_hash: str, new_hash: str, now: datetime
) -> bool:
    """The hash is the new one, if it was the old one until now; failures with passwords are forgotten."""
    updated = await conn.fetchval(
        """
        UPDATE principals
           SET password_hash = $4, password_changed_at = $5, must_change_password = false, failures = 0,
               updated_at = $5
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
           AND password_hash = $3
        RETURNING id
        """,
        realm_id,
        principal_id,
        old_hash,
        new_hash,
        now,
    )
    return updated is not None


async def update_renewed_hash(
    conn: Connection, realm_id: UUID, principal_id: UUID, *, old_hash: str, new_hash: str
) -> bool:
    """The same password is kept as the new hash, if the old one was there until now."""
    updated = await conn.fetchval(
        """
        UPDATE principals
           SET password_hash = $4
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
           AND password_hash = $3
        RETURNING id
        """,
        realm_id,
        principal_id,
        old_hash,
        new_hash,
    )
    return updated is not None
