"""What people are told about their account, by another way than the one it was changed through.

Source: NIST SP 800-63B-4, section 4.6; OWASP ASVS 5.0, 6.3.7.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.base.contact import email_key
from server.base.secret import Secret
from server.core.notifications.actions import send_message
from server.core.notifications.model import Channel, Message
from server.core.one_time_secrets.actions import issue_token
from server.core.one_time_secrets.links import Page, link_to
from server.core.one_time_secrets.model import IssueToken, Purpose
from server.core.principals.model import Counter, RealmPrincipal
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


async def tell_locked(work: Work, realm: Realm, principal: RealmPrincipal, counter: Counter) -> None:
    """The person hears of the lock; where a new password lifts it, with a link to set one."""
    values: dict[str, str | Secret] = {}
    if counter is Counter.PASSWORD and principal.email is not None:
        token = await issue_token(
            work,
            IssueToken(
                realm.id,
                Purpose.RESET_PASSWORD,
                email_key(principal.email),
                realm.policy.email_link_seconds,
                principal.id,
            ),
        )
        values = {"link": link_to(work, Page.RESET_PASSWORD, token)}
    await tell(work, Notice(realm, principal, "account_locked", values))
