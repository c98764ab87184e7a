"""The SQL of unfinished sign-ins."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from server.core.realms.policy import SecondFactor
from server.db.pool import Connection, Row


class SignInRow(NamedTuple):
    """An unfinished sign-in.

    Args:
        amr: What was proved, in its order; without `mfa`, which is computed.
    """

    id: UUID
    realm_id: UUID
    principal_id: UUID
    amr: tuple[str, ...]
    methods: tuple[SecondFactor, ...]
    sets_up: bool
    provider: str | None
    push_attempt_id: int | None
    user_agent: str | None
    created_at: datetime
    expires_at: datetime


async def insert_sign_in(
    conn: Connection, new: SignInRow, handle_digest: bytes, *, surface: str, address: str | None
) -> None:
    """The sign-in waits for its next proof."""
    await conn.execute(
        """
        INSERT INTO sign_ins (id, realm_id, principal_id, amr, methods, sets_up, provider, push_attempt_id,
                              user_agent, created_at, expires_at, handle_digest, surface, address)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """,
        *new,
        handle_digest,
        surface,
        address,
    )


async def select_sign_in(
    conn: Connection, realm_id: UUID, handle_digest: bytes, now: datetime
) -> SignInRow | None:
    """The sign-in that waits, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT id, realm_id, principal_id, amr, methods, sets_up, provider, push_attempt_id, user_agent,
               created_at, expires_at
          FROM sign_ins
         WHERE realm_id = $1
           AND handle_digest = $2
           AND ended_at IS NULL
           AND expires_at > $3
        """,
        realm_id,
        handle_digest,
        now,
    )
    return _sign_in(row) if row else None


async def update_push_attempt(
    conn: Connection, realm_id: UUID, sign_in_id: UUID, attempt_id: int | None
) -> None:
    """The sign-in waits for the answer to this attempt."""
    await conn.execute(
        "UPDATE sign_ins SET push_attempt_id = $3 WHERE realm_id = $1 AND id = $2 AND ended_at IS NULL",
        realm_id,
        sign_in_id,
        attempt_id,
    )


async def update_ended(conn: Connection, realm_id: UUID, sign_in_id: UUID, now: datetime) -> bool:
    """The sign-in waits no more; False if it had ended, or its time was over."""
    ended = await conn.fetchval(
        """
        UPDATE sign_ins
           SET ended_at = $3
         WHERE realm_id = $1
           AND id = $2
           AND ended_at IS NULL
           AND expires_at > $3
        RETURNING id
        """,
        realm_id,
        sign_in_id,
        now,
    )
    return ended is not None


async def update_all_ended(conn: Connection, realm_id: UUID, principal_id: UUID, now: datetime) -> None:
    """No sign-in of the person waits any more."""
    await conn.execute(
        """
        UPDATE sign_ins
           SET ended_at = $3
         WHERE realm_id = $1
           AND principal_id = $2
           AND ended_at IS NULL
        """,
        realm_id,
        principal_id,
        now,
    )


async def delete_expired(conn: Connection, before: datetime, most: int) -> int:
    """Up to *most* sign-ins whose time was over by then are gone; how many there were."""
    gone: int = await conn.fetchval(
        """
        WITH gone AS (
            DELETE FROM sign_ins
             WHERE id = ANY (ARRAY(SELECT id
                                     FROM sign_ins
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


def _sign_in(row: Row) -> SignInRow:
    return SignInRow(
        id=row["id"],
        realm_id=row["realm_id"],
        principal_id=row["principal_id"],
        amr=tuple(row["amr"]),
        methods=tuple(SecondFactor(method) for method in row["methods"]),
        sets_up=row["sets_up"],
        provider=row["provider"],
        push_attempt_id=row["push_attempt_id"],
        user_agent=row["user_agent"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
