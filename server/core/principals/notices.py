"""What people are told about their account, by another way than the one it was changed through.

Source: NIST SP 800-63B-4, section 4.6; OWASP ASVS 5.0, 6.3.7.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.base.secret import Secret
from server.core.notifications.actions import send_message
from server.core.notifications.model import Channel, Message
from server.core.principals.model import RealmPrincipal
from server.core.realms.model import Realm
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened to whose account.

    Args:
        template: One of the notices in `core.notifications.catalogue`.
        email: Where to; None for the address that the person has now.
    """

    realm: Realm
    principal: RealmPrincipal
    template: str
    values: Mapping[str, str | Secret] = field(default_factory=dict)
    email: str | None = None


async def tell(work: Work, notice: Notice) -> None:
    """A mail is on its way to the person; somebody without an address is not told."""
    recipient = notice.email or notice.principal.email
    if recipient is None:
        return
    await send_message(
        work,
        Message(
            Channel.MAIL,
            recipient,
            notice.template,
            notice.realm,
            notice.principal.locale,
            notice.values,
        ),
    )
