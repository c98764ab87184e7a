"""Accepting an invitation to an organization."""

from server.base.errors import InvalidFields, InvitationInvalid, WrongPassword
from server.base.secret import Secret
from server.core.memberships.invitations import (
    AcceptInvitation,
    ReadInvitation,
    accept_invitation,
    read_invitation,
)
from server.core.memberships.model import Invitation
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import PAGES
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import read_form, read_query
from server.surfaces.links.pages import Field, Form, Page
from server.surfaces.links.surface import LinkQuery, PasswordForm, reader_words, surface


def asking(invitation: Invitation, token: str, fault: str | None = None) -> Page:
    """The form: the account's password, or a new one. *fault* is what was wrong with the last."""
    words, known = reader_words(), invitation.has_password
    organization, role = invitation.organization_name, words.roles[invitation.role]
    fields = (
        Field("email", words.email, "email", "username", invitation.email),
        Field(
            "password",
            words.password if known else words.new_password,
            "password",
            "current-password" if known else "new-password",
        ),
    )
    return Page(
        words.lang,
        words.invited_title.format(organization=organization),
        (
            words.invited_text.format(organization=organization, email=invitation.email, role=role),
            words.invited_known if known else words.invited_new,
        ),
        form=Form("invitation", token, words.invited_button, fields, fault),
    )


def done(invitation: Invitation) -> Page:
    """They are a member."""
    words = reader_words()
    title = words.joined_title.format(organization=invitation.organization_name)
    return Page(words.lang, title, (words.joined_text,))


@surface.get(
    "/invitation",
    guard=anyone,
    limit=PAGES,
    query=LinkQuery,
    gives={200: None},
    refuses=(InvitationInvalid,),
)
async def show_invitation() -> Response:
    """GET /links/invitation: who invites whom as what, and a form for the account's password."""
    token = read_query(LinkQuery).token
    return asking(await _invitation(token), token).reply()


@surface.post(
    "/invitation",
    guard=anyone,
    limit=PAGES,
    form=PasswordForm,
    gives={200: None},
    refuses=(InvitationInvalid,),
)
async def do_invitation() -> Response:
    """POST /links/invitation: a member more.

    A password that is wrong, or a new one that is not good enough, is asked for again.
    """
    form, words = await read_form(PasswordForm), reader_words()
    invitation = await _invitation(form.token)
    try:
        await perform(accept_invitation, AcceptInvitation(Secret(form.token), Secret(form.password)))
    except InvalidFields as refused:
        return asking(invitation, form.token, words.fault(next(iter(refused.fields.values())))).reply(400)
    except WrongPassword:
        return asking(invitation, form.token, words.wrong_password).reply(400)
    return done(invitation).reply()


async def _invitation(token: str) -> Invitation:
    return await perform_at_once(read_invitation, ReadInvitation(Secret(token)))
