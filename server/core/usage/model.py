"""What is counted."""

from dataclasses import dataclass
from datetime import date

_WHOLE_MONTH = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Usage:
    """What happened from one day to another, both included; days are those of UTC.

    Args:
        active_users: How many different people signed up, signed in or refreshed their tokens.
        logins: How often somebody signed in. Signing up and refreshing are no logins.
        tokens_issued: How many access tokens were given out.
        passwordless_logins: Logins by a mailed or texted code or a magic link.
        sso_logins: Logins by an identity provider.
    """

    first: date
    last: date
    active_users: int
    logins: int
    tokens_issued: int
    passwordless_logins: int
    sso_logins: int


def month_of(day: date) -> date:
    """The first day of *day*'s month."""
    return day.replace(day=1)


def days_from(day: date) -> int:
    """*day* and those after it in a month, as bits: the lowest is the first, the highest the 31st."""
    return _WHOLE_MONTH & -(1 << day.day - 1)


def days_until(day: date) -> int:
    """*day* and those before it in its month, as bits."""
    return (1 << day.day) - 1
