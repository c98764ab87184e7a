"""What a session is, and what its tokens say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from server.base.secret import Secret


class EndReason(StrEnum):
    """Why a session ended before its time; a word for the log."""

    LOGGED_OUT = "logged_out"  # by its own token
    REVOKED = "revoked"  # by its owner, from another session
    TOO_MANY = "too_many"  # the oldest, when there was one too many
    REUSE = "refresh_token_reused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason
    DISABLED = "disabled"
    HANDED_OVER = "handed_over"  # to whoever reads the address, which nobody had verified
    MEMBER_REMOVED = "member_removed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Session:
    """An open session.

    Args:
        amr: How its owner signed in: RFC 8176.
        provider: The identity provider, if one vouched for them.
        organization_id: The organization that a member acts for.
        address: From where it was opened.
        last_active_at: To the minute.
        expires_at: When it ends at the latest.
    """

    id: UUID
    seq: int
    realm_id: UUID
    principal_id: UUID
    organization_id: int | None
    surface: str
    amr: tuple[str, ...]
    provider: str | None
    address: str | None
    user_agent: str | None
    created_at: datetime
    last_active_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session with the tokens that show it, which are told this once.

    Args:
        access_token: A JWT; None where sessions are shown by one token.
        refresh_token: `rt_…`, good once; None likewise.
        reference_token: `mgmt_…`; None where there are access tokens.
        expires_in: Seconds until the access token, or the one token, is no good any more.
        expires_at: When that is.
    """

    session: Session
    access_token: Secret | None
    refresh_token: Secret | None
    reference_token: Secret | None
    expires_in: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class UserSession:
    """Whose access token it is, and the living session behind it.

    Args:
        organization_id: Whose realm it is; None for those of the instance.
        project_id: Whose users they are; None where there is no project.
        allowed_origins: The project's.
        claims: What the token says, checked: `sub`, `sid`, `jti`, `iat`, `exp`, `email` and so on.
    """

    session_id: UUID
    principal_id: UUID
    realm_id: UUID
    organization_id: int | None
    project_id: UUID | None
    allowed_origins: tuple[str, ...]
    amr: tuple[str, ...]
    claims: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ReferenceSession:
    """Whose reference token it is, and the living session behind it.

    Args:
        organization_id: The organization that a member chose; None: the one they joined first.
    """

    session_id: UUID
    principal_id: UUID
    realm_id: UUID
    organization_id: int | None
    amr: tuple[str, ...]
    expires_at: datetime
