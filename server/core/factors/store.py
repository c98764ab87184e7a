"""The SQL of factors and recovery codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from server.base.errors import FactorExists
from server.core.factors.model import Factor
from server.core.realms.policy import SecondFactor
from server.db.conflicts import unique
from server.db.pool import Connection, Row


class TotpRow(NamedTuple):
    """An authenticator app's factor with its secret.

    Args:
        last_step: The last step of which a code was accepted.
    """

    id: UUID
    secret_sealed: bytes
    last_step: int | None


async def upsert_pending(
    conn: Connection,
    factor_id: UUID,
    realm_id: UUID,
    principal_id: UUID,
    kind: SecondFactor,
    *,
    secret_sealed: bytes | None,
    phone: str | None,
    now: datetime,
) -> None:
    """The factor waits to be confirmed, instead of an earlier one of this type that was not."""
    await conn.execute(
        """
        INSERT INTO factors (id, realm_id, principal_id, type, status, secret_sealed, phone, created_at)
        VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7)
        ON CONFLICT (principal_id, type, status) DO UPDATE
           SET id = excluded.id, secret_sealed = excluded.secret_sealed, phone = excluded.phone,
               last_step = NULL, created_at = excluded.created_at
        """,
        factor_id,
        realm_id,
        principal_id,
        kind,
        secret_sealed,
        phone,
        now,
    )


async def insert_active(
    conn: Connection,
    factor_id: UUID,
    realm_id: UUID,
    principal_id: UUID,
    kind: SecondFactor,
    *,
    label: str | None,
    enrollment_id: int | None,
    now: datetime,
) -> None:
    """The factor counts.

    Raises:
        FactorExists: The person has one of this type, or the phone is somebody's.
    """
    with (
        unique("factors_principal_type_status_key", FactorExists()),
        unique("factors_enrollment_id_key", FactorExists("This phone is somebody's factor already")),
    ):
        await conn.execute(
            """
            INSERT INTO factors (id, realm_id, principal_id, type, status, label, enrollment_id, created_at,
                                 confirmed_at)
            VALUES ($1, $2, $3, $4, 'active', $5, $6, $7, $7)
            """,
            factor_id,
            realm_id,
            principal_id,
            kind,
            label,
            enrollment_id,
            now,
        )


async def select_factors(conn: Connection, realm_id: UUID, principal_id: UUID) -> Sequence[Factor]:
    """The person's factors, pending ones included, in the order in which they were begun."""
    rows = await conn.fetch(
        """
        SELECT id, realm_id, principal_id, type, status, label, phone, enrollment_id, created_at, last_used_at
          FROM factors
         WHERE realm_id = $1
           AND principal_id = $2
         ORDER BY seq
        """,
        realm_id,
        principal_id,
    )
    return [_factor(row) for row in rows]


async def select_active_types(
    conn: Connection, realm_id: UUID, principal_ids: Sequence[UUID]
) -> Sequence[tuple[UUID, SecondFactor]]:
    """Which factors of these people count."""
    rows = await conn.fetch(
        """
        SELECT principal_id, type
          FROM factors
         WHERE realm_id = $1
           AND principal_id = ANY ($2::uuid[])
           AND status = 'active'
         ORDER BY seq
        """,
        realm_id,
        principal_ids,
    )
    return [(row["principal_id"], SecondFactor(row["type"])) for row in rows]


async def select_totp(conn: Connection, realm_id: UUID, factor_id: UUID) -> TotpRow | None:
    """The factor with its secret, if it is an authenticator app's."""
    row = await conn.fetchrow(
        """
        SELECT id, secret_sealed, last_step
          FROM factors
         WHERE realm_id = $1
           AND id = $2
           AND type = 'totp'
        """,
        realm_id,
        factor_id,
    )
    return TotpRow(row["id"], row["secret_sealed"], row["last_step"]) if row else None


async def update_step_used(
    conn: Connection, realm_id: UUID, factor_id: UUID, step: int, now: datetime
) -> bool:
    """The step's code is used; False if it or a later one was before."""
    used = await conn.fetchval(
        """
        UPDATE factors
           SET last_step = $3, last_used_at = $4
         WHERE realm_id = $1
           AND id = $2
           AND (last_step IS NULL OR last_step < $3)
        RETURNING id
        """,
        realm_id,
        factor_id,
        step,
        now,
    )
    return used is not None


async def update_used(conn: Connection, realm_id: UUID, factor_id: UUID, now: datetime) -> None:
    """The factor was used now."""
    await conn.execute(
        "UPDATE factors SET last_used_at = $3 WHERE realm_id = $1 AND id = $2",
        realm_id,
        factor_id,
        now,
    )


async def update_confirmed(conn: Connection, realm_id: UUID, factor_id: UUID, now: datetime) -> bool:
    """The pending factor counts; False if there is none any more.

    Raises:
        FactorExists: The person has one of this type that counts.
    """
    with unique("factors_principal_type_status_key", FactorExists()):
        confirmed = await conn.fetchval(
            """
            UPDATE factors
               SET status = 'active', confirmed_at = $3
             WHERE realm_id = $1
               AND id = $2
               AND status = 'pending'
            RETURNING id
            """,
            realm_id,
            factor_id,
            now,
        )
    return confirmed is not None


async def delete_factors(
    conn: Connection, realm_id: UUID, principal_id: UUID, kinds: Sequence[SecondFactor]
) -> Sequence[SecondFactor]:
    """The person's factors of these types are gone, pending ones too; the types of those that counted."""
    rows = await conn.fetch(
        """
        DELETE FROM factors
         WHERE realm_id = $1
           AND principal_id = $2
           AND type = ANY ($3::text[])
        RETURNING type, status
        """,
        realm_id,
        principal_id,
        kinds,
    )
    return [SecondFactor(row["type"]) for row in rows if row["status"] == "active"]


async def insert_recovery_codes(
    conn: Connection, factor_id: UUID, ids: Sequence[UUID], digests: Sequence[bytes]
) -> None:
    """Each code works once."""
    await conn.execute(
        """
        INSERT INTO recovery_codes (id, factor_id, code_digest)
        SELECT made.id, $1, made.code_digest
          FROM unnest($2::uuid[], $3::bytea[]) AS made (id, code_digest)
        """,
        factor_id,
        ids,
        digests,
    )


async def update_recovery_code_used(
    conn: Connection, realm_id: UUID, factor_id: UUID, code_digest: bytes, now: datetime
) -> bool:
    """The code is used; False if there is none, or it was used before."""
    used = await conn.fetchval(
        """
        UPDATE recovery_codes AS c
           SET used_at = $4
          FROM factors AS f
         WHERE f.realm_id = $1
           AND f.id = $2
           AND c.factor_id = f.id
           AND c.code_digest = $3
           AND c.used_at IS NULL
        RETURNING c.id
        """,
        realm_id,
        factor_id,
        code_digest,
        now,
    )
    return used is not None


async def count_recovery_codes(conn: Connection, realm_id: UUID, factor_id: UUID) -> int:
    """How many codes can still be used."""
    left: int = await conn.fetchval(
        """
        SELECT count(*)
          FROM recovery_codes AS c
          JOIN factors AS f ON f.id = c.factor_id
         WHERE f.realm_id = $1
           AND f.id = $2
           AND c.used_at IS NULL
        """,
        realm_id,
        factor_id,
    )
    return left


def _factor(row: Row) -> Factor:
    return Factor(
        id=row["id"],
        realm_id=row["realm_id"],
        principal_id=row["principal_id"],
        type=SecondFactor(row["type"]),
        active=row["status"] == "active",
        label=row["label"],
        phone=row["phone"],
        enrollment_id=row["enrollment_id"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
    )
