"""Where a command has a new password from, and how somebody gets one by mail."""

import os
import secrets
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from server.base.secret import Secret
from server.commands.performing import perform
from server.commands.showing import show_lines
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.sign_in.passwords import RequestReset, request_reset
from server.core.work import Work

_GENERATED_BYTES = 18

PasswordStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin", help="Read the password from standard input, up to its first line break."
    ),
]


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password for an account that is made.

    Args:
        generated: Nobody gave it, so that it must be shown, once.
    """

    password: Secret
    generated: bool


def new_password(variable: str, *, from_stdin: bool) -> NewPassword:
    """What standard input says, else the environment, else who sits at the terminal, else a random one.

    It is never an argument: other users of the machine can read those.

    Args:
        variable: The environment variable.
        from_stdin: Whether standard input was meant to say it.
    """
    if from_stdin:
        return NewPassword(Secret(sys.stdin.readline().rstrip("\r\n")), generated=False)
    if given := os.environ.get(variable):
        return NewPassword(Secret(given), generated=False)
    if sys.stdin.isatty():
        typed = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return NewPassword(Secret(typed), generated=False)
    return NewPassword(Secret(secrets.token_urlsafe(_GENERATED_BYTES)), generated=True)


def send_reset(realm_name: RealmName, email: str) -> None:
    """Who has this address in the realm, if anybody, is sent a link that sets a new password."""

    async def send(work: Work, name: RealmName) -> None:
        realm = await read_named_realm(work, name)
        await request_reset(work, RequestReset(realm.id, email))

    perform(send, realm_name)
    show_lines([f"If {email} has an account, a link to set a new password is on its way"])
