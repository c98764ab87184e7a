"""The SQL of one-time secrets.

A statement is planned once per connection, whatever the statistics said then. So a person's secrets are found
by the person, beside conditions for which no index is used (IS NOT DISTINCT FROM, IS TRUE).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from server.core.one_time_secrets.model import Purpose
from server.db.pool import Connection, Row


class NewSecret(NamedTuple):
    """A secret to be: the parameters of an insert, in their order."""

    id: UUID
    realm_id: UUID
    principal_id: UUID | None
    purpose: Purpose
    target: str
    secret_digest: bytes
    payload_sealed: bytes | None
    max_attempts: int
    created_at: datetime
    expires_at: datetime


class SecretRow(NamedTuple):
    """A secret as it is stored."""

    id: UUID
    realm_id: UUID
    principal_id: UUID | None
    target: str
    secret_digest: bytes
    payload_sealed: bytes | None
    expires_at: datetime
    used_at: datetime | None


async def insert_token(conn: Connection, new: NewSecret, *, replaces: bool) -> None:
    """The token works, and if it *replaces*, none that was sent to the target before for the same purpose."""
    await conn.execute(
        """
        WITH earlier AS (
            DELETE FROM one_time_secrets
             WHERE $11
               AND realm_id = $2
               AND purpose = $4
               AND target = $5
               AND used_at IS NULL
        )
        INSERT INTO one_time_secrets (id, realm_id, principal_id, purpose, target, secret_digest,
                                      payload_sealed, max_attempts, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        *new,
        replaces,
    )


async def insert_used_token(conn: Connection, new: NewSecret) -> bool:
    """The token was used now; False if there is one already."""
    inserted = await conn.fetchval(
        """
        INSERT INTO one_time_secrets (id, realm_id, principal_id, purpose, target, secret_digest,
                                      payload_sealed, max_attempts, created_at, expires_at, used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9)
        ON CONFLICT (secret_digest, realm_id, purpose) DO NOTHING
        RETURNING id
        """,
        *new,
    )
    return inserted is not None


async def replace_code(conn: Connection, new: NewSecret) -> None:
    """The code works, and none that was sent to the target before for the same purpose does."""
    await conn.execute(
        """
        WITH earlier AS (
            DELETE FROM one_time_secrets
             WHERE realm_id = $2
               AND purpose = $4
               AND target = $5
        )
        INSERT INTO one_time_secrets (id, realm_id, principal_id, purpose, target, secret_digest,
                                      payload_sealed, max_attempts, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        *new,
    )


async def select_token(
    conn: Connection, realm_id: UUID | None, purpose: Purpose, secret_digest: bytes
) -> SecretRow | None:
    """The token, in whatever state; of any realm if none is named."""
    row = await conn.fetchrow(
        """
        SELECT id, realm_id, principal_id, target, secret_digest, payload_sealed, expires_at, used_at
          FROM one_time_secrets
         WHERE secret_digest = $1
           AND purpose = $2
           AND ($3::uuid IS NULL OR realm_id = $3)
        """,
        secret_digest,
        purpose,
        realm_id,
    )
    return _secret(row) if row else None


async def update_token_used(
    conn: Connection, realm_id: UUID | None, purpose: Purpose, secret_digest: bytes, now: datetime
) -> SecretRow | None:
    """The token, which is used now. None: there is none, somebody was first, or its time is over."""
    row = await conn.fetchrow(
        """
        UPDATE one_time_secrets
           SET used_at = $4
         WHERE secret_digest = $1
           AND purpose = $2
           AND ($3::uuid IS NULL OR realm_id = $3)
           AND used_at IS NULL
           AND expires_at > $4
        RETURNING id, realm_id, principal_id, target, secret_digest, payload_sealed, expires_at, used_at
        """,
        secret_digest,
        purpose,
        realm_id,
        now,
    )
    return _secret(row) if row else None


async def claim_try(
    conn: Connection, realm_id: UUID, purpose: Purpose, target: str, now: datetime
) -> SecretRow | None:
    """The code that was sent to the target last, with one try less. None: it has none left, or is dead.

    Until the transaction ends whoever else tries a code for the target waits.
    """
    row = await conn.fetchrow(
        """
        UPDATE one_time_secrets
           SET attempts = attempts + 1
         WHERE id = (SELECT id
                       FROM one_time_secrets
                      WHERE realm_id = $1
                        AND purpose = $2
                        AND target = $3
                      ORDER BY created_at DESC
                      LIMIT 1)
           AND used_at IS NULL
           AND expires_at > $4
           AND attempts < max_attempts
        RETURNING id, realm_id, principal_id, target, secret_digest, payload_sealed, expires_at, used_at
        """,
        realm_id,
        purpose,
        target,
        now,
    )
    return _secret(row) if row else None


async def update_code_used(conn: Connection, secret_id: UUID, now: datetime) -> bool:
    """The code is used now; False if it was before."""
    used = await conn.fetchval(
        """
        UPDATE one_time_secrets
           SET used_at = $2
         WHERE id = $1
           AND used_at IS NULL
        RETURNING id
        """,
        secret_id,
        now,
    )
    return used is not None


async def delete_live(
    conn: Connection, realm_id: UUID, principal_id: UUID, purposes: Sequence[Purpose]
) -> None:
    """No secret of the principal for these purposes works; those that were used stay known as such."""
    await conn.execute(
        """
        DELETE FROM one_time_secrets
         WHERE principal_id = $2
           AND realm_id IS NOT DISTINCT FROM $1
           AND (purpose = ANY ($3::text[])) IS TRUE
           AND used_at IS NULL
        """,
        realm_id,
        principal_id,
        purposes,
    )


async def delete_expired(conn: Connection, before: datetime, most: int) -> int:
    """Up to *most* secrets whose time was over by then are gone; how many there were."""
    gone: int = await conn.fetchval(
        """
        WITH gone AS (
            DELETE FROM one_time_secrets
             WHERE id = ANY (ARRAY(SELECT id
                                     FROM one_time_secrets
                                    WHERE expires_at <= $1
                                    ORDER BY expires_at
                                    LIMIT $2
                                      FOR UPDATE SKIP LOCKED))
            RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        before,
        most,
    )
    return gone


def _secret(row: Row) -> SecretRow:
    return SecretRow(
        id=row["id"],
        realm_id=row["realm_id"],
        principal_id=row["principal_id"],
        target=row["target"],
        secret_digest=row["secret_digest"],
        payload_sealed=row["payload_sealed"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
    )
