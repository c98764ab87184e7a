"""Every message of the product, in every language, said to nobody."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from server.core.notifications.catalogue import CATALOGUE
from server.core.notifications.model import Channel
from server.core.notifications.writing import render, values_in
from server.outbound.rendering import LOCALES, Content

SAMPLES = {
    "link": "https://id.example.com/links/example?token=example",
    "code": "042137",
    "minutes": "15",
    "factor": "totp",
    "left": "9",
    "provider": "google",
    "organization": "Example",
    "inviter": "Eva Example",
    "role": "admin",
}
APP_NAME = "Example"
AT = datetime(2027, 1, 31, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One message that was said to nobody.

    Args:
        whole: Whether the values that may be left out were there.
        content: What it says.
    """

    locale: str
    channel: Channel
    template: str
    whole: bool
    content: Content


def rehearse(*, app_name: str = APP_NAME, **changed: str) -> Iterator[Rehearsed]:
    """Each message of the catalogue in each language, with and without the values that may be left out.

    Args:
        app_name: What the application is called.
        changed: Values other than the samples, by name.

    Raises:
        TemplateError: Jinja's: one cannot be rendered.
    """
    samples = SAMPLES | changed
    for locale in LOCALES:
        for name, template in CATALOGUE.items():
            needed = {value: samples[value] for value in template.needs}
            for whole in (True, False):
                taken = {value: samples[value] if whole else "" for value in template.takes}
                values = values_in(locale, needed | taken, app_name=app_name, now=AT)
                for channel in template.channels:
                    yield Rehearsed(locale, channel, name, whole, render(locale, channel, name, values))
