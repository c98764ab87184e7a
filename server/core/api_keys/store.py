"""The SQL that every call with a key runs. Operators' statements are in the administration stores."""

from dataclasses import dataclass
from datetime import datetime

from server.core.api_keys.model import LAST_USED_STEP, ApiCredential
from server.db.pool import Connection


@dataclass(frozen=True, slots=True)
class OperatorCredential:
    """What a shown operator key is checked against."""

    id: int
    key_digest: bytes
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


async def select_api_credential(conn: Connection, key_id: str) -> ApiCredential | None:
    """The key of this name, and whether its integration and tenant are active."""
    row = await conn.fetchrow(
        """
        SELECT k.id, k.organization_id, k.integration_id, k.secret_digest, k.ip_whitelist, k.expires_at,
               k.revoked_at, k.last_used_at, i.active AND o.active AS owner_active
          FROM api_keys AS k
          JOIN integrations AS i ON i.organization_id = k.organization_id AND i.id = k.integration_id
          JOIN organizations AS o ON o.id = k.organization_id
         WHERE k.key_id = $1
        """,
        key_id,
    )
    if row is None:
        return None
    return ApiCredential(
        id=row["id"],
        organization_id=row["organization_id"],
        integration_id=row["integration_id"],
        secret_digest=row["secret_digest"],
        ip_whitelist=tuple(row["ip_whitelist"]),
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        owner_active=row["owner_active"],
    )


async def update_api_key_used(conn: Connection, organization_id: int, api_key_id: int, now: datetime) -> None:
    """The key was last used now, unless another call said so within the last minute."""
    await conn.execute(
        """
        UPDATE api_keys
           SET last_used_at = $3
         WHERE organization_id = $1
           AND id = $2
           AND (last_used_at IS NULL OR last_used_at <= $4)
        """,
        organization_id,
        api_key_id,
        now,
        now - LAST_USED_STEP,
    )


async def select_operator_credential(conn: Connection, key_id: str) -> OperatorCredential | None:
    """The operator key of this name."""
    row = await conn.fetchrow(
        """
        SELECT id, key_digest, expires_at, revoked_at, last_used_at
          FROM operator_keys
         WHERE key_id = $1
        """,
        key_id,
    )
    if row is None:
        return None
    return OperatorCredential(
        id=row["id"],
        key_digest=row["key_digest"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )


async def update_operator_key_used(conn: Connection, operator_key_id: int, now: datetime) -> None:
    """The operator key was last used now, unless another call said so within the last minute."""
    await conn.execute(
        """
        UPDATE operator_keys
           SET last_used_at = $2
         WHERE id = $1
           AND (last_used_at IS NULL OR last_used_at <= $3)
        """,
        operator_key_id,
        now,
        now - LAST_USED_STEP,
    )
