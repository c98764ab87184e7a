"""Where people may be sent back to."""

from server.base.errors import RedirectNotAllowed
from server.base.urls import is_redirect_target, origin_of
from server.core.realms.model import Realm


def allowed_redirect(realm: Realm, url: str | None) -> str:
    """Where to send somebody of *realm* who asked for *url*: there, or to the realm's own URL for None.

    Its origin must be that of the realm's redirect URL or one of its allowed origins, and it has no fragment.

    Raises:
        RedirectNotAllowed: It is elsewhere, or the realm has nowhere to send people to.
    """
    if realm.redirect_url is None:
        raise RedirectNotAllowed
    if url is None:
        return realm.redirect_url
    origins = {origin_of(known) for known in (realm.redirect_url, *realm.allowed_origins)}
    if not is_redirect_target(url) or origin_of(url) not in origins:
        raise RedirectNotAllowed
    return url
