"""Signing in by a link: the button leads on to the application, which redeems the token."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from server.base.errors import LinkExpired, LinkUnknown, LinkUsed
from server.base.secret import Secret
from server.base.urls import origin_of
from server.core.one_time_secrets.model import Purpose
from server.core.sign_in.opened_links import OpenedLink, OpenLink, open_link
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import PAGES
from server.surfaces.kit.performing import perform_at_once
from server.surfaces.kit.reading import read_form, read_query
from server.surfaces.kit.replying import redirect
from server.surfaces.links.pages import Form, Page
from server.surfaces.links.surface import LinkQuery, reader_words, surface


def asking(link: OpenedLink, token: str) -> Page:
    """What the button does."""
    words, app = reader_words(), link.realm.app_name
    origin = origin_of(application_url(link))
    return Page(
        words.lang,
        words.sign_in_title.format(app=app),
        (words.sign_in_text.format(email=link.address), words.not_you),
        app_name=app,
        form=Form("magic", token, words.sign_in_button, leads_to=(origin,) if origin else ()),
    )


def application_url(link: OpenedLink) -> str:
    """Where the application takes its users back.

    Raises:
        LinkUnknown: It takes nobody back.
    """
    url = link.redirect_url or link.realm.redirect_url
    if url is None:
        raise LinkUnknown
    return url


def with_token(url: str, token: str) -> str:
    """*url* with the token in its query, behind what is there."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode({"token": token}))))
    return urlunsplit(parts._replace(query=query))


@surface.get(
    "/magic",
    guard=anyone,
    limit=PAGES,
    query=LinkQuery,
    gives={200: None},
    refuses=(LinkUnknown, LinkUsed, LinkExpired),
)
async def show_magic() -> Response:
    """GET /links/magic: who is to be signed in where, and a button."""
    token = read_query(LinkQuery).token
    link = await perform_at_once(open_link, OpenLink(Purpose.MAGIC_LINK, Secret(token)))
    return asking(link, token).reply()


@surface.post(
    "/magic",
    guard=anyone,
    limit=PAGES,
    form=LinkQuery,
    gives={303: None},
    refuses=(LinkUnknown, LinkUsed, LinkExpired),
)
async def do_magic() -> Response:
    """POST /links/magic: on to the application with the token, which is not used up by this."""
    token = (await read_form(LinkQuery)).token
    link = await perform_at_once(open_link, OpenLink(Purpose.MAGIC_LINK, Secret(token)))
    return redirect(with_token(application_url(link), token), 303)
