"""The SQL of what operators do with enrollments."""

from dataclasses import dataclass
from datetime import datetime

from server.base.errors import EnrollmentStateConflict
from server.base.pages import Page, PageRequest
from server.core.enrollments.invitation import StoredSecrets
from server.core.enrollments.model import Enrollment, EnrollmentStatus, PushProvider, StorageTier
from server.core.paging import page_of
from server.db.conflicts import unique
from server.db.pool import Connection, Row

_NAME_TAKEN = "Another verified enrollment of the integration has this name"


@dataclass(frozen=True, slots=True)
class Owner:
    """The integration of an enrollment, and what must hold before phones are invited to it."""

    organization_id: int
    active: bool
    tenant_active: bool


async def select_owner_for_share(conn: Connection, integration_id: int) -> Owner | None:
    """The integration, if there is one; it and its tenant stay as they are until the transaction ends."""
    row = await conn.fetchrow(
        """
        SELECT i.organization_id, i.active, o.active AS tenant_active
          FROM integrations AS i
          JOIN organizations AS o ON o.id = i.organization_id
         WHERE i.id = $1
           FOR SHARE OF i, o
        """,
        integration_id,
    )
    return Owner(row["organization_id"], row["active"], row["tenant_active"]) if row else None


async def insert_enrollment(
    conn: Connection,
    enrollment_id: int,
    *,
    organization_id: int,
    integration_id: int,
    name: str,
    user_identifier: str | None,
    challenge_required: bool,
    secrets: StoredSecrets,
    expires_at: datetime,
    now: datetime,
) -> bool:
    """The enrollment is CREATED; False if the id is taken."""
    inserted = await conn.fetchval(
        """
        INSERT INTO enrollments (id, organization_id, integration_id, name, user_identifier,
                                 challenge_required, proof_token_digest, proof_token_sealed,
                                 challenge_sealed, status, expires_at, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'CREATED', $10, $11, $11)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        enrollment_id,
        organization_id,
        integration_id,
        name,
        user_identifier,
        challenge_required,
        secrets.proof_token_digest,
        secrets.proof_token_sealed,
        secrets.challenge_sealed,
        expires_at,
        now,
    )
    return inserted is not None


async def select_enrollment(conn: Connection, enrollment_id: int) -> Enrollment | None:
    """The enrollment, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT id, organization_id, integration_id, name, user_identifier, challenge_required, status, active,
               device_key_tier, device_key, failures, locked_at, quiet_since, push_provider, expires_at,
               bound_at, verified_at, last_used_at, created_at, updated_at
          FROM enrollments
         WHERE id = $1
        """,
        enrollment_id,
    )
    return _enrollment(row) if row else None


async def select_enrollment_for_update(conn: Connection, enrollment_id: int) -> Enrollment | None:
    """The enrollment, if there is one; nobody else changes it until the transaction ends."""
    row = await conn.fetchrow(
        """
        SELECT id, organization_id, integration_id, name, user_identifier, challenge_required, status, active,
               device_key_tier, device_key, failures, locked_at, quiet_since, push_provider, expires_at,
               bound_at, verified_at, last_used_at, created_at, updated_at
          FROM enrollments
         WHERE id = $1
           FOR NO KEY UPDATE
        """,
        enrollment_id,
    )
    return _enrollment(row) if row else None


async def select_page(
    conn: Connection, page: PageRequest, *, integration_id: int | None, status: EnrollmentStatus | None
) -> Page[Enrollment]:
    """The newest enrollments first, of one integration or status if asked.

    Search is in name and user identifier.
    """
    rows = await conn.fetch(
        """
        WITH found AS (
            SELECT id, created_at
              FROM enrollments
             WHERE ($1 = '' OR strpos(lower(name || ' ' || coalesce(user_identifier, '')), lower($1)) > 0)
               AND ($2::int IS NULL OR integration_id = $2)
               AND ($3::text IS NULL OR status = $3)
        ), page AS (
            SELECT id
              FROM found
             ORDER BY created_at DESC, id
             LIMIT $4 OFFSET $5
        )
        SELECT whole.total, e.id, e.organization_id, e.integration_id, e.name, e.user_identifier,
               e.challenge_required, e.status, e.active, e.device_key_tier, e.device_key, e.failures,
               e.locked_at, e.quiet_since, e.push_provider, e.expires_at, e.bound_at, e.verified_at,
               e.last_used_at, e.created_at, e.updated_at
          FROM (SELECT count(*) AS total FROM found) AS whole
          LEFT JOIN page ON true
          LEFT JOIN enrollments AS e ON e.id = page.id
         ORDER BY e.created_at DESC, e.id
        """,
        page.search,
        integration_id,
        status,
        page.limit,
        page.offset,
    )
    return page_of(rows, _enrollment, page)


async def update_enrollment(conn: Connection, enrollment: Enrollment, now: datetime) -> None:
    """The enrollment's name, user and challenge policy are those of *enrollment*.

    Raises:
        EnrollmentStateConflict: Another verified enrollment of its integration has this name.
    """
    with unique("enrollments_verified_name_key", EnrollmentStateConflict(_NAME_TAKEN)):
        await conn.execute(
            """
            UPDATE enrollments
               SET name = $3, user_identifier = $4, challenge_required = $5, updated_at = $6
             WHERE organization_id = $1
               AND id = $2
            """,
            enrollment.organization_id,
            enrollment.id,
            enrollment.name,
            enrollment.user_identifier,
            enrollment.challenge_required,
            now,
        )


async def update_enrollment_active(
    conn: Connection, enrollment_id: int, *, active: bool, now: datetime
) -> bool:
    """The enrollment is *active*; False if it was before, is not VERIFIED, or does not exist."""
    moved = await conn.fetchval(
        """
        UPDATE enrollments
           SET active = $2, updated_at = $3
         WHERE id = $1
           AND status = 'VERIFIED'
           AND active <> $2
        RETURNING id
        """,
        enrollment_id,
        active,
        now,
    )
    return moved is not None


async def update_enrollment_revoked(conn: Connection, enrollment_id: int, now: datetime) -> bool:
    """The enrollment is REVOKED and cannot be pushed to; False if it ended before or does not exist.

    Its device key stays, so that the same key is never enrolled again.
    """
    moved = await conn.fetchval(
        """
        UPDATE enrollments
           SET status = 'REVOKED', active = false, challenge_sealed = NULL, push_provider = NULL,
               push_address_digest = NULL, push_address_sealed = NULL, updated_at = $2
         WHERE id = $1
           AND status IN ('CREATED', 'BOUND', 'VERIFIED')
        RETURNING id
        """,
        enrollment_id,
        now,
    )
    return moved is not None


async def update_enrollment_unlocked(conn: Connection, enrollment_id: int, now: datetime) -> bool:
    """The enrollment is not locked and has no failures; False if so before, or it is not VERIFIED."""
    moved = await conn.fetchval(
        """
        UPDATE enrollments
           SET failures = 0, locked_at = NULL, updated_at = $2
         WHERE id = $1
           AND status = 'VERIFIED'
           AND (failures > 0 OR locked_at IS NOT NULL)
        RETURNING id
        """,
        enrollment_id,
        now,
    )
    return moved is not None


async def update_enrollment_rebound(
    conn: Connection, enrollment_id: int, *, secrets: StoredSecrets, expires_at: datetime, now: datetime
) -> bool:
    """The enrollment is CREATED as if it were new; False if it ended before or does not exist.

    An invitation past its time has ended, whether or not the job came by.
    """
    moved = await conn.fetchval(
        """
        UPDATE enrollments
           SET status = 'CREATED', active = false, proof_token_digest = $2, proof_token_sealed = $3,
               challenge_sealed = $4, expires_at = $5, updated_at = $6, signing_key_id = NULL,
               device_key = NULL, device_key_tier = NULL, verify_failures = 0, failures = 0,
               locked_at = NULL, quiet_since = NULL, push_provider = NULL, push_address_digest = NULL,
               push_address_sealed = NULL, bound_at = NULL, verified_at = NULL, last_used_at = NULL
         WHERE id = $1
           AND (status = 'VERIFIED' OR status IN ('CREATED', 'BOUND') AND expires_at > $6)
        RETURNING id
        """,
        enrollment_id,
        secrets.proof_token_digest,
        secrets.proof_token_sealed,
        secrets.challenge_sealed,
        expires_at,
        now,
    )
    return moved is not None


def _enrollment(row: Row) -> Enrollment:
    return Enrollment(
        id=row["id"],
        organization_id=row["organization_id"],
        integration_id=row["integration_id"],
        name=row["name"],
        user_identifier=row["user_identifier"],
        challenge_required=row["challenge_required"],
        status=EnrollmentStatus(row["status"]),
        active=row["active"],
        device_key_tier=StorageTier(row["device_key_tier"]) if row["device_key_tier"] else None,
        device_key=row["device_key"],
        failures=row["failures"],
        locked_at=row["locked_at"],
        quiet_since=row["quiet_since"],
        push_provider=PushProvider(row["push_provider"]) if row["push_provider"] else None,
        expires_at=row["expires_at"],
        bound_at=row["bound_at"],
        verified_at=row["verified_at"],
        last_used_at=row["last_used_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
