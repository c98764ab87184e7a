"""Choosing a new password."""

from server.base.errors import InvalidFields, LinkExpired, LinkUnknown, LinkUsed
from server.base.secret import Secret
from server.core.one_time_secrets.model import Purpose
from server.core.sign_in.opened_links import OpenedLink, OpenLink, open_link
from server.core.sign_in.passwords import ConfirmReset, confirm_reset
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import PAGES
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import read_form, read_query
from server.surfaces.links.pages import Field, Form, Page
from server.surfaces.links.surface import LinkQuery, PasswordForm, reader_words, surface


def asking(link: OpenedLink, token: str, fault: str | None = None) -> Page:
    """The form; *fault* is the core's word on the password that was sent last."""
    words, app = reader_words(), link.realm.app_name
    fields = (
        Field("email", words.email, "email", "username", link.address),
        Field("password", words.new_password, "password", "new-password"),
    )
    return Page(
        words.lang,
        words.reset_title,
        (words.reset_text.format(app=app), words.not_you),
        app_name=app,
        form=Form("reset-password", token, words.reset_button, fields, fault and words.fault(fault)),
    )


def done(link: OpenedLink) -> Page:
    """The password is another, and where to use it."""
    words, app, url = reader_words(), link.realm.app_name, link.realm.redirect_url
    return Page(
        words.lang,
        words.reset_done_title,
        (words.reset_done_text,),
        app_name=app,
        onward=(words.onward.format(app=app), url) if url else None,
    )


@surface.get(
    "/reset-password",
    guard=anyone,
    limit=PAGES,
    query=LinkQuery,
    gives={200: None},
    refuses=(LinkUnknown, LinkUsed, LinkExpired),
)
async def show_reset_password() -> Response:
    """GET /links/reset-password: a form for the new password."""
    token = read_query(LinkQuery).token
    return asking(await _opened(token), token).reply()


@surface.post(
    "/reset-password",
    guard=anyone,
    limit=PAGES,
    form=PasswordForm,
    gives={200: None},
    refuses=(LinkUnknown, LinkUsed, LinkExpired),
)
async def do_reset_password() -> Response:
    """POST /links/reset-password: the password is the new one.

    One that is not good enough is asked for again, and the link is not used up.
    """
    form = await read_form(PasswordForm)
    link = await _opened(form.token)
    try:
        await perform(confirm_reset, ConfirmReset(None, Secret(form.token), Secret(form.password)))
    except InvalidFields as refused:
        return asking(link, form.token, next(iter(refused.fields.values()))).reply(400)
    return done(link).reply()


async def _opened(token: str) -> OpenedLink:
    return await perform_at_once(open_link, OpenLink(Purpose.RESET_PASSWORD, Secret(token)))
