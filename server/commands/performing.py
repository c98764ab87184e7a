"""From a command to the core: an action is performed on the instance's database, by whoever is logged in."""

import asyncio
import os
import pwd
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import typer

from server.app import close_core, open_core
from server.base.errors import AppError
from server.base.principal import Actor, Principal
from server.base.settings import Settings, SettingsError, load_settings
from server.core.work import Action, Core
from server.crypto.key_file import KeyFileError
from server.serve.instance import prepare
from server.serve.logs import configure_logs
from server.serve.refusal import CannotStart

REFUSED = 1
WRONG = 2

Command = TypeVar("Command")
Outcome = TypeVar("Outcome")


def perform(action: Action[Command, Outcome], command: Command) -> Outcome:
    """*action* is done in one transaction on the instance's database, which a server may be using.

    What the action or the start refuses ends the program with a sentence on standard error.
    """

    async def act(core: Core) -> Outcome:
        return await core.perform(action, command, actor=whoever_is_logged_in())

    return with_core(settings_or_exit(), act, application_name="countersign admin")


def with_core(
    settings: Settings, work: Callable[[Core], Awaitable[Outcome]], *, application_name: str
) -> Outcome:
    """What *work* gives on the instance's database, which a server may be using.

    What it or the start refuses ends the program with a sentence on standard error.
    """
    # Standard output is for what was asked; what goes on inside is told only when it matters.
    configure_logs("warning", settings.log_format, stream=sys.stderr)

    async def run(database_url: str) -> Outcome:
        core = await open_core(settings, database_url=database_url, application_name=application_name)
        try:
            return await work(core)
        finally:
            await close_core(core)

    try:
        with prepare(settings) as prepared:
            return asyncio.run(run(prepared.database_url))
    except AppError as refused:
        refuse(sentence_of(refused))
    except (CannotStart, KeyFileError) as refused:
        refuse(str(refused), WRONG)


def settings_or_exit(**overrides: object) -> Settings:
    """The instance's settings, those of *overrides* that are not None before them, or the end: 2."""
    try:
        return load_settings(**{name: value for name, value in overrides.items() if value is not None})
    except SettingsError as wrong:
        refuse(str(wrong), WRONG)


def sentence_of(refused: AppError) -> str:
    """*refused* in one sentence, with what is wrong with which member, if it says so."""
    wrong = "; ".join(f"{field} {message}" for field, message in refused.fields.items())
    return f"{refused}: {wrong}." if wrong else f"{refused}."


def refuse(sentence: str, exit_code: int = REFUSED) -> NoReturn:
    """The program ends with *exit_code* and *sentence* on standard error."""
    sys.stderr.write("".join(f"countersign: {line}\n" for line in sentence.splitlines()))
    raise typer.Exit(exit_code)


def whoever_is_logged_in() -> Principal:
    """The operator at the command line, by the name of their account on this machine."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Principal(kind=Actor.SYSTEM, id=name, surface="command_line")
