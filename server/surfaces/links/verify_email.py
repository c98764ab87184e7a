"""Confirming an e-mail address."""

from server.base.errors import LinkExpired, LinkUnknown, LinkUsed
from server.base.secret import Secret
from server.core.one_time_secrets.model import Purpose
from server.core.sign_in.opened_links import OpenedLink, OpenLink, open_link
from server.core.sign_in.verification import VerifyEmail, verify_email
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import PAGES
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import read_form, read_query
from server.surfaces.links.pages import Form, Page
from server.surfaces.links.surface import LinkQuery, reader_words, surface


def asking(link: OpenedLink, token: str) -> Page:
    """What the button does."""
    words, app = reader_words(), link.realm.app_name
    return Page(
        words.lang,
        words.confirm_title,
        (words.confirm_text.format(email=link.address, app=app), words.not_you),
        app_name=app,
        form=Form("verify-email", token, words.confirm_button),
    )


def done() -> Page:
    """The address is confirmed."""
    words = reader_words()
    return Page(words.lang, words.confirmed_title, (words.confirmed_text,))


@surface.get(
    "/verify-email",
    guard=anyone,
    limit=PAGES,
    query=LinkQuery,
    gives={200: None},
    refuses=(LinkUnknown, LinkUsed, LinkExpired),
)
async def show_verify_email() -> Response:
    """GET /links/verify-email: whose address is to be confirmed, and a button."""
    token = read_query(LinkQuery).token
    link = await perform_at_once(open_link, OpenLink(Purpose.VERIFY_EMAIL, Secret(token)))
    return asking(link, token).reply()


@surface.post(
    "/verify-email",
    guard=anyone,
    limit=PAGES,
    form=LinkQuery,
    gives={200: None},
    refuses=(LinkUnknown, LinkUsed, LinkExpired),
)
async def do_verify_email() -> Response:
    """POST /links/verify-email: the address is confirmed."""
    form = await read_form(LinkQuery)
    await perform(verify_email, VerifyEmail(None, Secret(form.token)))
    return done().reply()
