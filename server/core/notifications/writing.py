"""From a message to its words: in which language, in whose wording, with which values."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import structlog

from server.base.secret import Secret
from server.core.notifications.catalogue import CATALOGUE, DERIVED, Template
from server.core.notifications.model import Channel, Message
from server.core.notifications.store import select_templates_of
from server.core.notifications.wording import duration_of, words_of
from server.core.work import Work
from server.outbound.rendering import LOCALES, Content, TemplateRefused, render_mail, render_own, render_sms

_log = structlog.stdlib.get_logger(__name__)


async def written(work: Work, message: Message) -> tuple[str, Content]:
    """The language of *message*, and what it says.

    The first language wins in which there are words, the realm's own or the product's: the recipient's, the
    realm's, the instance's, English. A realm's words that cannot be rendered are passed over, and logged.

    Raises:
        ValueError: There is no such template for the channel, or its values are not those that it needs.
    """
    given = _given(message)
    realm = message.realm
    owns = {
        own.locale: own
        for own in await select_templates_of(work.conn, realm.id, message.channel, message.template)
    }
    wanted = (message.locale, realm.policy.default_locale, work.settings.default_locale)
    for locale in languages(*wanted, LOCALES[0]):
        values = values_in(locale, given, app_name=realm.app_name, now=work.now)
        own = owns.get(locale)
        if own is not None:
            try:
                return locale, render_own(own.subject, own.text, own.html, values)
            except TemplateRefused as refused:
                _log.warning(
                    "template.refused",
                    realm_id=str(realm.id),
                    template=message.template,
                    locale=locale,
                    reason=str(refused),
                )
        if locale in LOCALES:
            return locale, render(locale, message.channel, message.template, values)
    raise AssertionError("the last language is one of the product's")


def render(locale: str, channel: Channel, template: str, values: Mapping[str, str]) -> Content:
    """The product's own wording, in one of its languages.

    Raises:
        TemplateError: Jinja's: a value is missing.
    """
    wording = render_mail if channel is Channel.MAIL else render_sms
    return wording(locale, template, values)


def languages(*wanted: str | None) -> Iterator[str]:
    """The languages that these tags ask for, each with its region and then without: `de-at`, `de`."""
    for tag in wanted:
        if tag:
            plain = tag.replace("_", "-").lower()
            yield plain
            yield plain.partition("-")[0]


def values_in(locale: str, given: Mapping[str, str], *, app_name: str, now: datetime) -> dict[str, str]:
    """All values that a template may show: those *given*, and what follows from them in the language."""
    words = words_of(locale)
    values = dict(given) | {"app_name": app_name, "at": f"{now:%Y-%m-%d %H:%M} UTC"}
    if "minutes" in given:
        values[DERIVED["minutes"]] = duration_of(int(given["minutes"]), locale)
    if "factor" in given:
        values[DERIVED["factor"]] = words.factors[given["factor"]]
    return values


def template_of(channel: Channel, name: str) -> Template:
    """The template of this name.

    Raises:
        ValueError: There is none for the channel.
    """
    template = CATALOGUE.get(name)
    if template is None or channel not in template.channels:
        raise ValueError(f"there is no {channel} called {name}")
    return template


def _given(message: Message) -> dict[str, str]:
    """The values of the message, secrets in clear; those that may be left out are empty."""
    template = template_of(message.channel, message.template)
    names = set(message.values)
    if not set(template.needs) <= names <= {*template.needs, *template.takes}:
        raise ValueError(f"{message.template} is given {names}, and needs {template.needs}")
    return dict.fromkeys(template.takes, "") | {
        name: value.reveal() if isinstance(value, Secret) else value for name, value in message.values.items()
    }
