"""From a row to a principal. Other domains' statements that join principals name the same columns."""

import json

from server.core.principals.model import PrincipalStatus, RealmPrincipal
from server.db.pool import Row


def principal_of(row: Row) -> RealmPrincipal:
    """The person that a row with these columns is."""
    return RealmPrincipal(
        id=row["id"],
        seq=row["seq"],
        realm_id=row["realm_id"],
        email=row["email"],
        email_verified=row["email_verified"],
        username=row["username"],
        phone=row["phone"],
        phone_verified=row["phone_verified"],
        display_name=row["display_name"],
        locale=row["locale"],
        metadata=json.loads(row["metadata"]),
        status=PrincipalStatus(row["status"]),
        locked_at=row["locked_at"],
        locked_until=row["locked_until"],
        last_login_at=row["last_login_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
