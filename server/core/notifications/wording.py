"""What messages say of lengths of time and of factors, in each language of the product."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.outbound.rendering import LOCALES

_MINUTES = {"day": 1440, "hour": 60, "minute": 1}


@dataclass(frozen=True, slots=True)
class Words:
    """One language.

    Args:
        units: How one and how many of each unit of time are called.
        factors: What factors are called, by their types.
    """

    units: Mapping[str, tuple[str, str]]
    factors: Mapping[str, str]


WORDS: Mapping[str, Words] = {
    "en": Words(
        units={"day": ("day", "days"), "hour": ("hour", "hours"), "minute": ("minute", "minutes")},
        factors={
            "totp": "an authenticator app",
            "sms": "codes by SMS",
            "email": "codes by e-mail",
            "push": "approval on a phone",
            "recovery_code": "recovery codes",
        },
    ),
    "de": Words(
        units={"day": ("Tag", "Tage"), "hour": ("Stunde", "Stunden"), "minute": ("Minute", "Minuten")},
        factors={
            "totp": "eine Authenticator-App",
            "sms": "Codes per SMS",
            "email": "Codes per E-Mail",
            "push": "Freigabe auf einem Telefon",
            "recovery_code": "Wiederherstellungscodes",
        },
    ),
}


def words_of(locale: str) -> Words:
    """The words of a language; English ones for a language that the product does not speak."""
    return WORDS.get(locale) or WORDS.get(locale.partition("-")[0]) or WORDS[LOCALES[0]]


def duration_of(minutes: int, locale: str) -> str:
    """*minutes* in the largest unit of which they are several: `15 minutes`, `24 hours`, `7 days`."""
    unit, size = next(
        (unit, size)
        for unit, size in _MINUTES.items()
        if size == 1 or (minutes > size and minutes % size == 0)
    )
    count = minutes // size
    one, many = words_of(locale).units[unit]
    return f"{count} {one if count == 1 else many}"
