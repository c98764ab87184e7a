"""What a page says of a link that somebody opened. Nothing is used up by looking."""

from dataclasses import dataclass

from server.base.secret import Secret
from server.core.one_time_secrets.actions import look_up_token
from server.core.one_time_secrets.model import Purpose, RedeemToken
from server.core.realms.actions import read_realm
from server.core.realms.model import Realm
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class OpenLink:
    """The token of a link, and what the page is for."""

    purpose: Purpose
    token: Secret


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A link that can be used.

    Args:
        address: Whom it was sent to.
        redirect_url: Where it leads to in the end; None if it ends on the page.
    """

    realm: Realm
    address: str
    redirect_url: str | None


async def open_link(work: Work, command: OpenLink) -> OpenedLink:
    """Whose link it is. Perform at once.

    Raises:
        LinkUnknown, LinkUsed, LinkExpired: It cannot be used.
    """
    seen = await look_up_token(work, RedeemToken(None, command.purpose, command.token))
    realm = await read_realm(work, seen.realm_id)
    return OpenedLink(realm, seen.target, seen.payload.get("redirect_url"))
