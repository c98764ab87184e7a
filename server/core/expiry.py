"""When something that operators give out stops being good."""

from datetime import UTC, datetime, timedelta

from server.base.errors import InvalidFields

LONGEST = timedelta(days=3653)


def expiry_of(expires_at: datetime | None, now: datetime, *, field: str = "expiresAt") -> datetime | None:
    """*expires_at* in UTC, later than *now* and within ten years of it; None for never.

    Args:
        field: What its member of the request is called.

    Raises:
        InvalidFields: It is past or too far away, or names no time zone; the field is *field*.
    """
    if expires_at is None:
        return None
    if expires_at.tzinfo is None:
        raise InvalidFields(fields={field: "must name its time zone"})
    if expires_at <= now:
        raise InvalidFields(fields={field: "must be in the future"})
    if expires_at - now > LONGEST:
        raise InvalidFields(fields={field: "must be within ten years"})
    return expires_at.astimezone(UTC)
