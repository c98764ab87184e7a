"""What a project is."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Project:
    """An application, whose users sign in by the policy of its realm.

    Args:
        realm_id: Its users' realm.
        login_id: Its public name in addresses, `lp_…`.
        redirect_url: Where its users go when they have signed in.
        allowed_origins: Pages that may call for it, and where its users may be sent: `https://example.com`.
        access_token_seconds: How long an access token is good.
        session_seconds: How long refresh tokens are.
        mfa_required: Whether its users need a second factor.
    """

    id: UUID
    organization_id: int
    realm_id: UUID
    name: str
    description: str | None
    login_id: str
    redirect_url: str
    allowed_origins: tuple[str, ...]
    access_token_seconds: int
    session_seconds: int
    mfa_required: bool
    created_at: datetime
    updated_at: datetime
