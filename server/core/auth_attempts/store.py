"""The SQL of attempts.

The steps of the hot path are one statement each: the change, its audit record and what depends on it, so
that no transaction has to be opened around them. Such a statement takes the audit record's columns
(`Origin`) as its first six parameters, and $1 is the instant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from server.core.audit.events import Origin
from server.core.auth_attempts.model import AttemptStatus, DenyReason
from server.core.integrations.model import Signer
from server.db.pool import Connection, Row, columns, together

# --- asking ---------------------------------------------------------------------------------------


class NewAttempt(NamedTuple):
    """Who is asked what: the parameters of `insert_attempt` after the origin, in their order.

    Args:
        id: Drawn at random; the sealed texts are sealed for it.
        enrollment_id: Whom it is for; None if the user alone is named.
        user_identifier: Whose enrollment it must be; None if only the id is named.
        challenge_requested: A challenge is needed; it is too if the enrollment requires one.
        challenge_digits: How many the number in *challenge_sealed* has; None if there is none.
        challenge_sealed: Stored if a challenge is needed.
        default_challenge_digits: Where the integration does not say how many.
        default_ttl_seconds: Where the integration does not say for how long.
        key_digest: Of the Idempotency-Key, where the caller gave one.
        request_digest: Of the request that the key came with.
        keys_since: The key means nothing any more where it was used then or before.
    """

    id: int
    integration_id: int
    enrollment_id: int | None
    user_identifier: str | None
    challenge_requested: bool
    challenge_digits: int | None
    challenge_sealed: bytes | None
    proof_token_sealed: bytes
    context_title: str | None
    context_message: str | None
    default_challenge_digits: int
    default_ttl_seconds: int
    key_digest: bytes | None
    request_digest: bytes | None
    keys_since: datetime


@dataclass(frozen=True, slots=True)
class CreatedAttempt:
    """What only the database knew of a new attempt.

    Args:
        challenged: Whether a challenge was needed, and stored.
        superseded: The attempt that it ended, if one was open.
    """

    enrollment_id: int
    challenged: bool
    expires_at: datetime
    superseded: int | None


@dataclass(frozen=True, slots=True)
class Addressee:
    """An enrollment of the caller's integration that an attempt may be meant for."""

    user_identifier: str | None
    can_be_asked: bool
    challenge_digits: int | None


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


async def insert_attempt(conn: Connection, origin: Origin, new: NewAttempt) -> CreatedAttempt | None:
    """The attempt is PENDING, and the open one before it EXPIRED.

    None, and nothing is written: there is not exactly one enrollment that is meant and can be asked, the
    Idempotency-Key was used since then, or a challenge is needed that has not the right number of digits.
    Attempts that are made together share one statement.

    Violates `auth_attempts_pkey` when the id is taken, `auth_attempts_open_key` when somebody else makes an
    attempt for the enrollment at the same moment, and `idempotency_keys_key` when the key was used at the
    same moment or long ago.
    """
    key = (new.integration_id, new.enrollment_id or new.user_identifier)
    return await together(conn, _insert_attempts, (*origin, *new), key=key)


async def _insert_attempts(
    conn: Connection, attempts: Sequence[Sequence[object]]
) -> Sequence[CreatedAttempt | None]:
    """As `insert_attempt`, for the members of origins and new attempts in a row."""
    rows = await conn.fetch(
        """
        WITH asked AS MATERIALIZED (
            SELECT asked.*,
                   coalesce(enrollment_id, (SELECT min(e.id)
                                              FROM enrollments AS e
                                             WHERE e.integration_id = asked.integration_id
                                               AND e.user_identifier = asked.user_identifier
                                               AND e.status = 'VERIFIED'
                                               AND e.active
                                            HAVING count(*) = 1)) AS meant_id
              FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                          $7::int[], $8::int[], $9::int[], $10::text[], $11::bool[], $12::int[],
                          $13::bytea[], $14::bytea[], $15::text[], $16::text[], $17::int[], $18::int[],
                          $19::bytea[], $20::bytea[], $21::timestamptz[]) WITH ORDINALITY
                AS asked (at, surface, actor_kind, actor_id, address, request_id,
                          id, integration_id, enrollment_id, user_identifier, challenge_requested,
                          challenge_digits, challenge_sealed, proof_token_sealed, context_title,
                          context_message, default_challenge_digits, default_ttl_seconds,
                          key_digest, request_digest, keys_since, place)
        ), addressee AS (
            -- By id, as everybody locks enrollments.
            SELECT e.id, e.organization_id, asked.place,
                   e.challenge_required OR asked.challenge_requested AS challenged,
                   asked.at + coalesce(i.attempt_ttl_seconds, asked.default_ttl_seconds) * interval '1 second'
                       AS expires_at
              FROM asked
              JOIN enrollments AS e ON e.id = asked.meant_id AND e.integration_id = asked.integration_id
              JOIN integrations AS i ON i.id = e.integration_id
             WHERE (asked.user_identifier IS NULL OR e.user_identifier = asked.user_identifier)
               AND e.status = 'VERIFIED'
               AND e.active
               AND e.locked_at IS NULL
               AND i.active
               AND (coalesce(i.challenge_digits, asked.default_challenge_digits) = asked.challenge_digits
                    OR NOT (e.challenge_required OR asked.challenge_requested))
               AND NOT EXISTS (SELECT FROM idempotency_keys AS used
                                WHERE used.integration_id = asked.integration_id
                                  AND used.key_digest = asked.key_digest
                                  AND used.created_at > asked.keys_since)
             ORDER BY e.id
               FOR NO KEY UPDATE OF e
        ), superseded AS (
            UPDATE auth_attempts AS a
               SET status = 'EXPIRED', ended_at = asked.at
              FROM addressee
              JOIN asked USING (place)
             WHERE a.enrollment_id = addressee.id
               AND a.status IN ('PENDING', 'READ')
            RETURNING a.id, a.organization_id, a.enrollment_id, place
        ), created AS (
            -- Reading what was superseded makes that happen first.
            INSERT INTO auth_attempts (id, organization_id, integration_id, enrollment_id, status,
                                       proof_token_sealed, challenge_sealed, context_title, context_message,
                                       created_at, expires_at)
            SELECT asked.id, addressee.organization_id, asked.integration_id, addressee.id, 'PENDING',
                   proof_token_sealed, CASE WHEN challenged THEN challenge_sealed END,
                   context_title, context_message, at, expires_at
              FROM addressee
              JOIN asked USING (place), (SELECT count(*) FROM superseded) AS first
            RETURNING id, organization_id, enrollment_id, expires_at,
                      challenge_sealed IS NOT NULL AS challenged
        ), remembered AS (
            INSERT INTO idempotency_keys (integration_id, key_digest, request_digest, attempt_id, created_at)
            SELECT integration_id, key_digest, request_digest, id, at
              FROM created
              JOIN asked USING (id)
             WHERE key_digest IS NOT NULL
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data)
            SELECT at, surface, actor_kind, actor_id, address, request_id, organization_id,
                   'auth_attempt.created', 'ok', 'auth_attempt', id::text,
                   jsonb_build_object('enrollment_id', created.enrollment_id, 'challenge', challenged)
              FROM created
              JOIN asked USING (id)
             UNION ALL
            SELECT at, surface, actor_kind, actor_id, address, request_id, organization_id,
                   'auth_attempt.expired', 'ok', 'auth_attempt', superseded.id::text,
                   jsonb_build_object('reason', 'superseded')
              FROM superseded
              JOIN asked USING (place)
        )
        SELECT asked.place, created.enrollment_id, created.challenged, created.expires_at,
               superseded.id AS superseded
          FROM created
          JOIN asked USING (id)
          LEFT JOIN superseded USING (place)
        """,
        *columns(attempts),
    )
    found = {
        row["place"]: CreatedAttempt(
            enrollment_id=row["enrollment_id"],
            challenged=row["challenged"],
            expires_at=row["expires_at"],
            superseded=row["superseded"],
        )
        for row in rows
    }
    return [found.get(place) for place in range(1, len(attempts) + 1)]


async def lock_addressees(
    conn: Connection, integration_id: int, *, enrollment_id: int | None, user_identifier: str | None
) -> None:
    """Nobody else creates an attempt for the enrollments that may be meant until the transaction ends."""
    await conn.execute(
        """
        SELECT
          FROM enrollments
         WHERE integration_id = $1
           AND (id = $2 OR ($2::int IS NULL AND user_identifier = $3 AND status = 'VERIFIED' AND active))
         ORDER BY id
           FOR NO KEY UPDATE
        """,
        integration_id,
        enrollment_id,
        user_identifier,
    )


async def select_addressees(
    conn: Connection, integration_id: int, *, enrollment_id: int | None, user_identifier: str | None
) -> Sequence[Addressee]:
    """The integration's enrollment with this id, or up to two verified and active ones of this user."""
    rows = await conn.fetch(
        """
        SELECT e.user_identifier, i.challenge_digits,
               e.status = 'VERIFIED' AND e.active AND e.locked_at IS NULL AND i.active AS can_be_asked
          FROM enrollments AS e
          JOIN integrations AS i ON i.id = e.integration_id
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
            user_identifier=row["user_identifier"],
            can_be_asked=row["can_be_asked"],
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


# --- delivering -----------------------------------------------------------------------------------


class Poll(NamedTuple):
    """A phone's question, after its proof: who asks, from where, with what."""

    at: datetime
    surface: str
    actor_kind: str
    actor_id: str
    address: str | None
    request_id: str | None
    enrollment_id: int
    token_digest: bytes
    device_key: bytes
    device_token_digest: bytes


@dataclass(frozen=True, slots=True)
class Polled:
    """What an active enrollment's phone is told.

    Args:
        token_spent: Whether the device proof token was used before, or by another poll at this moment.
        attempt: What waits for it; None if nothing does, or the token was spent.
        signer: What the attempt is signed with; None without one.
    """

    token_spent: bool
    attempt: AttemptRow | None
    signer: Signer | None


_NOTHING_WAITS = Polled(token_spent=False, attempt=None, signer=None)
_SPENT = Polled(token_spent=True, attempt=None, signer=None)


async def claim_open_attempt(conn: Connection, poll: Poll) -> Polled | None:
    """The enrollment's open attempt, if there is one, is READ, and the device proof token spent.

    A READ one is handed out again. When nothing waits nothing is written. None: no active enrollment has
    this id, proof token and device key. Polls that arrive together share one statement.
    """
    return await together(conn, _claim_open_attempts, poll, key=poll.enrollment_id)


async def _claim_open_attempts(conn: Connection, polls: Sequence[Poll]) -> Sequence[Polled | None]:
    """As `claim_open_attempt`, for polls of different enrollments."""
    rows = await conn.fetch(
        """
        WITH asked AS MATERIALIZED (
            SELECT poll.*, e.organization_id, e.signing_key_id,
                   EXISTS (SELECT FROM spent_device_proofs AS s
                            WHERE s.enrollment_id = e.id
                              AND s.token_digest = poll.device_token_digest) AS token_spent,
                   EXISTS (SELECT FROM auth_attempts AS a
                            WHERE a.enrollment_id = e.id
                              AND a.status IN ('PENDING', 'READ')
                              AND a.expires_at > poll.at) AS waiting
              FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                          $7::int[], $8::bytea[], $9::bytea[], $10::bytea[]) WITH ORDINALITY
                AS poll (at, surface, actor_kind, actor_id, address, request_id,
                         enrollment_id, token_digest, device_key, device_token_digest, place)
              JOIN enrollments AS e
                ON e.id = poll.enrollment_id
               AND e.proof_token_digest = poll.token_digest
               AND e.device_key = poll.device_key
               AND e.status = 'VERIFIED'
               AND e.active
               AND e.locked_at IS NULL
              JOIN integrations AS i ON i.id = e.integration_id AND i.active
              JOIN organizations AS o ON o.id = e.organization_id AND o.active
        ), holder AS (
            -- The enrollment before its attempt, as everybody locks them; the spent token refers to it.
            SELECT e.id
              FROM asked
              JOIN enrollments AS e ON e.id = asked.enrollment_id
             WHERE asked.waiting
               AND NOT asked.token_spent
               AND e.status = 'VERIFIED'
               AND e.active
             ORDER BY e.id
               FOR NO KEY UPDATE OF e
        ), open AS (
            SELECT a.id, a.enrollment_id, a.status
              FROM holder
              JOIN auth_attempts AS a ON a.enrollment_id = holder.id
             WHERE a.status IN ('PENDING', 'READ')
             ORDER BY a.enrollment_id
               FOR UPDATE OF a
        ), spent AS (
            -- Of two polls with one token at the same moment, one gets the attempt.
            INSERT INTO spent_device_proofs (enrollment_id, token_digest, spent_at)
            SELECT asked.enrollment_id, asked.device_token_digest, asked.at
              FROM open
              JOIN asked USING (enrollment_id)
                ON CONFLICT DO NOTHING
            RETURNING enrollment_id
        ), claimed AS (
            UPDATE auth_attempts AS a
               SET status = 'READ', read_at = coalesce(a.read_at, asked.at)
              FROM open
              JOIN spent USING (enrollment_id)
              JOIN asked USING (enrollment_id)
             WHERE a.id = open.id
               AND a.status IN ('PENDING', 'READ')
               AND a.expires_at > asked.at
            RETURNING a.id, a.enrollment_id, a.status, a.proof_token_sealed, a.challenge_sealed,
                      a.context_title, a.context_message, a.deny_reason, a.created_at, a.expires_at,
                      open.status = 'PENDING' AS first
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id)
            SELECT at, surface, actor_kind, actor_id, address, request_id, organization_id,
                   CASE WHEN first THEN 'auth_attempt.read' ELSE 'auth_attempt.read_again' END,
                   'ok', 'auth_attempt', id::text
              FROM claimed
              JOIN asked USING (enrollment_id)
        )
        SELECT asked.place,
               asked.token_spent
                   OR (open.id IS NOT NULL AND spent.enrollment_id IS NULL) AS token_spent,
               claimed.id, claimed.enrollment_id, claimed.status, claimed.proof_token_sealed,
               claimed.challenge_sealed, claimed.context_title, claimed.context_message, claimed.deny_reason,
               claimed.created_at, claimed.expires_at,
               k.id AS signer_id, k.private_key_sealed
          FROM asked
          LEFT JOIN open USING (enrollment_id)
          LEFT JOIN spent USING (enrollment_id)
          LEFT JOIN claimed USING (enrollment_id)
          LEFT JOIN integration_signing_keys AS k
            ON k.id = asked.signing_key_id
           AND claimed.id IS NOT NULL
        """,
        *columns(polls),
    )
    found = {row["place"]: _polled(row) for row in rows}
    return [found.get(place) for place in range(1, len(polls) + 1)]


def _polled(row: Row) -> Polled:
    if row["id"] is not None:
        signer = Signer(row["signer_id"], row["private_key_sealed"])
        return Polled(token_spent=False, attempt=_attempt(row), signer=signer)
    return _SPENT if row["token_spent"] else _NOTHING_WAITS


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
    return await together(conn, _select_questions, (attempt_id,), key=attempt_id)


async def _select_questions(conn: Connection, wanted: Sequence[tuple[int]]) -> Sequence[Question | None]:
    rows = await conn.fetch(
        """
        SELECT a.id, a.enrollment_id, a.status, a.proof_token_sealed, a.challenge_sealed, a.context_title,
               a.context_message, a.deny_reason, a.created_at, a.expires_at, a.organization_id,
               e.device_key, e.status = 'VERIFIED' AND e.active AND e.locked_at IS NULL
                   AND i.active AND o.active AS can_answer,
               k.id AS signer_id, k.private_key_sealed
          FROM unnest($1::int[]) AS wanted (id)
          JOIN auth_attempts AS a ON a.id = wanted.id
          JOIN enrollments AS e ON e.id = a.enrollment_id
          JOIN integrations AS i ON i.id = a.integration_id
          JOIN organizations AS o ON o.id = a.organization_id
          JOIN integration_signing_keys AS k ON k.id = coalesce(e.signing_key_id, i.signing_key_id)
        """,
        *columns(wanted),
    )
    found = {
        row["id"]: Question(
            attempt=_attempt(row),
            organization_id=row["organization_id"],
            device_key=row["device_key"],
            can_answer=row["can_answer"],
            signer=Signer(row["signer_id"], row["private_key_sealed"]),
        )
        for row in rows
    }
    return [found.get(attempt_id) for (attempt_id,) in wanted]


class Answer(NamedTuple):
    """What a phone's owner decided, once the phone is proved.

    Args:
        at: The instant of the decision.
        max_failures: After how many wrong numbers in a row the enrollment is locked.
    """

    at: datetime
    surface: str
    actor_kind: str
    actor_id: str
    address: str | None
    request_id: str | None
    attempt_id: int
    enrollment_id: int
    status: AttemptStatus
    device_signature: str
    deny_reason: DenyReason | None
    max_failures: int


async def update_answered(conn: Connection, answer: Answer) -> bool:
    """READ is answered, and what the answer means for its enrollment is done. False: it had ended.

    ACCEPTED ends quiet mode, and forgets earlier failures if it came with the right number. INVALID counts a
    failure, and locks the enrollment at `max_failures` in a row. A denial for FRAUD begins quiet mode.
    Answers that arrive together share one statement.
    """
    return await together(conn, _update_answered, answer, key=answer.enrollment_id)


async def _update_answered(conn: Connection, answers: Sequence[Answer]) -> Sequence[bool]:
    """As `update_answered`, for answers of different enrollments."""
    rows = await conn.fetch(
        """
        WITH answer AS MATERIALIZED (
            SELECT *
              FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                          $7::int[], $8::int[], $9::text[], $10::text[], $11::text[], $12::int[])
                AS answer (at, surface, actor_kind, actor_id, address, request_id,
                           attempt_id, enrollment_id, status, device_signature, deny_reason, max_failures)
        ), holder AS (
            -- The enrollments before their attempts, and by id: as everybody locks them.
            SELECT e.id
              FROM answer
              JOIN enrollments AS e ON e.id = answer.enrollment_id
             ORDER BY e.id
               FOR NO KEY UPDATE OF e
        ), decided AS (
            UPDATE auth_attempts AS a
               SET status = answer.status, ended_at = answer.at, device_signature = answer.device_signature,
                   deny_reason = answer.deny_reason
              FROM answer
              JOIN holder ON holder.id = answer.enrollment_id
             WHERE a.id = answer.attempt_id
               AND a.enrollment_id = holder.id
               AND a.status = 'READ'
               AND a.expires_at > answer.at
            RETURNING a.id, a.enrollment_id, a.organization_id, a.status, a.deny_reason,
                      a.challenge_sealed IS NOT NULL AS with_number, answer.max_failures,
                      answer.at, answer.surface, answer.actor_kind, answer.actor_id, answer.address,
                      answer.request_id
        ), noted AS (
            UPDATE enrollments AS e
               SET last_used_at = decided.at,
                   -- An approval that asked for no number proves nothing about guessed ones.
                   failures = CASE WHEN decided.status = 'ACCEPTED' AND decided.with_number THEN 0
                                   WHEN decided.status = 'INVALID' THEN e.failures + 1
                                   ELSE e.failures END,
                   locked_at = CASE WHEN decided.status = 'INVALID' AND e.failures + 1 >= decided.max_failures
                                    THEN coalesce(e.locked_at, decided.at) ELSE e.locked_at END,
                   quiet_since = CASE WHEN decided.status = 'ACCEPTED' THEN NULL
                                      WHEN decided.deny_reason = 'FRAUD'
                                      THEN coalesce(e.quiet_since, decided.at)
                                      ELSE e.quiet_since END
              FROM decided
             WHERE e.id = decided.enrollment_id
            RETURNING e.id, e.failures, e.locked_at
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data)
            SELECT at, surface, actor_kind, actor_id, address, request_id, organization_id,
                   'auth_attempt.' || lower(status), CASE status WHEN 'INVALID' THEN 'refused' ELSE 'ok' END,
                   'auth_attempt', id::text,
                   jsonb_strip_nulls(jsonb_build_object('deny_reason', deny_reason))
              FROM decided
             UNION ALL
            SELECT at, surface, actor_kind, actor_id, address, request_id, organization_id,
                   'enrollment.locked', 'ok', 'enrollment', noted.id::text,
                   jsonb_build_object('failures', noted.failures)
              FROM decided
              JOIN noted ON noted.id = decided.enrollment_id
             WHERE noted.locked_at = decided.at
             UNION ALL
            SELECT at, surface, actor_kind, actor_id, address, request_id, organization_id,
                   'enrollment.fraud_reported', 'ok', 'enrollment', enrollment_id::text,
                   jsonb_build_object('auth_attempt_id', id)
              FROM decided
             WHERE deny_reason = 'FRAUD'
        )
        SELECT id FROM decided
        """,
        *columns(answers),
    )
    decided = {row["id"] for row in rows}
    return [answer.attempt_id in decided for answer in answers]


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
