"""The SQL of what phones do with their enrollment. Operators' statements are in administration_store.

The tenant of a phone follows from its enrollment: these statements find the row by what the phone proves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.core.audit.events import Origin
from server.core.enrollments.model import EnrollmentStatus, PushProvider, StorageTier
from server.core.integrations.model import Signer
from server.db.pool import Connection, Row, by_place, columns, together


@dataclass(frozen=True, slots=True)
class Invitation:
    """An enrollment with what a phone is told about its integration and tenant when it binds."""

    id: int
    organization_id: int
    status: EnrollmentStatus
    name: str
    expires_at: datetime | None
    integration_name: str
    integration_description: str | None
    tenant_name: str
    tenant_description: str | None
    owner_active: bool
    public_key: bytes
    signer: Signer


@dataclass(frozen=True, slots=True)
class Candidate:
    """An enrollment that a phone wants to verify."""

    id: int
    organization_id: int
    status: EnrollmentStatus
    expires_at: datetime | None
    proof_token_sealed: bytes
    challenge_sealed: bytes | None
    verify_failures: int
    signer: Signer


@dataclass(frozen=True, slots=True)
class Possession:
    """An enrollment that was active when it was found by its proof token: what a proof is checked against.

    Args:
        token_digest: Of its proof token.
        device_key: Its phone's SPKI.
    """

    enrollment_id: int
    organization_id: int
    token_digest: bytes
    device_key: bytes


async def select_invitation(conn: Connection, enrollment_id: int, token_digest: bytes) -> Invitation | None:
    """The enrollment with this id and proof token, in whatever state."""
    row = await conn.fetchrow(
        """
        SELECT e.id, e.organization_id, e.status, e.name, e.expires_at,
               i.name AS integration_name, i.description AS integration_description,
               o.name AS tenant_name, o.description AS tenant_description,
               i.active AND o.active AS owner_active,
               k.id AS signer_id, k.public_key, k.private_key_sealed
          FROM enrollments e
          JOIN integrations i ON i.id = e.integration_id
          JOIN organizations o ON o.id = e.organization_id
          JOIN integration_signing_keys k ON k.id = i.signing_key_id
         WHERE e.id = $1
           AND e.proof_token_digest = $2
        """,
        enrollment_id,
        token_digest,
    )
    if row is None:
        return None
    return Invitation(
        id=row["id"],
        organization_id=row["organization_id"],
        status=EnrollmentStatus(row["status"]),
        name=row["name"],
        expires_at=row["expires_at"],
        integration_name=row["integration_name"],
        integration_description=row["integration_description"],
        tenant_name=row["tenant_name"],
        tenant_description=row["tenant_description"],
        owner_active=row["owner_active"],
        public_key=row["public_key"],
        signer=_signer(row),
    )


async def update_bound(
    conn: Connection, enrollment_id: int, token_digest: bytes, signing_key_id: int, now: datetime
) -> bool:
    """CREATED becomes BOUND, with the key that signs for it from now on. False: somebody was first."""
    return await _changed(
        conn,
        """
        UPDATE enrollments
           SET status = 'BOUND', signing_key_id = $3, bound_at = $4, updated_at = $4
         WHERE id = $1
           AND proof_token_digest = $2
           AND status = 'CREATED'
        RETURNING id
        """,
        enrollment_id,
        token_digest,
        signing_key_id,
        now,
    )


async def update_expired(conn: Connection, enrollment_id: int, now: datetime) -> bool:
    """An invitation past its time becomes EXPIRED. False: it was not open, or not past its time."""
    return await _changed(
        conn,
        """
        UPDATE enrollments
           SET status = 'EXPIRED', challenge_sealed = NULL, updated_at = $2
         WHERE id = $1
           AND status IN ('CREATED', 'BOUND')
           AND expires_at <= $2
        RETURNING id
        """,
        enrollment_id,
        now,
    )


async def select_candidate(conn: Connection, enrollment_id: int) -> Candidate | None:
    """The enrollment with this id once it has been bound, locked until the transaction ends.

    The lock makes wrong challenges that arrive together count one by one.
    """
    row = await conn.fetchrow(
        """
        SELECT e.id, e.organization_id, e.status, e.expires_at, e.proof_token_sealed, e.challenge_sealed,
               e.verify_failures, k.id AS signer_id, k.private_key_sealed
          FROM enrollments e
          JOIN integration_signing_keys k ON k.id = e.signing_key_id
          JOIN integrations i ON i.id = e.integration_id AND i.active
          JOIN organizations o ON o.id = e.organization_id AND o.active
         WHERE e.id = $1
           FOR NO KEY UPDATE OF e
        """,
        enrollment_id,
    )
    if row is None:
        return None
    return Candidate(
        id=row["id"],
        organization_id=row["organization_id"],
        status=EnrollmentStatus(row["status"]),
        expires_at=row["expires_at"],
        proof_token_sealed=row["proof_token_sealed"],
        challenge_sealed=row["challenge_sealed"],
        verify_failures=row["verify_failures"],
        signer=_signer(row),
    )


async def update_verified(
    conn: Connection, enrollment_id: int, device_key: bytes, tier: StorageTier | None, now: datetime
) -> bool:
    """BOUND becomes VERIFIED and active, with the phone's key. False: it is no longer BOUND.

    Violates `enrollments_device_key_key` when another enrollment has the key, and
    `enrollments_verified_name_key` when another verified one has the name.
    """
    return await _changed(
        conn,
        """
        UPDATE enrollments
           SET status = 'VERIFIED', active = true, device_key = $2, device_key_tier = $3,
               challenge_sealed = NULL, verify_failures = 0, failures = 0, verified_at = $4, updated_at = $4
         WHERE id = $1
           AND status = 'BOUND'
        RETURNING id
        """,
        enrollment_id,
        device_key,
        tier,
        now,
    )


async def update_verify_failed(conn: Connection, enrollment_id: int, now: datetime, *, ends: bool) -> None:
    """One more wrong challenge is counted; where it *ends* the enrollment, BOUND becomes INVALID."""
    await conn.execute(
        """
        UPDATE enrollments
           SET verify_failures = verify_failures + 1,
               status = CASE WHEN $3 THEN 'INVALID' ELSE status END,
               challenge_sealed = CASE WHEN $3 THEN NULL ELSE challenge_sealed END,
               updated_at = $2
         WHERE id = $1
           AND status = 'BOUND'
        """,
        enrollment_id,
        now,
        ends,
    )


async def select_possession(conn: Connection, enrollment_id: int, token_digest: bytes) -> Possession | None:
    """The active enrollment with this id and proof token."""
    return await together(
        conn, _select_possessions, (enrollment_id, token_digest), key=(enrollment_id, token_digest)
    )


async def _select_possessions(
    conn: Connection, wanted: Sequence[tuple[int, bytes]]
) -> Sequence[Possession | None]:
    rows = await conn.fetch(
        """
        SELECT wanted.place, wanted.token_digest, e.id, e.organization_id, e.device_key
          -- Behind a SELECT one plan is as good for one as for many, and is made once.
          FROM unnest((SELECT $1::int[]), $2::bytea[]) WITH ORDINALITY AS wanted (id, token_digest, place)
         CROSS JOIN LATERAL (
               SELECT e.id, e.organization_id, e.device_key
                 FROM enrollments AS e
                 JOIN integrations AS i ON i.id = e.integration_id
                 JOIN organizations AS o ON o.id = e.organization_id
                WHERE e.id = wanted.id
                  AND e.proof_token_digest = wanted.token_digest
                  AND e.status = 'VERIFIED'
                  AND e.active
                  AND e.locked_at IS NULL
                  AND i.active
                  AND o.active
                LIMIT 1) AS e
        """,
        *columns(wanted),
    )
    return by_place(rows, _possession, len(wanted))


def _possession(row: Row) -> Possession:
    return Possession(row["id"], row["organization_id"], row["token_digest"], row["device_key"])


async def select_active_by_token(conn: Connection, token_digest: bytes) -> tuple[int, Signer] | None:
    """The id and signer of the active enrollment with this proof token."""
    row = await conn.fetchrow(
        """
        SELECT e.id, k.id AS signer_id, k.private_key_sealed
          FROM enrollments e
          JOIN integrations i ON i.id = e.integration_id AND i.active
          JOIN organizations o ON o.id = e.organization_id AND o.active
          JOIN integration_signing_keys k ON k.id = e.signing_key_id
         WHERE e.proof_token_digest = $1
           AND e.status = 'VERIFIED'
           AND e.active
        """,
        token_digest,
    )
    return None if row is None else (row["id"], _signer(row))


async def lock_push_address(
    conn: Connection, enrollment_id: int, provider: PushProvider, address_digest: bytes
) -> None:
    """Nobody else moves this push address, or this enrollment's, until the transaction ends.

    The address first, then the enrollments by id: so two that swap their addresses wait for each other in
    one order only.
    """
    await conn.execute(
        "SELECT pg_advisory_xact_lock($1)", int.from_bytes(address_digest[:8], "big", signed=True)
    )
    await conn.execute(
        """
        SELECT
          FROM enrollments
         WHERE id = $1
            OR (push_provider = $2 AND push_address_digest = $3)
         ORDER BY id
           FOR NO KEY UPDATE
        """,
        enrollment_id,
        provider,
        address_digest,
    )


async def delete_push_address(
    conn: Connection, enrollment_id: int, provider: PushProvider, address_digest: bytes, now: datetime
) -> Sequence[tuple[int, int]]:
    """No other enrollment has this push address; those that had it, with their tenants."""
    rows = await conn.fetch(
        """
        UPDATE enrollments
           SET push_provider = NULL, push_address_digest = NULL, push_address_sealed = NULL, updated_at = $4
         WHERE push_provider = $2
           AND push_address_digest = $3
           AND id <> $1
        RETURNING id, organization_id
        """,
        enrollment_id,
        provider,
        address_digest,
        now,
    )
    return [(row["id"], row["organization_id"]) for row in rows]


async def update_push_address(
    conn: Connection,
    enrollment_id: int,
    provider: PushProvider,
    address_digest: bytes,
    address_sealed: bytes,
    now: datetime,
) -> bool:
    """The phone is woken at this address from now on. False: the enrollment is no longer active."""
    return await _changed(
        conn,
        """
        UPDATE enrollments
           SET push_provider = $2, push_address_digest = $3, push_address_sealed = $4, updated_at = $5
         WHERE id = $1
           AND status = 'VERIFIED'
           AND active
        RETURNING id
        """,
        enrollment_id,
        provider,
        address_digest,
        address_sealed,
        now,
    )


async def insert_spent_proof(
    conn: Connection, enrollment_id: int, device_token_digest: bytes, now: datetime
) -> bool:
    """The device proof token is spent. False: it was spent before."""
    return await _changed(
        conn,
        """
        INSERT INTO spent_device_proofs (enrollment_id, token_digest, spent_at)
        VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING
        RETURNING enrollment_id
        """,
        enrollment_id,
        device_token_digest,
        now,
    )


async def update_all_expired(conn: Connection, origin: Origin, *, batch: int) -> int:
    """Up to *batch* invitations past their time are EXPIRED and audited; how many it were."""
    rows = await conn.fetch(
        """
        WITH due AS (
            SELECT id
              FROM enrollments
             WHERE CASE WHEN status IN ('CREATED', 'BOUND') THEN expires_at END <= $1
             ORDER BY CASE WHEN status IN ('CREATED', 'BOUND') THEN expires_at END
             LIMIT $7
               FOR UPDATE SKIP LOCKED
        ), expired AS (
            UPDATE enrollments
               SET status = 'EXPIRED', challenge_sealed = NULL, updated_at = $1
             WHERE id = ANY (ARRAY(TABLE due))
            RETURNING id, organization_id
        )
        INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id,
                                  organization_id, event, result, target_kind, target_id)
        SELECT $1, $2, $3, $4, $5, $6, organization_id, 'enrollment.expired', 'ok', 'enrollment', id::text
          FROM expired
        RETURNING id
        """,
        *origin,
        batch,
    )
    return len(rows)


async def _changed(conn: Connection, statement: str, *arguments: object) -> bool:
    """Whether the compare-and-set *statement* found its row."""
    return await conn.fetchrow(statement, *arguments) is not None


def _signer(row: Row) -> Signer:
    return Signer(row["signer_id"], row["private_key_sealed"])
