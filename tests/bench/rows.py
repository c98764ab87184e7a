"""Rows in bulk: copies of one that the product made, each with what must be its own.

Whatever columns a table has, the copies have them too, so they are as real as the row they are made from.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias
from uuid import UUID

import asyncpg

from server.base.ids import MAX_SMALL_ID
from server.core.auth_attempts.model import proof_token_purpose as attempt_purpose
from server.core.enrollments.model import proof_token_purpose as enrollment_purpose
from server.crypto.sealing import KeyRing
from server.crypto.tokens import digest
from tests.support.phone import Ed25519Key, Key, P256Key, Phone, new_proof_token

KeyKind = Literal["p256", "ed25519"]
Row: TypeAlias = Mapping[str, Any]

KEYS: Mapping[KeyKind, type[Key]] = {"p256": P256Key, "ed25519": Ed25519Key}
# The longest there is: what is prepared must still be open when its turn comes.
LIFE = timedelta(minutes=10)

# Multiplying by it modulo 2**31 - 1, a prime, visits every id once, in an order that looks like none.
_STRIDE = 1_583_458_089
_RANDOM = "uuid_send(gen_random_uuid())"
# What strangers have of their own: values as long as real ones, which open nothing.
_STRANGER = {
    "id": f"($2::bigint + n) * {_STRIDE} % {MAX_SMALL_ID}",
    "name": "'Phone of a stranger ' || $2::bigint + n",
    "user_identifier": "'stranger-' || $2::bigint + n || '@example.org'",
    "proof_token_digest": f"sha256({_RANDOM})",
    "proof_token_sealed": f"sha512({_RANDOM}) || substr(sha512({_RANDOM}), 1, 51)",
    "device_key": f"sha512({_RANDOM}) || substr(sha512({_RANDOM}), 1, 27)",
    "created_at": "t.created_at - ($2::bigint + n) * interval '1 second'",
}


@dataclass(frozen=True, slots=True)
class Question:
    """An open attempt, and what its phone signs to answer it."""

    attempt_id: int
    proof_token: str
    phone: Phone


async def select_row(conn: asyncpg.Connection, table: str, row_id: int | UUID) -> Row:
    """All columns of a row."""
    row = await conn.fetchrow(f"SELECT * FROM {table} WHERE id = $1", row_id)
    assert row is not None
    return dict(row)


async def insert_phones(
    conn: asyncpg.Connection, keys: KeyRing, enrollment: Row, first: Phone, count: int, kind: KeyKind
) -> list[Phone]:
    """*count* more enrolled phones, each with a key of its own.

    Args:
        enrollment: An enrollment in VERIFIED, and *first* its phone.
    """
    phones = [
        Phone(row_id, new_proof_token(), first.challenge, KEYS[kind](), first.integration_key)
        for row_id in await _free_ids(conn, "enrollments", count)
    ]
    await copy_rows(
        conn,
        "enrollments",
        enrollment,
        (
            {
                "id": phone.enrollment_id,
                "name": f"Phone {phone.enrollment_id}",
                "user_identifier": f"user-{phone.enrollment_id}@example.org",
                "proof_token_digest": digest(phone.proof_token),
                "proof_token_sealed": keys.seal(
                    phone.proof_token.encode(), enrollment_purpose(phone.enrollment_id)
                ),
                "device_key": phone.key.spki,
            }
            for phone in phones
        ),
    )
    # Binding and verifying would have left old versions behind, and with them the room in every page that
    # makes later changes cheap.
    await conn.execute(
        "UPDATE enrollments SET updated_at = updated_at WHERE id = ANY($1::int[])",
        [phone.enrollment_id for phone in phones],
    )
    return phones


async def insert_strangers(conn: asyncpg.Connection, enrollment: Row, first: int, count: int) -> None:
    """*count* more verified enrollments whose phones nobody has, their ids all over the range of ids.

    Foreign keys are not looked at again.

    Args:
        first: How many were inserted before.
    """
    values = ", ".join(_STRANGER.get(column, f"t.{column}") for column in enrollment)
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            f"""
            INSERT INTO enrollments ({", ".join(enrollment)})
            SELECT {values}
              FROM enrollments AS t, generate_series(1, $3::int) AS n
             WHERE t.id = $1
                -- The few whose id some real phone has are left out.
                ON CONFLICT (id) DO NOTHING
            """,
            enrollment["id"],
            first,
            count,
            timeout=None,
        )


async def insert_attempts(
    conn: asyncpg.Connection, keys: KeyRing, attempt: Row, phones: Sequence[Phone], *, read: bool
) -> list[Question]:
    """Each of *phones* has an open attempt, for ten minutes; they have none yet.

    Args:
        attempt: An attempt.
        read: Whether the phones have read them.
    """
    ids = await _free_ids(conn, "auth_attempts", len(phones))
    questions = [
        Question(row_id, new_proof_token(), phone) for row_id, phone in zip(ids, phones, strict=True)
    ]
    now = datetime.now(UTC)
    await copy_rows(
        conn,
        "auth_attempts",
        attempt,
        (
            {
                "id": question.attempt_id,
                "enrollment_id": question.phone.enrollment_id,
                "status": "READ" if read else "PENDING",
                "proof_token_sealed": keys.seal(
                    question.proof_token.encode(), attempt_purpose(question.attempt_id)
                ),
                "created_at": now,
                "expires_at": now + LIFE,
                "read_at": now if read else None,
                "ended_at": None,
            }
            for question in questions
        ),
    )
    return questions


async def _free_ids(conn: asyncpg.Connection, table: str, count: int) -> list[int]:
    """*count* random ids that no row has."""
    ids: set[int] = set()
    while len(ids) < count:
        drawn = {random.randint(1, MAX_SMALL_ID) for _ in range(count - len(ids))} - ids
        taken = await conn.fetch(f"SELECT id FROM {table} WHERE id = ANY($1::int[])", list(drawn))
        ids |= drawn - {row["id"] for row in taken}
    return list(ids)


async def copy_rows(conn: asyncpg.Connection, table: str, original: Row, changes: Iterable[Row]) -> None:
    """A row for each of *changes*: *original* with them."""
    await conn.copy_records_to_table(
        table,
        columns=list(original),
        records=(tuple({**original, **change}.values()) for change in changes),
    )
