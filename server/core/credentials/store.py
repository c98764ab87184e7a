"""The SQL of passwords: the one place that reads and writes hashes of them.

People are looked up as in `server.core.principals.store`.
"""

from datetime import datetime
from uuid import UUID

from server.base.contact import email_key
from server.core.credentials.model import Credential
from server.core.principals.model import RealmPrincipal
from server.core.principals.rows import principal_of
from server.db.pool import Connection


async def select_credential(conn: Connection, realm_id: UUID, principal_id: UUID) -> Credential | None:
    """The person with this id, and the hash."""
    row = await conn.fetchrow(
        """
        SELECT id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
               locale, metadata, status, locked_at, locked_until, last_login_at, created_at,
               updated_at, password_hash
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
               locale, metadata, status, locked_at, locked_until, last_login_at, created_at,
               updated_at, password_hash
          FROM principals
         WHERE email_key = $2
           AND realm_id IS NOT DISTINCT FROM $1
        """,
        realm_id,
        email_key(email),
    )
    return Credential(principal_of(row), row["password_hash"]) if row else None


async def select_credential_by_email_for_update(
    conn: Connection, realm_id: UUID, email: str
) -> Credential | None:
    """As `select_credential_by_email`; nobody else changes the person until the transaction ends."""
    row = await conn.fetchrow(
        """
        SELECT id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
               locale, metadata, status, locked_at, locked_until, last_login_at, created_at,
               updated_at, password_hash
          FROM principals
         WHERE email_key = $2
           AND realm_id IS NOT DISTINCT FROM $1
           FOR NO KEY UPDATE
        """,
        realm_id,
        email_key(email),
    )
    return Credential(principal_of(row), row["password_hash"]) if row else None


async def update_password(
    conn: Connection,
    realm_id: UUID,
    principal_id: UUID,
    *,
    password_hash: str,
    now: datetime,
) -> RealmPrincipal | None:
    """The hash is this one, with no failures of passwords and no lock for them; None if there is nobody."""
    row = await conn.fetchrow(
        """
        UPDATE principals
           SET password_hash = $3, password_changed_at = $4, failures = 0,
               locked_at = CASE WHEN lock_reason = 'password' THEN NULL ELSE locked_at END,
               locked_until = CASE WHEN lock_reason = 'password' THEN NULL ELSE locked_until END,
               lock_reason = CASE WHEN lock_reason = 'password' THEN NULL ELSE lock_reason END,
               updated_at = $4
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
        RETURNING id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
                  locale, metadata, status, locked_at, locked_until, last_login_at, created_at, updated_at
        """,
        realm_id,
        principal_id,
        password_hash,
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
           SET password_hash = $4, password_changed_at = $5, failures = 0, updated_at = $5
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


async def update_password_removed(
    conn: Connection, realm_id: UUID, principal_id: UUID, now: datetime
) -> bool | None:
    """The person has no password, no failures and no lock for them. Whether there was one; None: nobody."""
    removed: bool | None = await conn.fetchval(
        """
        WITH held AS (
            SELECT id, password_hash IS NOT NULL AS had_one,
                   lock_reason IN ('password', 'second_factor') AS lifted
              FROM principals
             WHERE id = $2
               AND realm_id IS NOT DISTINCT FROM $1
               FOR NO KEY UPDATE
        ), removed AS (
            UPDATE principals AS p
               SET password_hash = NULL, password_changed_at = $3, failures = 0,
                   second_factor_failures = 0,
                   locked_at = CASE WHEN lifted THEN NULL ELSE p.locked_at END,
                   locked_until = CASE WHEN lifted THEN NULL ELSE p.locked_until END,
                   lock_reason = CASE WHEN lifted THEN NULL ELSE p.lock_reason END,
                   updated_at = $3
              FROM held
             WHERE p.id = held.id
        )
        SELECT had_one FROM held
        """,
        realm_id,
        principal_id,
        now,
    )
    return removed


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
