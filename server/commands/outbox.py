"""countersign outbox: mail and SMS, and what they say while it is kept."""

import asyncio
from contextlib import suppress
from typing import Annotated

import typer

from server.commands.performing import settings_or_exit, whoever_is_logged_in, with_core
from server.commands.showing import show_lines
from server.core.notifications.actions import ListOutbox, list_outbox
from server.core.notifications.model import OutboxMessage
from server.core.work import Core
from server.surfaces.well_known.outbox import MessageAnswer, OutboxAnswer

APPLICATION_NAME = "countersign outbox"
FOLLOW_SECONDS = 1.0
MOST_AT_ONCE = 1000
SHOWN = 20

To = Annotated[str | None, typer.Option(show_default=False, help="Only messages to this address or number.")]
Limit = Annotated[int, typer.Option(min=1, max=MOST_AT_ONCE, help="How many at most: the newest.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on, and show what is sent from now on.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print what `/testing/outbox` answers; with --follow a message a line.")
]


def outbox(to: To = None, limit: Limit = SHOWN, *, follow: Follow = False, json: AsJson = False) -> None:
    """Show mail and SMS whole, the newest last.

    Without a relay or an SMS provider all messages stay here. What was delivered is shown without its words,
    unless COUNTERSIGN_CAPTURE_OUTBOX is on.
    """

    async def read(core: Core) -> None:
        after = 0
        first = ListOutbox(limit, to)
        found = await core.perform_at_once(list_outbox, first, actor=whoever_is_logged_in())
        if json and not follow:
            show_lines([OutboxAnswer.of(found).to_json().decode()])
            return
        if not found and not follow:
            show_lines(["There is no message."])
        while True:
            for message in reversed(found):
                show_lines(_one_line(message) if json else _whole(message))
                after = message.seq
            if not follow:
                return
            await asyncio.sleep(FOLLOW_SECONDS)
            since = ListOutbox(MOST_AT_ONCE, to, after)
            found = await core.perform_at_once(list_outbox, since, actor=whoever_is_logged_in())

    with suppress(KeyboardInterrupt):
        with_core(settings_or_exit(), read, application_name=APPLICATION_NAME)


def _one_line(message: OutboxMessage) -> list[str]:
    return [MessageAnswer.of(message).to_json().decode()]


def _whole(message: OutboxMessage) -> list[str]:
    """The message as people read it: what it is, its subject and its text."""
    about = (
        f"── {message.created_at:%Y-%m-%d %H:%M:%S} UTC, {message.channel} to {message.recipient}: "
        f"{message.template} ({message.locale}), {message.status}"
    )
    if message.last_error:
        about += f" after {message.tries} tries: {message.last_error}"
    content = message.content
    if content is None:
        return [about, "What it said is not kept.", ""]
    subject = [] if content.subject is None else [content.subject, ""]
    return [about, *subject, *content.text.splitlines(), ""]
