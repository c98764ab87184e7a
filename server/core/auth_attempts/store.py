"""The SQL of attempts.

The steps of the hot path are one statement each: the change, its audit record and what depends on it, so
that no transaction has to be opened around them. Such a statement takes the audit record's columns
(`Origin`) as its first six parameters, and $1 is the instant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.core.audit.events import Origin
from server.core.auth_attempts.model import AttemptStatus, DenyReason
from server.core.enrollments.model import EnrollmentStatus
from server.core.integrations.model import Signer
from server.db.pool import Connection, Row

# --- asking ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Addressee:
    """An enrollment of the caller's integration that an attempt may go to."""

    id: int
    organization_id: int
    user_identifier: str | None
    status: EnrollmentStatus
    active: bool
    locked: bool
    challenge_required: bool
    attempt_ttl_seconds: int | None
    challenge_digits: int | None


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """What an attempt is made of."""

    id: int
    organization_id: int
    integration_id: int
    enrollment_id: int
    proof_token_sealed: bytes
    challenge_sealed: bytes | None
    context_title: str | None
    context_message: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt as it is stored."""

    id: int
    enrollment_id: int
    status: AttemptStatus
    proof_token_sealed: bytes
    challenge_sealed: bytes | None
    context_title: str | None
    context_message: str | None
    deny_reason: DenyReason | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Replay:
    """What was created under an Idempotency-Key."""

    request_digest: bytes
    attempt: AttemptRow


async def select_addressees(
    conn: Connection, integration_id: int, *, enrollment_id: int | None, user_identifier: str | None
) -> Sequence[Addressee]:
    """The integration's enrollment with this id, or its verified and active ones of this user."""
    rows = await conn.fetch(
        """
        SELECT e.id, e.organization_id, e.user_identifier, e.status, e.active,
               e.locked_at IS NOT NULL AS locked, e.challenge_required,
               i.attempt_ttl_seconds, i.challenge_digits
          FROM enrollments e
          JOIN integrations i ON i.id = e.integration_id
         WHERE e.integration_id = $1
           AND (e.id = $2
                OR ($2::int IS NULL AND e.user_identifier = $3 AND e.status = 'VERIFIED' AND e.active))
         LIMIT 2
        """,
        integration_id,
        enrollment_id,
        user_identifier,
    )
    return [
        Addressee(
            id=row["id"],
            organization_id=row["organization_id"],
            user_identifier=row["user_identifier"],
            status=EnrollmentStatus(row["status"]),
            active=row["active"],
            locked=row["locked"],
            challenge_required=row["challenge_required"],
            attempt_ttl_seconds=row["attempt_ttl_seconds"],
            challenge_digits=row["challenge_digits"],
        )
        for row in rows
    ]


async def select_replay(
    conn: Connection, integration_id: int, key_digest: bytes, since: datetime
) -> Replay | None:
    """What the integration created under this Idempotency-Key since then."""
    row = await conn.fetchrow(
        """
        SELECT p.request_digest, a.id, a.enrollment_id, a.status, a.proof_token_sealed, a.challenge_sealed,
               a.context_title, a.context_message, a.deny_reason, a.created_at, a.expires_at
          FROM idempotency_keys p
          JOIN auth_attempts a ON a.id = p.attempt_id
         WHERE p.integration_id = $1
           AND p.key_digest = $2
           AND p.created_at > $3
        """,
        integration_id,
        key_digest,
        since,
    )
    return None if row is None else Replay(row["request_digest"], _attempt(row))


async def lock_enrollment(conn: Connection, enrollment_id: int) -> None:
    """Nobody else creates an attempt for the enrollment until the transaction ends."""
    await conn.execute("SELECT FROM enrollments WHERE id = $1 FOR NO KEY UPDATE", enrollment_id)


async def insert_attempt(
    conn: Connection,
    origin: Origin,
    new: NewAttempt,
    *,
    idempotency: tuple[bytes, bytes] | None,
) -> tuple[bool, int | None]:
    """The attempt is PENDING, and the open one before it EXPIRED.

    Returns whether it was made (False: the enrollment is no longer active), and the id of the attempt that
    it superseded. Violates `auth_attempts_open_key` when somebody else makes one at the same moment, and
    `idempotency_keys_key` when the key was used.

    Args:
        idempotency: Digests of the Idempotency-Key and of the request, where the caller gave one.
    """
    key_digest, request_digest = idempotency or (None, None)
    row = await conn.fetchrow(
        """
        WITH addressee AS (
            SELECT id
              FROM enrollments
             WHERE id = $10
               AND integration_id = $9
               AND status = 'VERIFIED'
               AND active
               AND locked_at IS NULL
               FOR NO KEY UPDATE
        ), superseded AS (
            UPDATE auth_attempts
               SET status = 'EXPIRED', ended_at = $1
              FROM addressee
             WHERE enrollment_id = addressee.id
               AND status IN ('PENDING', 'READ')
            RETURNING auth_attempts.id
        ), created AS (
            -- Reading what was superseded makes that happen first.
            INSERT INTO auth_attempts (id, organization_id, integration_id, enrollment_id, status,
                                       proof_token_sealed, challenge_sealed, context_title, context_message,
                                       created_at, expires_at)
            SELECT $7, $8, $9, addressee.id, 'PENDING', $11, $12, $13, $14, $1, $15
              FROM addressee, (SELECT count(*) FROM superseded) AS first
            RETURNING id
        ), remembered AS (
            INSERT INTO idempotency_keys (integration_id, key_digest, request_digest, attempt_id, created_at)
            SELECT $9, $16, $17, created.id, $1
              FROM created
             WHERE $16::bytea IS NOT NULL
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data)
            SELECT $1, $2, $3, $4, $5, $6, $8, 'auth_attempt.created', 'ok', 'auth_attempt', id::text,
                   jsonb_build_object('enrollment_id', $10::int, 'challenge', $12::bytea IS NOT NULL)
              FROM created
             UNION ALL
            SELECT $1, $2, $3, $4, $5, $6, $8, 'auth_attempt.expired', 'ok', 'auth_attempt', id::text,
                   jsonb_build_object('reason', 'superseded')
              FROM superseded
        )
        SELECT (SELECT id FROM created) IS NOT NULL AS created, (SELECT id FROM superseded) AS superseded
        """,
        *origin,
        new.id,
        new.organization_id,
        new.integration_id,
        new.enrollment_id,
        new.proof_token_sealed,
        new.challenge_sealed,
        new.context_title,
        new.context_message,
        new.expires_at,
        key_digest,
        request_digest,
    )
    assert row is not None, "a SELECT without FROM has one row"  # noqa: S101 - for the type checker
    return row["created"], row["superseded"]


# --- delivering -----------------------------------------------------------------------------------


async def claim_open_attempt(
    conn: Connection, origin: Origin, enrollment_id: int, organization_id: int, device_token_digest: bytes
) -> AttemptRow | None:
    """The enrollment's open attempt is READ, and the device proof token spent.

    A READ one is handed out again. None: nothing is open any more. Violates `spent_device_proofs_pkey`
    when the same token claims twice at the same moment.
    """
    row = await conn.fetchrow(
        """
        WITH holder AS (
            -- The enrollment before its attempt, as everybody locks them; the spent token refers to it.
            SELECT id
              FROM enrollments
             WHERE id = $7
               AND status = 'VERIFIED'
               AND active
               FOR KEY SHARE
        ), claimed AS (
            UPDATE auth_attempts AS a
               SET status = 'READ', read_at = coalesce(a.read_at, $1)
              FROM (SELECT open.id, open.status
                      FROM auth_attempts AS open, holder
                     WHERE open.enrollment_id = holder.id
                       AND open.status IN ('PENDING', 'READ')
                       AND open.expires_at > $1
                       FOR UPDATE OF open) AS before
             WHERE a.id = before.id
               AND a.status IN ('PENDING', 'READ')
            RETURNING a.id, a.enrollment_id, a.status, a.proof_token_sealed, a.challenge_sealed,
                      a.context_title, a.context_message, a.deny_reason, a.created_at, a.expires_at,
                      before.status = 'PENDING' AS first
        ), spent AS (
            INSERT INTO spent_device_proofs (enrollment_id, token_digest, spent_at)
            SELECT $7, $9, $1 FROM claimed
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id)
            SELECT $1, $2, $3, $4, $5, $6, $8,
                   CASE WHEN first THEN 'auth_attempt.read' ELSE 'auth_attempt.read_again' END,
                   'ok', 'auth_attempt', id::text
              FROM claimed
        )
        SELECT id, enrollment_id, status, proof_token_sealed, challenge_sealed, context_title,
               context_message, deny_reason, created_at, expires_at
          FROM claimed
        """,
        *origin,
        enrollment_id,
        organization_id,
        device_token_digest,
    )
    return None if row is None else _attempt(row)


# --- answering ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """An attempt with what an answer to it is checked against."""

    attempt: AttemptRow
    organization_id: int
    device_key: bytes | None
    can_answer: bool
    signer: Signer


async def select_question(conn: Connection, attempt_id: int) -> Question | None:
    """The attempt with this id, whoever's it is: the phone's signature will show."""
    row = await conn.fetchrow(
        """
        SELECT a.id, a.enrollment_id, a.status, a.proof_token_sealed, a.challenge_sealed, a.context_title,
               a.context_message, a.deny_reason, a.created_at, a.expires_at, a.organization_id,
               e.device_key, e.status = 'VERIFIED' AND e.active AND e.locked_at IS NULL
                   AND i.active AND o.active AS can_answer,
               k.id AS signer_id, k.private_key_sealed
          FROM auth_attempts a
          JOIN enrollments e ON e.id = a.enrollment_id
          JOIN integrations i ON i.id = a.integration_id
          JOIN organizations o ON o.id = a.organization_id
          JOIN integration_signing_keys k ON k.id = coalesce(e.signing_key_id, i.signing_key_id)
         WHERE a.id = $1
        """,
        attempt_id,
    )
    if row is None:
        return None
    return Question(
        attempt=_attempt(row),
        organization_id=row["organization_id"],
        device_key=row["device_key"],
        can_answer=row["can_answer"],
        signer=Signer(row["signer_id"], row["private_key_sealed"]),
    )


async def update_answered(
    conn: Connection,
    origin: Origin,
    attempt_id: int,
    enrollment_id: int,
    organization_id: int,
    status: AttemptStatus,
    *,
    device_signature: str,
    deny_reason: DenyReason | None,
    max_failures: int,
) -> bool:
    """READ is answered, and what the answer means for its enrollment is done. False: it had ended.

    ACCEPTED ends quiet mode, and forgets earlier failures if it came with the right number. INVALID counts a
    failure, and locks the enrollment at *max_failures* in a row. A denial for FRAUD begins quiet mode.
    """
    row = await conn.fetchrow(
        """
        WITH holder AS (
            -- The enrollment before its attempt, as everybody locks them.
            SELECT id FROM enrollments WHERE id = $8 FOR NO KEY UPDATE
        ), decided AS (
            UPDATE auth_attempts
               SET status = $10, ended_at = $1, device_signature = $11, deny_reason = $12
              FROM holder
             WHERE auth_attempts.id = $7
               AND enrollment_id = holder.id
               AND status = 'READ'
               AND expires_at > $1
            RETURNING auth_attempts.id, status, deny_reason, challenge_sealed IS NOT NULL AS with_number
        ), noted AS (
            UPDATE enrollments AS e
               SET last_used_at = $1,
                   -- An approval that asked for no number proves nothing about guessed ones.
                   failures = CASE WHEN decided.status = 'ACCEPTED' AND decided.with_number THEN 0
                                   WHEN decided.status = 'INVALID' THEN e.failures + 1
                                   ELSE e.failures END,
                   locked_at = CASE WHEN decided.status = 'INVALID' AND e.failures + 1 >= $13
                                    THEN coalesce(e.locked_at, $1) ELSE e.locked_at END,
                   quiet_since = CASE WHEN decided.status = 'ACCEPTED' THEN NULL
                                      WHEN decided.deny_reason = 'FRAUD' THEN coalesce(e.quiet_since, $1)
                                      ELSE e.quiet_since END
              FROM decided
             WHERE e.id = $8
            RETURNING e.failures, e.locked_at
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data)
            SELECT $1, $2, $3, $4, $5, $6, $9::int,
                   'auth_attempt.' || lower($10), CASE $10 WHEN 'INVALID' THEN 'refused' ELSE 'ok' END,
                   'auth_attempt', decided.id::text,
                   jsonb_strip_nulls(jsonb_build_object('deny_reason', $12::text))
              FROM decided
             UNION ALL
            SELECT $1, $2, $3, $4, $5, $6, $9::int, 'enrollment.locked', 'ok', 'enrollment',
                   $8::int::text, jsonb_build_object('failures', noted.failures)
              FROM noted
             WHERE noted.locked_at = $1
             UNION ALL
            SELECT $1, $2, $3, $4, $5, $6, $9::int, 'enrollment.fraud_reported', 'ok', 'enrollment',
                   $8::int::text, jsonb_build_object('auth_attempt_id', decided.id)
              FROM decided
             WHERE decided.deny_reason = 'FRAUD'
        )
        SELECT id FROM decided
        """,
        *origin,
        attempt_id,
        enrollment_id,
        organization_id,
        status,
        device_signature,
        deny_reason,
        max_failures,
    )
    return row is not None


async def lock_enrollments_of_same_user(conn: Connection, enrollment_id: int) -> None:
    """Nobody else begins or answers an attempt of this enrollment's user until the transaction ends.

    By id, so that two of the user's phones that report at the same moment take turns.
    """
    await conn.execute(
        """
        SELECT
          FROM enrollments
         WHERE id IN (SELECT $1::int
                       UNION
                      SELECT other.id
                        FROM enrollments AS reporter
                        JOIN enrollments AS other ON other.integration_id = reporter.integration_id
                                                 AND other.user_identifier = reporter.user_identifier
                       WHERE reporter.id = $1)
         ORDER BY id
           FOR NO KEY UPDATE
        """,
        enrollment_id,
    )


async def update_expired_of_same_user(conn: Connection, origin: Origin, enrollment_id: int) -> Sequence[int]:
    """The open attempts of all enrollments of this one's user at its integration are EXPIRED; their ids."""
    rows = await conn.fetch(
        """
        WITH open AS (
            -- By id, as everybody locks several attempts.
            SELECT a.id
              FROM enrollments reporter
              JOIN enrollments other ON other.integration_id = reporter.integration_id
                                    AND other.user_identifier = reporter.user_identifier
              JOIN auth_attempts a ON a.enrollment_id = other.id AND a.status IN ('PENDING', 'READ')
             WHERE reporter.id = $7
             ORDER BY a.id
               FOR NO KEY UPDATE OF a
        ), expired AS (
            UPDATE auth_attempts AS a
               SET status = 'EXPIRED', ended_at = $1
              FROM open
             WHERE a.id = open.id
               AND a.status IN ('PENDING', 'READ')
            RETURNING a.id, a.organization_id
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data)
            SELECT $1, $2, $3, $4, $5, $6, organization_id, 'auth_attempt.expired', 'ok', 'auth_attempt',
                   id::text, jsonb_build_object('reason', 'fraud_reported')
              FROM expired
        )
        SELECT id FROM expired
        """,
        *origin,
        enrollment_id,
    )
    return [row["id"] for row in rows]


# --- waiting and cancelling -----------------------------------------------------------------------


async def select_attempt(conn: Connection, integration_id: int, attempt_id: int) -> AttemptRow | None:
    """The integration's attempt with this id."""
    row = await conn.fetchrow(
        """
        SELECT id, enrollment_id, status, proof_token_sealed, challenge_sealed, context_title,
               context_message, deny_reason, created_at, expires_at
          FROM auth_attempts
         WHERE integration_id = $1
           AND id = $2
        """,
        integration_id,
        attempt_id,
    )
    return None if row is None else _attempt(row)


async def update_cancelled(
    conn: Connection, origin: Origin, integration_id: int, attempt_id: int
) -> AttemptRow | None:
    """PENDING or READ is EXPIRED. None: it had ended, by an answer or by time."""
    row = await conn.fetchrow(
        """
        WITH cancelled AS (
            UPDATE auth_attempts
               SET status = 'EXPIRED', ended_at = $1
             WHERE integration_id = $7
               AND id = $8
               AND status IN ('PENDING', 'READ')
               AND expires_at > $1
            RETURNING id, organization_id, enrollment_id, status, proof_token_sealed, challenge_sealed,
                      context_title, context_message, deny_reason, created_at, expires_at
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data)
            SELECT $1, $2, $3, $4, $5, $6, organization_id, 'auth_attempt.expired', 'ok', 'auth_attempt',
                   id::text, jsonb_build_object('reason', 'cancelled')
              FROM cancelled
        )
        SELECT id, enrollment_id, status, proof_token_sealed, challenge_sealed, context_title,
               context_message, deny_reason, created_at, expires_at
          FROM cancelled
        """,
        *origin,
        integration_id,
        attempt_id,
    )
    return None if row is None else _attempt(row)


async def update_all_expired(conn: Connection, origin: Origin, *, batch: int) -> Sequence[int]:
    """Up to *batch* open attempts past their time are EXPIRED and audited; their ids."""
    rows = await conn.fetch(
        """
        WITH due AS (
            SELECT id
              FROM auth_attempts
             WHERE status IN ('PENDING', 'READ')
               AND expires_at <= $1
             LIMIT $7
               FOR UPDATE SKIP LOCKED
        ), expired AS (
            UPDATE auth_attempts
               SET status = 'EXPIRED', ended_at = $1
              FROM due
             WHERE auth_attempts.id = due.id
            RETURNING auth_attempts.id, organization_id
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data)
            SELECT $1, $2, $3, $4, $5, $6, organization_id, 'auth_attempt.expired', 'ok', 'auth_attempt',
                   id::text, jsonb_build_object('reason', 'time')
              FROM expired
        )
        SELECT id FROM expired
        """,
        *origin,
        batch,
    )
    return [row["id"] for row in rows]


async def delete_idempotency_keys(conn: Connection, before: datetime) -> None:
    """Idempotency-Keys from before then, that instant included, are forgotten."""
    await conn.execute("DELETE FROM idempotency_keys WHERE created_at <= $1", before)


def _attempt(row: Row) -> AttemptRow:
    return AttemptRow(
        id=row["id"],
        enrollment_id=row["enrollment_id"],
        status=AttemptStatus(row["status"]),
        proof_token_sealed=row["proof_token_sealed"],
        challenge_sealed=row["challenge_sealed"],
        context_title=row["context_title"],
        context_message=row["context_message"],
        deny_reason=DenyReason(row["deny_reason"]) if row["deny_reason"] else None,
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
