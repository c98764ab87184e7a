"""The SQL of the keys that sign access tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from server.core.audit.events import Origin
from server.crypto.access_tokens import TokenAlgorithm
from server.db.pool import Connection, Row


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A pair of keys; its private half is sealed.

    Args:
        kid: What tokens call it: the family, a hyphen, 16 hex digits.
        public_jwk: The public half: RFC 7517, without `kid`.
        retired_at: Since when it signs no more; None: it does.
    """

    id: UUID
    kid: str
    family: str
    algorithm: TokenAlgorithm
    public_jwk: Mapping[str, str]
    private_key_sealed: bytes
    created_at: datetime
    retired_at: datetime | None


def key_purpose(key_id: UUID) -> str:
    """What the private half of a token key is sealed for."""
    return f"token_signing_keys.private_key:{key_id}"


async def select_keys(conn: Connection) -> tuple[TokenKey, ...]:
    """All keys of all families: those that sign first, and the newest first of each. They are few."""
    rows = await conn.fetch(
        """
        SELECT id, kid, family, algorithm, public_key, private_key_sealed, created_at, retired_at
          FROM token_signing_keys
         ORDER BY retired_at IS NOT NULL, created_at DESC, id
        """
    )
    return tuple(map(_key, rows))


async def lock_family(conn: Connection, family: str) -> None:
    """Nobody else makes or retires a key of the family until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('token_signing_keys'), hashtext($1))", family)


async def insert_key(conn: Connection, origin: Origin, key: TokenKey) -> None:
    """The key exists, which is audited."""
    await conn.execute(
        """
        WITH made AS (
            INSERT INTO token_signing_keys (id, kid, family, algorithm, public_key, private_key_sealed,
                                            created_at)
            VALUES ($7, $8, $9, $10, $11, $12, $13)
        )
        INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, event, result,
                                  target_kind, target_id, data)
        VALUES ($1, $2, $3, $4, $5, $6, 'token_key.created', 'ok', 'token_key', $8,
                jsonb_build_object('algorithm', $10::text))
        """,
        *origin,
        key.id,
        key.kid,
        key.family,
        key.algorithm,
        json.dumps(dict(key.public_jwk)),
        key.private_key_sealed,
        key.created_at,
    )


async def update_others_retired(conn: Connection, family: str, key_id: UUID, now: datetime) -> None:
    """Of the family this key alone signs."""
    await conn.execute(
        """
        UPDATE token_signing_keys
           SET retired_at = $3
         WHERE family = $1
           AND id <> $2
           AND retired_at IS NULL
        """,
        family,
        key_id,
        now,
    )


async def delete_others(conn: Connection, family: str, key_id: UUID) -> None:
    """Of the family this key alone is there."""
    await conn.execute("DELETE FROM token_signing_keys WHERE family = $1 AND id <> $2", family, key_id)


async def delete_retired(conn: Connection, family: str, before: datetime) -> None:
    """Keys of the family that signed no more then are gone."""
    await conn.execute(
        "DELETE FROM token_signing_keys WHERE family = $1 AND retired_at <= $2", family, before
    )


def _key(row: Row) -> TokenKey:
    return TokenKey(
        id=row["id"],
        kid=row["kid"],
        family=row["family"],
        algorithm=row["algorithm"],
        public_jwk=json.loads(row["public_key"]),
        private_key_sealed=row["private_key_sealed"],
        created_at=row["created_at"],
        retired_at=row["retired_at"],
    )
