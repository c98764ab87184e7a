"""The SQL of principals. What concerns failures and locks is in `locking_store`.

A statement is planned once per connection, whatever the statistics said then, and the realm alone may look as
good to it as an id or an address. So people are looked up by the one column that finds them in any realm, and
the realm is compared with IS NOT DISTINCT FROM, for which no index is used.

Addresses are compared by their keys (`server.base.contact.email_key`), which the statements are given: what
the database takes for lower case depends on its locale, and is not what anybody else does.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from server.base.contact import email_key
from server.base.errors import EmailTaken, LastOwner, PhoneTaken, RealmNotFound
from server.core.principals.model import PrincipalStatus, RealmPrincipal
from server.core.principals.rows import principal_of
from server.db.conflicts import dangling, refused, unique
from server.db.pool import Connection


async def insert_principal(
    conn: Connection,
    principal_id: UUID,
    realm_id: UUID,
    *,
    email: str | None,
    email_verified: bool,
    phone: str | None,
    phone_verified: bool,
    display_name: str | None,
    locale: str | None,
    metadata: str,
    password_hash: str | None,
    now: datetime,
) -> RealmPrincipal:
    """The person exists.

    Raises:
        EmailTaken: Another person of the realm has the address, in any casing.
        PhoneTaken: Another has the number.
        RealmNotFound: It was deleted a moment ago.
    """
    with (
        unique("principals_realm_email_key", EmailTaken()),
        unique("principals_realm_phone_key", PhoneTaken()),
        dangling("principals_realm_id_fkey", RealmNotFound()),
    ):
        row = await conn.fetchrow(
            """
            INSERT INTO principals (id, realm_id, email, email_key, email_verified, phone, phone_verified,
                                    display_name, locale, metadata, password_hash, password_changed_at,
                                    created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                    CASE WHEN $11::text IS NOT NULL THEN $12::timestamptz END, $12, $12)
            RETURNING id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
                      locale, metadata, status, locked_at, locked_until, last_login_at, created_at, updated_at
            """,
            principal_id,
            realm_id,
            email,
            None if email is None else email_key(email),
            email_verified,
            phone,
            phone_verified,
            display_name,
            locale,
            metadata,
            password_hash,
            now,
        )
    if row is None:
        raise AssertionError("an INSERT returns its row")
    return principal_of(row)


async def select_principal(conn: Connection, realm_id: UUID, principal_id: UUID) -> RealmPrincipal | None:
    """The person with this id."""
    row = await conn.fetchrow(
        """
        SELECT id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
               locale, metadata, status, locked_at, locked_until, last_login_at, created_at, updated_at
          FROM principals
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
        """,
        realm_id,
        principal_id,
    )
    return principal_of(row) if row else None


async def select_principal_for_update(
    conn: Connection, realm_id: UUID, principal_id: UUID
) -> RealmPrincipal | None:
    """The person with this id; nobody else changes it until the transaction ends."""
    row = await conn.fetchrow(
        """
        SELECT id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
               locale, metadata, status, locked_at, locked_until, last_login_at, created_at, updated_at
          FROM principals
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
           FOR NO KEY UPDATE
        """,
        realm_id,
        principal_id,
    )
    return principal_of(row) if row else None


async def select_by_email(conn: Connection, realm_id: UUID, email: str) -> RealmPrincipal | None:
    """The person with this address, in any casing."""
    row = await conn.fetchrow(
        """
        SELECT id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
               locale, metadata, status, locked_at, locked_until, last_login_at, created_at, updated_at
          FROM principals
         WHERE email_key = $2
           AND realm_id IS NOT DISTINCT FROM $1
        """,
        realm_id,
        email_key(email),
    )
    return principal_of(row) if row else None


async def select_by_phone(conn: Connection, realm_id: UUID, phone: str) -> RealmPrincipal | None:
    """The person with this number."""
    row = await conn.fetchrow(
        """
        SELECT id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
               locale, metadata, status, locked_at, locked_until, last_login_at, created_at, updated_at
          FROM principals
         WHERE phone = $2
           AND realm_id IS NOT DISTINCT FROM $1
        """,
        realm_id,
        phone,
    )
    return principal_of(row) if row else None


async def select_some(
    conn: Connection, realm_id: UUID, *, before: int | None, search: str, limit: int
) -> Sequence[RealmPrincipal]:
    """The newest people first; of those before a `seq`, with *search* in the address, A-Z in any casing."""
    rows = await conn.fetch(
        """
        SELECT id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
               locale, metadata, status, locked_at, locked_until, last_login_at, created_at, updated_at
          FROM principals
         WHERE realm_id = $1
           AND seq < coalesce($2, 9223372036854775807)
           AND ($3 = '' OR strpos(lower(email COLLATE "C"), lower($3 COLLATE "C")) > 0)
         ORDER BY seq DESC
         LIMIT $4
        """,
        realm_id,
        before,
        search,
        limit,
    )
    return [principal_of(row) for row in rows]


async def update_principal(conn: Connection, new: RealmPrincipal, now: datetime) -> None:
    """The person's address, names and metadata are those of *new*.

    Raises:
        EmailTaken: Another person of the realm has the address, in any casing.
    """
    with unique("principals_realm_email_key", EmailTaken()):
        await conn.execute(
            """
            UPDATE principals
               SET email = $3, email_key = $4, email_verified = $5, display_name = $6, locale = $7,
                   metadata = $8, updated_at = $9
             WHERE id = $2
               AND realm_id IS NOT DISTINCT FROM $1
            """,
            new.realm_id,
            new.id,
            new.email,
            None if new.email is None else email_key(new.email),
            new.email_verified,
            new.display_name,
            new.locale,
            json.dumps(new.metadata, ensure_ascii=False),
            now,
        )


async def update_status(
    conn: Connection, realm_id: UUID, principal_id: UUID, status: PrincipalStatus, now: datetime
) -> bool:
    """The person's status is this; False if it was before, or there is nobody."""
    moved = await conn.fetchval(
        """
        UPDATE principals
           SET status = $3, updated_at = $4
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
           AND status <> $3
        RETURNING id
        """,
        realm_id,
        principal_id,
        status,
        now,
    )
    return moved is not None


async def update_email_verified(
    conn: Connection, realm_id: UUID, principal_id: UUID, email: str, now: datetime
) -> bool | None:
    """The address is verified, if it is still the person's: else None. False: it was before."""
    verified: bool | None = await conn.fetchval(
        """
        WITH held AS (
            SELECT id, email_verified
              FROM principals
             WHERE id = $2
               AND realm_id IS NOT DISTINCT FROM $1
               AND email_key = $3
               FOR NO KEY UPDATE
        ), verified AS (
            UPDATE principals AS p
               SET email_verified = true, updated_at = $4
              FROM held
             WHERE p.id = held.id
               AND NOT held.email_verified
        )
        SELECT NOT email_verified FROM held
        """,
        realm_id,
        principal_id,
        email_key(email),
        now,
    )
    return verified


async def update_phone(
    conn: Connection, realm_id: UUID, principal_id: UUID, phone: str, now: datetime
) -> bool:
    """The number is the person's and verified; False if there is nobody.

    Raises:
        PhoneTaken: Another person of the realm has it.
    """
    with unique("principals_realm_phone_key", PhoneTaken()):
        updated = await conn.fetchval(
            """
            UPDATE principals
               SET phone = $3, phone_verified = true, updated_at = $4
             WHERE id = $2
               AND realm_id IS NOT DISTINCT FROM $1
            RETURNING id
            """,
            realm_id,
            principal_id,
            phone,
            now,
        )
    return updated is not None


async def update_phone_removed(conn: Connection, realm_id: UUID, principal_id: UUID, now: datetime) -> bool:
    """The person has no number; False if it was so before, or there is nobody."""
    removed = await conn.fetchval(
        """
        UPDATE principals
           SET phone = NULL, phone_verified = false, updated_at = $3
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
           AND phone IS NOT NULL
        RETURNING id
        """,
        realm_id,
        principal_id,
        now,
    )
    return removed is not None


async def delete_principal(conn: Connection, realm_id: UUID, principal_id: UUID) -> bool:
    """The person is gone with all that refers to it; False if there was nobody.

    Raises:
        LastOwner: An organization would have no owner left.
    """
    with refused("memberships_last_owner", LastOwner()):
        deleted = await conn.fetchval(
            "DELETE FROM principals WHERE id = $2 AND realm_id IS NOT DISTINCT FROM $1 RETURNING id",
            realm_id,
            principal_id,
        )
    return deleted is not None
