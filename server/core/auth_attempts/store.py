"""The SQL of attempts.

The steps of the hot path are one statement each: the change, its audit record and what depends on it, so
that no transaction has to be opened around them. Such a statement takes the audit record's columns
(`Origin`) as its first six parameters, and $1 is the instant. If it answers for several at once, each
parameter is an array; what only those rows need that are written is taken from there by their place.

A statement is planned once per connection, and the plan must be right for every number of rows, whatever the
statistics said at that time. So rows are looked up by key, one by one: in a scalar subquery, in a LATERAL of
one row, or with `= ANY (ARRAY(...))`; the join that changes an attempt has its id. Open attempts are found in
the words of migrations/versions/0002_partial_indexes_by_key.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from server.core.audit.events import Origin
from server.core.auth_attempts.model import AttemptStatus, DenyReason
from server.core.integrations.model import Signer
from server.db.pool import Connection, Row, by_place, columns, together

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
                                            HAVING count(*) = 1)) AS meant_id,
                   (SELECT true
                      FROM idempotency_keys AS used
                     WHERE used.integration_id = asked.integration_id
                       AND used.key_digest = asked.key_digest
                       AND used.created_at > asked.keys_since) IS NOT NULL AS key_used
              -- Behind a SELECT one plan is as good for one attempt as for many, and is made once.
              FROM unnest((SELECT $8::int[]), $9::int[], $10::text[], $11::bool[], $12::int[], $17::int[],
                          $19::bytea[], $21::timestamptz[]) WITH ORDINALITY
                AS asked (integration_id, enrollment_id, user_identifier, challenge_requested,
                          challenge_digits, default_challenge_digits, key_digest, keys_since, place)
        ), addressee AS (
            -- By id, as everybody locks enrollments.
            SELECT asked.place, asked.integration_id, e.id, e.organization_id,
                   e.challenge_required OR asked.challenge_requested AS challenged,
                   ($1::timestamptz[])[asked.place]
                       + coalesce(i.attempt_ttl_seconds, ($18::int[])[asked.place]) * interval '1 second'
                       AS expires_at,
                   (SELECT a.id
                      FROM auth_attempts AS a
                     WHERE CASE WHEN a.ended_at IS NULL THEN a.enrollment_id END = e.id) AS open_id
              FROM (SELECT * FROM asked WHERE NOT key_used ORDER BY meant_id) AS asked
             CROSS JOIN LATERAL (
                   SELECT attempt_ttl_seconds, challenge_digits
                     FROM integrations
                     JOIN organizations AS o ON o.id = organization_id
                    WHERE integrations.id = asked.integration_id
                      AND integrations.active
                      AND o.active
                    LIMIT 1) AS i
             CROSS JOIN LATERAL (
                   SELECT id, organization_id, challenge_required
                     FROM enrollments
                    WHERE id = asked.meant_id
                      AND integration_id = asked.integration_id
                      AND (asked.user_identifier IS NULL OR user_identifier = asked.user_identifier)
                      AND status = 'VERIFIED'
                      AND active
                      AND locked_at IS NULL
                      FOR NO KEY UPDATE) AS e
             WHERE coalesce(i.challenge_digits, asked.default_challenge_digits) = asked.challenge_digits
                OR NOT (e.challenge_required OR asked.challenge_requested)
        ), superseded AS (
            -- By id, as everybody locks several attempts.
            UPDATE auth_attempts AS a
               SET status = 'EXPIRED', ended_at = ($1::timestamptz[])[before.place]
              FROM (SELECT place, open_id FROM addressee WHERE open_id IS NOT NULL ORDER BY open_id) AS before
             WHERE a.id = before.open_id
               AND a.status IN ('PENDING', 'READ')
            RETURNING a.id, a.organization_id, before.place
        ), created AS (
            -- Reading what was superseded makes that happen first.
            INSERT INTO auth_attempts (id, organization_id, integration_id, enrollment_id, status,
                                       proof_token_sealed, challenge_sealed, context_title, context_message,
                                       created_at, expires_at)
            SELECT ($7::int[])[place], organization_id, integration_id, id, 'PENDING',
                   ($14::bytea[])[place], CASE WHEN challenged THEN ($13::bytea[])[place] END,
                   ($15::text[])[place], ($16::text[])[place], ($1::timestamptz[])[place], expires_at
              FROM addressee, (SELECT count(*) FROM superseded) AS first
        ), remembered AS (
            INSERT INTO idempotency_keys (integration_id, key_digest, request_digest, attempt_id, created_at)
            SELECT integration_id, ($19::bytea[])[place], ($20::bytea[])[place], ($7::int[])[place],
                   ($1::timestamptz[])[place]
              FROM addressee
             WHERE ($19::bytea[])[place] IS NOT NULL
             -- In one order, so that two statements with the same keys do not wait for each other.
             ORDER BY integration_id, ($19::bytea[])[place]
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data)
            SELECT ($1::timestamptz[])[place], ($2::text[])[place], ($3::text[])[place], ($4::text[])[place],
                   ($5::text[])[place], ($6::text[])[place], organization_id,
                   event, 'ok', 'auth_attempt', target_id::text, data
              FROM (SELECT place, organization_id, 'auth_attempt.created' AS event,
                           ($7::int[])[place] AS target_id,
                           jsonb_build_object('enrollment_id', id, 'challenge', challenged) AS data
                      FROM addressee
                     UNION ALL
                    SELECT place, organization_id, 'auth_attempt.expired', id,
                           jsonb_build_object('reason', 'superseded')
                      FROM superseded) AS happened
        )
        SELECT place, addressee.id AS enrollment_id, challenged, expires_at, superseded.id AS superseded
          FROM addressee
          LEFT JOIN superseded USING (place)
        """,
        *columns(attempts),
    )
    return by_place(rows, _created, len(attempts))


def _created(row: Row) -> CreatedAttempt:
    return CreatedAttempt(
        enrollment_id=row["enrollment_id"],
        challenged=row["challenged"],
        expires_at=row["expires_at"],
        superseded=row["superseded"],
    )


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
               e.status = 'VERIFIED' AND e.active AND e.locked_at IS NULL
                   AND i.active AND o.active AS can_be_asked
          FROM enrollments AS e
          JOIN integrations AS i ON i.id = e.integration_id
          JOIN organizations AS o ON o.id = e.organization_id
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
    """A phone's question, after its proof: the parameters of `claim_open_attempt` after the origin."""

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


async def claim_open_attempt(conn: Connection, origin: Origin, poll: Poll) -> Polled | None:
    """The enrollment's open attempt, if there is one, is READ, and the device proof token spent.

    A READ one is handed out again. When nothing waits nothing is written. None: no active enrollment has
    this id, proof token and device key. Polls that arrive together share one statement.
    """
    return await together(conn, _claim_open_attempts, (*origin, *poll), key=poll.enrollment_id)


async def _claim_open_attempts(
    conn: Connection, polls: Sequence[Sequence[object]]
) -> Sequence[Polled | None]:
    """As `claim_open_attempt`, for the members of origins and polls in a row, of different enrollments."""
    rows = await conn.fetch(
        """
        WITH asked AS MATERIALIZED (
            SELECT poll.place, poll.enrollment_id, poll.device_token_digest,
                   e.organization_id, e.signing_key_id,
                   (SELECT true
                      FROM spent_device_proofs AS s
                     WHERE s.enrollment_id = poll.enrollment_id
                       AND s.token_digest = poll.device_token_digest) IS NOT NULL AS token_spent,
                   (SELECT a.id
                      FROM auth_attempts AS a
                     WHERE CASE WHEN a.ended_at IS NULL THEN a.enrollment_id END = poll.enrollment_id
                       AND a.expires_at > ($1::timestamptz[])[poll.place]) AS open_id
              -- Behind a SELECT one plan is as good for one poll as for many, and is made once.
              FROM unnest((SELECT $7::int[]), $8::bytea[], $9::bytea[], $10::bytea[]) WITH ORDINALITY
                AS poll (enrollment_id, token_digest, device_key, device_token_digest, place)
             CROSS JOIN LATERAL (
                   SELECT e.organization_id, e.signing_key_id
                     FROM enrollments AS e
                     JOIN integrations AS i ON i.id = e.integration_id
                     JOIN organizations AS o ON o.id = e.organization_id
                    WHERE e.id = poll.enrollment_id
                      AND e.proof_token_digest = poll.token_digest
                      AND e.device_key = poll.device_key
                      AND e.status = 'VERIFIED'
                      AND e.active
                      AND e.locked_at IS NULL
                      AND i.active
                      AND o.active
                    LIMIT 1) AS e
        ), holder AS (
            -- The enrollment before its attempt, as everybody locks them; the spent token refers to it.
            SELECT asked.*
              FROM (SELECT *
                      FROM asked
                     WHERE open_id IS NOT NULL
                       AND NOT token_spent
                     ORDER BY enrollment_id) AS asked
             CROSS JOIN LATERAL (
                   SELECT
                     FROM enrollments
                    WHERE id = asked.enrollment_id
                      AND status = 'VERIFIED'
                      AND active
                      FOR NO KEY UPDATE) AS e
        ), open AS (
            -- By id, as everybody locks several attempts.
            SELECT holder.*, a.first
              FROM (SELECT * FROM holder ORDER BY open_id) AS holder
             CROSS JOIN LATERAL (
                   SELECT status = 'PENDING' AS first
                     FROM auth_attempts
                    WHERE id = holder.open_id
                      AND status IN ('PENDING', 'READ')
                      FOR NO KEY UPDATE) AS a
        ), spent AS (
            -- Of two polls with one token at the same moment, one gets the attempt.
            INSERT INTO spent_device_proofs (enrollment_id, token_digest, spent_at)
            SELECT enrollment_id, device_token_digest, ($1::timestamptz[])[place]
              FROM open
                ON CONFLICT DO NOTHING
            RETURNING enrollment_id
        ), claimed AS (
            UPDATE auth_attempts AS a
               SET status = 'READ', read_at = coalesce(a.read_at, ($1::timestamptz[])[open.place])
              FROM open
             WHERE a.id = open.open_id
               AND open.enrollment_id = ANY (ARRAY(TABLE spent))
            RETURNING a.id, a.organization_id, a.enrollment_id, a.status, a.proof_token_sealed,
                      a.challenge_sealed, a.context_title, a.context_message, a.deny_reason, a.created_at,
                      a.expires_at, open.place, open.first, open.signing_key_id AS signer_id,
                      (SELECT k.private_key_sealed
                         FROM integration_signing_keys AS k
                        WHERE k.id = open.signing_key_id) AS private_key_sealed
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id)
            SELECT ($1::timestamptz[])[place], ($2::text[])[place], ($3::text[])[place], ($4::text[])[place],
                   ($5::text[])[place], ($6::text[])[place], organization_id,
                   CASE WHEN first THEN 'auth_attempt.read' ELSE 'auth_attempt.read_again' END,
                   'ok', 'auth_attempt', id::text
              FROM claimed
        )
        SELECT asked.place,
               asked.token_spent
                   OR (asked.place = ANY (ARRAY(SELECT place FROM open)) AND claimed.id IS NULL)
                   AS token_spent,
               claimed.id, claimed.enrollment_id, claimed.status, claimed.proof_token_sealed,
               claimed.challenge_sealed, claimed.context_title, claimed.context_message, claimed.deny_reason,
               claimed.created_at, claimed.expires_at, claimed.signer_id, claimed.private_key_sealed
          FROM asked
          LEFT JOIN claimed USING (place)
        """,
        *columns(polls),
    )
    return by_place(rows, _polled, len(polls))


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
        SELECT found.*
          -- Behind a SELECT one plan is as good for one as for many, and is made once.
          FROM unnest((SELECT $1::int[])) AS wanted (id)
         CROSS JOIN LATERAL (
               SELECT a.id, a.enrollment_id, a.status, a.proof_token_sealed, a.challenge_sealed,
                      a.context_title, a.context_message, a.deny_reason, a.created_at, a.expires_at,
                      a.organization_id, e.device_key,
                      e.status = 'VERIFIED' AND e.active AND e.locked_at IS NULL
                          AND i.active AND o.active AS can_answer,
                      k.id AS signer_id, k.private_key_sealed
                 FROM auth_attempts AS a
                 JOIN enrollments AS e ON e.id = a.enrollment_id
                 JOIN integrations AS i ON i.id = a.integration_id
                 JOIN organizations AS o ON o.id = a.organization_id
                 JOIN integration_signing_keys AS k ON k.id = coalesce(e.signing_key_id, i.signing_key_id)
                WHERE a.id = wanted.id
                LIMIT 1) AS found
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
    """What a phone's owner decided: the parameters of `update_answered` after the origin.

    Args:
        max_failures: After how many wrong numbers in a row the enrollment is locked.
    """

    attempt_id: int
    enrollment_id: int
    status: AttemptStatus
    device_signature: str
    deny_reason: DenyReason | None
    max_failures: int


async def update_answered(conn: Connection, origin: Origin, answer: Answer) -> bool:
    """READ is answered, and what the answer means for its enrollment is done. False: it had ended.

    ACCEPTED ends quiet mode, and forgets earlier failures if it came with the right number. INVALID counts a
    failure, and locks the enrollment at `max_failures` in a row. A denial for FRAUD begins quiet mode.
    Answers that arrive together share one statement.
    """
    return await together(conn, _update_answered, (*origin, *answer), key=answer.enrollment_id)


async def _update_answered(conn: Connection, answers: Sequence[Sequence[object]]) -> Sequence[bool]:
    """As `update_answered`, for the members of origins and answers in a row, of different enrollments."""
    rows = await conn.fetch(
        """
        WITH holder AS MATERIALIZED (
            -- The enrollments before their attempts, and by id: as everybody locks them.
            SELECT answer.*
              FROM (SELECT *
                      -- Behind a SELECT one plan is as good for one answer as for many, and is made once.
                      FROM unnest((SELECT $7::int[]), $8::int[]) WITH ORDINALITY
                        AS answer (attempt_id, enrollment_id, place)
                     ORDER BY enrollment_id) AS answer
             CROSS JOIN LATERAL (
                   SELECT FROM enrollments WHERE id = answer.enrollment_id FOR NO KEY UPDATE) AS e
        ), decided AS (
            -- By id, as everybody locks several attempts.
            UPDATE auth_attempts AS a
               SET status = ($9::text[])[holder.place], ended_at = ($1::timestamptz[])[holder.place],
                   device_signature = ($10::text[])[holder.place], deny_reason = ($11::text[])[holder.place]
              FROM (SELECT * FROM holder ORDER BY attempt_id) AS holder
             WHERE a.id = holder.attempt_id
               AND a.enrollment_id = holder.enrollment_id
               AND a.status = 'READ'
               AND a.expires_at > ($1::timestamptz[])[holder.place]
            RETURNING a.id, a.enrollment_id, a.organization_id, a.status, a.ended_at, a.deny_reason,
                      a.challenge_sealed IS NOT NULL AS with_number, holder.place
        ), noted AS (
            UPDATE enrollments AS e
               SET last_used_at = decided.ended_at,
                   -- An approval that asked for no number proves nothing about guessed ones.
                   failures = CASE WHEN decided.status = 'ACCEPTED' AND decided.with_number THEN 0
                                   WHEN decided.status = 'INVALID' THEN e.failures + 1
                                   ELSE e.failures END,
                   locked_at = CASE WHEN decided.status = 'INVALID'
                                         AND e.failures + 1 >= ($12::int[])[decided.place]
                                    THEN coalesce(e.locked_at, decided.ended_at)
                                    ELSE e.locked_at END,
                   quiet_since = CASE WHEN decided.status = 'ACCEPTED' THEN NULL
                                      WHEN decided.deny_reason = 'FRAUD'
                                      THEN coalesce(e.quiet_since, decided.ended_at)
                                      ELSE e.quiet_since END
              FROM decided
             WHERE e.id = decided.enrollment_id
            RETURNING e.id, e.organization_id, e.failures, e.locked_at = decided.ended_at AS locked_now,
                      decided.place
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data)
            SELECT ($1::timestamptz[])[place], ($2::text[])[place], ($3::text[])[place], ($4::text[])[place],
                   ($5::text[])[place], ($6::text[])[place], organization_id,
                   event, result, target_kind, target_id::text, data
              FROM (SELECT place, organization_id, 'auth_attempt.' || lower(status) AS event,
                           CASE status WHEN 'INVALID' THEN 'refused' ELSE 'ok' END AS result,
                           'auth_attempt' AS target_kind, id AS target_id,
                           jsonb_strip_nulls(jsonb_build_object('deny_reason', deny_reason)) AS data
                      FROM decided
                     UNION ALL
                    SELECT place, organization_id, 'enrollment.locked', 'ok', 'enrollment', id,
                           jsonb_build_object('failures', failures)
                      FROM noted
                     WHERE locked_now
                     UNION ALL
                    SELECT place, organization_id, 'enrollment.fraud_reported', 'ok', 'enrollment',
                           enrollment_id, jsonb_build_object('auth_attempt_id', id)
                      FROM decided
                     WHERE deny_reason = 'FRAUD') AS happened
        )
        SELECT place FROM decided
        """,
        *columns(answers),
    )
    decided = {row["place"] for row in rows}
    return [place in decided for place in range(1, len(answers) + 1)]


async def lock_enrollments_of_same_user(conn: Connection, enrollment_id: int) -> None:
    """Nobody else begins or answers an attempt of this enrollment's user until the transaction ends.

    By id, so that two of the user's phones that report at the same moment take turns.
    """
    await conn.execute(
        """
        SELECT
          FROM enrollments
         WHERE id = $1
            OR (integration_id, user_identifier) = (SELECT integration_id, user_identifier
                                                      FROM enrollments
                                                     WHERE id = $1)
         ORDER BY id
           FOR NO KEY UPDATE
        """,
        enrollment_id,
    )


async def update_expired_of_same_user(conn: Connection, origin: Origin, enrollment_id: int) -> Sequence[int]:
    """The open attempts of all enrollments of this one's user at its integration are EXPIRED; their ids."""
    rows = await conn.fetch(
        """
        WITH found AS (
            SELECT (SELECT a.id
                      FROM auth_attempts AS a
                     WHERE CASE WHEN a.ended_at IS NULL THEN a.enrollment_id END = e.id)
              FROM enrollments AS e
             WHERE (e.integration_id, e.user_identifier) = (SELECT integration_id, user_identifier
                                                              FROM enrollments
                                                             WHERE id = $7)
        ), open AS (
            -- By id, as everybody locks several attempts.
            SELECT id
              FROM auth_attempts
             WHERE id = ANY (ARRAY(TABLE found))
               AND status IN ('PENDING', 'READ')
             ORDER BY id
               FOR NO KEY UPDATE
        ), expired AS (
            UPDATE auth_attempts
               SET status = 'EXPIRED', ended_at = $1
             WHERE id = ANY (ARRAY(TABLE open))
            RETURNING id, organization_id
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
             WHERE CASE WHEN ended_at IS NULL THEN expires_at END <= $1
             ORDER BY CASE WHEN ended_at IS NULL THEN expires_at END
             LIMIT $7
               FOR UPDATE SKIP LOCKED
        ), expired AS (
            UPDATE auth_attempts
               SET status = 'EXPIRED', ended_at = $1
             WHERE id = ANY (ARRAY(TABLE due))
            RETURNING id, organization_id
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
