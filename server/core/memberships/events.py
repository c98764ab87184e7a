"""What the audit log says of invitations."""

from uuid import UUID

from server.core.audit.events import Detail, Event
from server.core.realms.model import Realm


def invitation_event(
    what: str, invitation_id: UUID, organization_id: int, accounts: Realm, **data: Detail
) -> Event:
    """That something happened to an invitation: `invitation.` and *what*."""
    return Event(
        f"invitation.{what}",
        "invitation",
        str(invitation_id),
        organization_id,
        data=data,
        realm_id=accounts.id,
    )
