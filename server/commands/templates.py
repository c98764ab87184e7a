"""countersign admin templates: how a realm words the messages to its people."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Self, TypeVar

import typer

from server.base.errors import MessageTemplateNotFound
from server.commands.options import AsJson
from server.commands.performing import perform
from server.commands.showing import show, show_lines
from server.core.notifications import own_templates as actions
from server.core.notifications.catalogue import CATALOGUE
from server.core.notifications.model import Channel, OwnTemplate
from server.core.realms.actions import find_realm
from server.core.realms.model import Realm
from server.core.work import Work
from server.surfaces.ezkey_admin.bodies import Answer
from server.surfaces.kit.body import Instant

STANDARD_INPUT = "-"

app = typer.Typer(no_args_is_help=True, help="A realm's own wording of mail and SMS.")

RealmOption = Annotated[
    str,
    typer.Argument(show_default=False, help="The realm's name or id, or its project's `proj_…` or `lp_…`."),
]
Name = Annotated[str, typer.Argument(show_default=False, help="The message (`templates names`).")]
ChannelOption = Annotated[Channel, typer.Option("--channel", help="Mail or SMS.")]
Locale = Annotated[str, typer.Argument(show_default=False, help="The language: en, de, fr, pt-BR …")]

Outcome = TypeVar("Outcome")


class TemplateBody(Answer):
    """One wording."""

    template: str
    channel: Channel
    locale: str
    subject: str | None
    text: str
    html: str | None
    updated_at: Instant

    @classmethod
    def of(cls, own: OwnTemplate) -> Self:
        """All of it."""
        return cls(
            template=own.template,
            channel=own.channel,
            locale=own.locale,
            subject=own.subject,
            text=own.text,
            html=own.html,
            updated_at=own.updated_at,
        )


class TemplateList(Answer):
    """All that a realm words itself."""

    templates: list[TemplateBody]


@app.command("names")
def list_names() -> None:
    """List the messages that there are, and the values that each can show."""
    show_lines(
        f"{name:<18} {channel:<5} {' '.join(sorted(template.values))}"
        for name, template in CATALOGUE.items()
        for channel in template.channels
    )


@app.command("list")
def list_templates(realm: RealmOption, *, json: AsJson = False) -> None:
    """List what the realm words itself."""
    owns = perform(_in_realm(realm, lambda work, found: actions.list_templates(work, found.id)), None)
    if json:
        show(TemplateList(templates=[TemplateBody.of(own) for own in owns]), as_json=True)
        return
    show_lines(
        f"{own.template:<18} {own.channel:<5} {own.locale:<6} {own.subject or own.text.strip()}"
        for own in owns
    )


@app.command("show")
def show_template(
    realm: RealmOption,
    name: Name,
    locale: Locale,
    channel: ChannelOption = Channel.MAIL,
    *,
    json: AsJson = False,
) -> None:
    """Show how the realm words a message."""

    async def find(work: Work, found: Realm) -> OwnTemplate:
        for own in await actions.list_templates(work, found.id):
            if (own.template, own.channel, own.locale) == (name, channel, locale.lower()):
                return own
        raise MessageTemplateNotFound

    show(TemplateBody.of(perform(_in_realm(realm, find), None)), as_json=json)


@app.command("set")
def set_template(
    realm: RealmOption,
    name: Name,
    locale: Locale,
    text: Annotated[
        str, typer.Option("--text-file", help="File of the text, UTF-8; `-` for standard input.")
    ],
    subject: Annotated[str | None, typer.Option(show_default=False, help="The mail's subject.")] = None,
    html: Annotated[
        str | None, typer.Option("--html-file", show_default=False, help="File of the mail as HTML.")
    ] = None,
    channel: ChannelOption = Channel.MAIL,
    *,
    json: AsJson = False,
) -> None:
    """Let the realm word a message itself, in one language.

    The files show values as Jinja does, `{{ link }}`, and may choose by them, `{% if role %}`; nothing else.
    """
    read_text, read_html = _read(text), None if html is None else _read(html)

    async def put(work: Work, found: Realm) -> OwnTemplate:
        command = actions.SetTemplate(found.id, channel, name, locale, subject, read_text, read_html)
        return await actions.set_template(work, command)

    show(TemplateBody.of(perform(_in_realm(realm, put), None)), as_json=json)


@app.command("remove")
def remove_template(
    realm: RealmOption, name: Name, locale: Locale, channel: ChannelOption = Channel.MAIL
) -> None:
    """Let the product word the realm's messages again."""

    async def remove(work: Work, found: Realm) -> None:
        await actions.remove_template(work, actions.RemoveTemplate(found.id, channel, name, locale))

    perform(_in_realm(realm, remove), None)
    show_lines([f"{name} ({locale}) is worded by the product."])


def _in_realm(
    realm: str, act: Callable[[Work, Realm], Awaitable[Outcome]]
) -> Callable[[Work, None], Awaitable[Outcome]]:
    """An action that finds the realm, and acts in it."""

    async def in_realm(work: Work, _: None) -> Outcome:
        return await act(work, await find_realm(work, realm))

    return in_realm


def _read(path: str) -> str:
    """What is in the file.

    Raises:
        BadParameter: It cannot be read, or is not UTF-8.
    """
    try:
        return sys.stdin.read() if path == STANDARD_INPUT else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as cause:
        raise typer.BadParameter(f"{path}: {cause}") from None
