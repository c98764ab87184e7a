"""What each rule of a policy may be: checked when it is set, read from the command line and from JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from server.core.realms.policy import MfaMode, SecondFactor

_DAY = 86_400
_YEAR = 365 * _DAY


class Rule(Protocol):
    """What a value may be."""

    def read(self, value: object) -> object:
        """*value*, as JSON has it, as the policy has it.

        Raises:
            ValueError: It may not be that; the text says what it must be.
        """

    def parse(self, text: str) -> object:
        """What somebody wrote on the command line, as JSON has it; `read` checks it."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range."""

    least: int
    most: int

    def read(self, value: object) -> int:
        """The number."""
        # `True` is an int to Python.
        if type(value) is not int or not self.least <= value <= self.most:
            raise ValueError(f"must be a whole number from {self.least} to {self.most}")
        return value

    def parse(self, text: str) -> object:
        """A number where it is one."""
        return int(text) if text.removeprefix("-").isdecimal() and text.isascii() else text


@dataclass(frozen=True, slots=True)
class YesNo:
    """True or false."""

    def read(self, value: object) -> bool:
        """The truth."""
        if not isinstance(value, bool):
            raise ValueError("must be true or false")  # noqa: TRY004 - one kind of failure for all rules
        return value

    def parse(self, text: str) -> object:
        """`true` or `false`, in any casing."""
        return {"true": True, "false": False}.get(text.lower(), text)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some words."""

    words: Sequence[str]

    def read(self, value: object) -> str:
        """The word; of an enumeration, its member."""
        for word in self.words:
            if word == value:
                return word
        raise ValueError(f"must be one of {', '.join(self.words)}")

    def parse(self, text: str) -> object:
        """The text."""
        return text


@dataclass(frozen=True, slots=True)
class SomeOf:
    """Some of some words, each once; at least one."""

    words: type[StrEnum]

    def read(self, value: object) -> tuple[StrEnum, ...]:
        """The words, in the order of the enumeration."""
        known = list(self.words)
        if not isinstance(value, (list, tuple)) or not value or any(word not in known for word in value):
            raise ValueError(f"must be some of {', '.join(self.words)}")
        return tuple(word for word in self.words if word in value)

    def parse(self, text: str) -> object:
        """Words with commas between."""
        return [part.strip() for part in text.split(",")]


_LINK = Whole(60, 7 * _DAY)

RULES: Mapping[str, Rule] = {
    "access_token_seconds": Whole(60, _DAY),
    "session_seconds": Whole(300, _YEAR),
    "idle_seconds": Whole(300, _YEAR),
    "refresh_grace_seconds": Whole(0, 60),
    "max_sessions": Whole(1, 1000),
    "mfa": OneOf(tuple(MfaMode)),
    "factors": SomeOf(SecondFactor),
    "password_min_length": Whole(8, 64),
    "throttle_failures": Whole(1, 100),
    "throttle_seconds": Whole(1, _DAY),
    "max_failures": Whole(5, 100),
    "max_second_factor_failures": Whole(3, 100),
    "lock_seconds": Whole(60, _YEAR),
    "registration_open": YesNo(),
    "verify_at_sign_up": YesNo(),
    "email_link_seconds": _LINK,
    "reset_seconds": Whole(60, _DAY),
    "magic_link_seconds": Whole(60, _DAY),
    "code_seconds": Whole(60, 600),
    "code_attempts": Whole(1, 10),
    "messages_per_hour": Whole(1, 100),
    "sms_to_strangers_per_hour": Whole(0, 1_000_000),
    "links_per_hour": Whole(1, 100),
    "reference_seconds": Whole(300, 30 * _DAY),
    "default_locale": OneOf(("en", "de")),
}
"""By the names of `SignInPolicy`. Ceilings are those of NIST SP 800-63B-4 where it has one: 100 failures in a
row (3.2.2), and of our document: codes live ten minutes."""
