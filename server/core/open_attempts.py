"""Ending the attempts that are still open when what they hang on is taken away."""

from typing import Literal

from server.core.audit.events import Event
from server.core.work import Work

Cause = Literal[
    "tenant_deactivated",
    "integration_deactivated",
    "enrollment_deactivated",
    "enrollment_revoked",
    "enrollment_rebound",
]


async def expire_open_attempts(
    work: Work,
    cause: Cause,
    *,
    organization_id: int,
    integration_id: int | None = None,
    enrollment_id: int | None = None,
) -> None:
    """No attempt of the tenant, or of the integration or enrollment in it, is open; waiters are woken.

    Each attempt that was open leaves an `auth_attempt.expired` with *cause* as its reason. Call this after
    the change that takes their ground away. An enrollment's row, locked by that change, keeps new attempts
    from being made meanwhile; one that is made while its integration or tenant is deactivated can be neither
    read nor answered, and passes its time.
    """
    rows = await work.conn.fetch(
        """
        WITH open AS (
            -- By id, as everybody locks several attempts.
            SELECT id
              FROM auth_attempts
             WHERE organization_id = $1
               AND ($2::int IS NULL OR integration_id = $2)
               AND ($3::int IS NULL OR enrollment_id = $3)
               AND status IN ('PENDING', 'READ')
               -- The same again, in the words of auth_attempts_open_key.
               AND CASE WHEN ended_at IS NULL THEN enrollment_id END IS NOT NULL
             ORDER BY id
               FOR NO KEY UPDATE
        )
        UPDATE auth_attempts
           SET status = 'EXPIRED', ended_at = $4
         WHERE id = ANY (ARRAY(TABLE open))
        RETURNING id
        """,
        organization_id,
        integration_id,
        enrollment_id,
        work.now,
    )
    for row in rows:
        work.record(
            Event(
                "auth_attempt.expired",
                "auth_attempt",
                str(row["id"]),
                organization_id,
                data={"reason": cause},
            )
        )
        work.wake(f"attempt:{row['id']}")
