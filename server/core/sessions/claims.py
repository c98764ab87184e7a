"""What an access token says, and whom it speaks of.

Source: RFC 7519, section 4.1; RFC 8176 for `amr`; OpenID Connect Core 1.0, section 2, for `auth_time`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from server.base.errors import InvalidAccessToken
from server.base.ids import public_id, uid_of
from server.core.sessions.model import Session


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a token speaks of: what changes from refresh to refresh, beside the session.

    Args:
        audience: `aud`: the project's `lp_…`; of a realm without a project its name.
    """

    audience: str
    project_id: UUID | None
    email: str | None
    email_verified: bool


@dataclass(frozen=True, slots=True)
class Named:
    """What a token that was verified names."""

    session_id: UUID
    principal_id: UUID
    token_id: UUID
    expires_at: int


def claims_of(
    issuer: str, session: Session, subject: Subject, *, token_id: UUID, now: datetime, seconds: int
) -> dict[str, object]:
    """The claims of a token that is good for so many seconds from now."""
    issued_at = int(now.timestamp())
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": subject.audience,
        "sub": public_id("usr", session.principal_id),
        "sid": public_id("sess", session.id),
        "jti": str(token_id),
        "iat": issued_at,
        "exp": issued_at + seconds,
        "auth_time": int(session.created_at.timestamp()),
        "amr": list(session.amr),
    }
    if subject.email is not None:
        claims |= {"email": subject.email, "email_verified": subject.email_verified}
    if subject.project_id is not None:
        claims["project_id"] = public_id("proj", subject.project_id)
    return claims


def named_by(claims: Mapping[str, Any]) -> Named:
    """Whom and what these claims name.

    Raises:
        InvalidAccessToken: They name nothing in our way of naming.
    """
    session_id, principal_id = uid_of("sess", claims["sid"]), uid_of("usr", claims["sub"])
    if session_id is None or principal_id is None:
        raise InvalidAccessToken
    try:
        return Named(session_id, principal_id, UUID(claims["jti"]), claims["exp"])
    except ValueError:
        raise InvalidAccessToken from None
