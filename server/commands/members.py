"""countersign admin create-owner, and countersign admin members: who acts for a customer's organization."""

from typing import Annotated

import typer

from server.base.contact import email_key
from server.base.errors import MemberNotFound
from server.commands.options import AsJson
from server.commands.passwords import PasswordStdin, new_password, send_reset
from server.commands.performing import perform
from server.commands.showing import show, show_lines, show_list, show_with_secrets
from server.core.memberships.actions import ListMembers, RemoveMember
from server.core.memberships.actions import list_members as list_members_of
from server.core.memberships.actions import remove_member as remove_member_of
from server.core.memberships.invitations import (
    InviteMember,
    WithdrawInvitation,
    invite_member,
    withdraw_invitation,
)
from server.core.memberships.model import InvitedRole, Member, Owner, Role
from server.core.memberships.owners import CreateOwner
from server.core.memberships.owners import create_owner as create_owner_of
from server.core.organizations.customers import FindCustomer, find_customer
from server.core.realms.model import RealmName
from server.core.work import Work
from server.surfaces.kit.body import SnakeAnswer
from server.surfaces.protekt_account.members import MemberBody, MemberList

app = typer.Typer(no_args_is_help=True, help="Members: who acts for a customer's organization.")

DEFAULT_ORGANIZATION = "Default"
PASSWORD_VARIABLE = "COUNTERSIGN_OWNER_PASSWORD"  # noqa: S105 - a name
COLUMNS = ("id", "email", "role", "joined_at")

OrganizationName = Annotated[str, typer.Option("--organization", help="The organization's name.")]
Email = Annotated[str, typer.Option(show_default=False, help="The account's e-mail address.")]
EmailArgument = Annotated[str, typer.Argument(show_default=False, help="The e-mail address.")]
AsAdmin = Annotated[bool, typer.Option("--admin", help="As admin; otherwise as developer.")]


class OwnerBody(SnakeAnswer):
    """An owner, with the password that was made up for a new account, if one was."""

    organization: str
    member: MemberBody
    is_new: bool
    password: str | None

    @classmethod
    def of(cls, owner: Owner, password: str | None) -> "OwnerBody":
        """What is shown once."""
        return cls(
            organization=owner.organization.name,
            member=MemberBody.of(owner.member),
            is_new=owner.is_new,
            password=password,
        )


def create_owner(
    email: Email,
    organization: OrganizationName = DEFAULT_ORGANIZATION,
    *,
    password_stdin: PasswordStdin = False,
    json: AsJson = False,
) -> None:
    """Make an owner of an organization, and the organization if there is none by this name.

    A new account's password is read from standard input (--password-stdin), from COUNTERSIGN_OWNER_PASSWORD,
    or asked for at the terminal; without all of these one is made up and shown this once. An account that is
    there keeps its own.
    """
    given = new_password(PASSWORD_VARIABLE, from_stdin=password_stdin)
    owner = perform(create_owner_of, CreateOwner(organization, email, given.password))
    made_up = given.password.reveal() if given.generated and owner.is_new else None
    body = OwnerBody.of(owner, made_up)
    if made_up is not None:
        show_with_secrets(body, body.member, {"password": made_up}, as_json=json)
        return
    if json:
        show(body, as_json=True)
        return
    show(body.member, as_json=False)
    if not owner.is_new:
        show_lines(["", "The account was there before, and keeps its password."])


@app.command("list")
def list_members(organization: OrganizationName = DEFAULT_ORGANIZATION, *, json: AsJson = False) -> None:
    """List an organization's members."""

    async def find(work: Work, name: str) -> tuple[Member, ...]:
        found = await find_customer(work, FindCustomer(name))
        return await list_members_of(work, ListMembers(found.id))

    body = MemberList(data=[MemberBody.of(member) for member in perform(find, organization)])
    show_list(body, body.data, COLUMNS, as_json=json)


@app.command("invite")
def invite(
    email: EmailArgument,
    organization: OrganizationName = DEFAULT_ORGANIZATION,
    *,
    admin: AsAdmin = False,
) -> None:
    """Send somebody a link by which they become a member; it works for a week."""
    role: InvitedRole = Role.ADMIN if admin else Role.DEVELOPER

    async def send(work: Work, name: str) -> None:
        found = await find_customer(work, FindCustomer(name))
        await invite_member(work, InviteMember(found.id, email, role))

    perform(send, organization)
    show_lines([f"Invitation sent to {email}"])


@app.command("withdraw")
def withdraw(email: EmailArgument, organization: OrganizationName = DEFAULT_ORGANIZATION) -> None:
    """Take back an invitation that was not accepted yet."""

    async def take_back(work: Work, name: str) -> None:
        found = await find_customer(work, FindCustomer(name))
        await withdraw_invitation(work, WithdrawInvitation(found.id, email))

    perform(take_back, organization)
    show_lines([f"The invitation of {email} does not work any more"])


@app.command("remove")
def remove(email: EmailArgument, organization: OrganizationName = DEFAULT_ORGANIZATION) -> None:
    """Remove a member; their management tokens are refused at once."""

    async def take_out(work: Work, name: str) -> None:
        found = await find_customer(work, FindCustomer(name))
        for member in await list_members_of(work, ListMembers(found.id)):
            if email_key(member.email) == email_key(email):
                return await remove_member_of(work, RemoveMember(found.id, member.id))
        raise MemberNotFound

    perform(take_out, organization)
    show_lines([f"{email} is no member any more"])


@app.command("reset-password")
def reset_password(email: EmailArgument) -> None:
    """Send somebody who is a member of anything a link that sets a new password."""
    send_reset(RealmName.ACCOUNTS, email)
