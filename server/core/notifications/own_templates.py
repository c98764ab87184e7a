"""A realm's own wording of the messages to its people, instead of the product's."""

import re
from dataclasses import dataclass, replace
from uuid import UUID

from server.base.errors import InvalidFields, MessageTemplateNotFound
from server.core.audit.events import Event
from server.core.notifications import store
from server.core.notifications.catalogue import CATALOGUE, Template
from server.core.notifications.model import Channel, OwnTemplate
from server.core.work import Work
from server.outbound.rendering import TemplateRefused, check_own

_LOCALE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, slots=True)
class SetTemplate:
    """A wording.

    Args:
        locale: A BCP 47 tag, in any casing.
        subject: Of a mail; None for SMS.
        text: The whole SMS, or the mail for those who read plain text.
        html: The mail as HTML; None for mail in plain text alone, and for SMS.
    """

    realm_id: UUID
    channel: Channel
    template: str
    locale: str
    subject: str | None
    text: str
    html: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveTemplate:
    """Which wording."""

    realm_id: UUID
    channel: Channel
    template: str
    locale: str


async def set_template(work: Work, command: SetTemplate) -> OwnTemplate:
    """The realm's messages of this name, channel and language are worded so from now on.

    What is the same already leaves no event.

    Raises:
        MessageTemplateNotFound: There is no message of this name for the channel.
        InvalidFields: The language is no tag; a part is missing or too much for the channel, shows a value
            that the message has not, or is not in the language of templates (`server.outbound.rendering`).
    """
    template, locale = _template(command.channel, command.template), _locale(command.locale)
    _check_parts(command)
    try:
        check_own(command.subject, command.text, command.html, template.values)
    except TemplateRefused as refused:
        raise InvalidFields(fields={refused.part: refused.sentence}) from refused
    own = OwnTemplate(
        realm_id=command.realm_id,
        channel=command.channel,
        template=command.template,
        locale=locale,
        subject=command.subject,
        text=command.text,
        html=command.html,
        updated_at=work.now,
    )
    for before in await store.select_templates_of(work.conn, own.realm_id, own.channel, own.template):
        if before == replace(own, updated_at=before.updated_at):
            return before
    await store.upsert_template(work.conn, own)
    work.record(_event("set", own.realm_id, own.channel, own.template, locale))
    return own


async def remove_template(work: Work, command: RemoveTemplate) -> None:
    """The realm's messages of this name, channel and language are worded as the product words them.

    Raises:
        MessageTemplateNotFound: The realm has no wording of its own for them.
    """
    locale = _locale(command.locale)
    realm_id, channel, template = command.realm_id, command.channel, command.template
    if not await store.delete_template(work.conn, realm_id, channel, template, locale):
        raise MessageTemplateNotFound
    work.record(_event("removed", realm_id, channel, template, locale))


async def list_templates(work: Work, realm_id: UUID) -> tuple[OwnTemplate, ...]:
    """All wording that is the realm's own, by name."""
    return tuple(await store.select_templates(work.conn, realm_id))


def _template(channel: Channel, name: str) -> Template:
    template = CATALOGUE.get(name)
    if template is None or channel not in template.channels:
        raise MessageTemplateNotFound
    return template


def _locale(tag: str) -> str:
    locale = tag.replace("_", "-").lower()
    if not _LOCALE.fullmatch(locale):
        raise InvalidFields(fields={"locale": "must be a language tag such as fr or pt-BR"})
    return locale


def _check_parts(command: SetTemplate) -> None:
    match command.channel:
        case Channel.MAIL if command.subject is None:
            raise InvalidFields(fields={"subject": "is required for mail"})
        case Channel.SMS if command.subject is not None or command.html is not None:
            raise InvalidFields(fields={"text": "is all that an SMS has"})


def _event(what: str, realm_id: UUID, channel: Channel, template: str, locale: str) -> Event:
    return Event(
        f"message_template.{what}",
        "realm",
        str(realm_id),
        realm_id=realm_id,
        data={"template": template, "channel": channel, "locale": locale},
    )
