"""What is counted, and what the count was."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

HOUR_SECONDS = 3600


class Counted(StrEnum):
    """What a subject does too often."""

    SIGN_IN = "sign_in"  # wrong passwords for one identifier from one place
    ENTERED_CODE = "entered_code"  # wrong codes that sign in, for one address or number from one place
    SIGN_IN_CODE = "sign_in_code"  # codes that sign in, sent to one address or number
    STEP_CODE = "step_code"  # codes for the second step, sent to one number
    CONFIRM_CODE = "confirm_code"  # codes that confirm a number, sent to it
    MAGIC_LINK = "magic_link"  # links that sign in, sent to one address
    RESET_LINK = "reset_link"  # links that reset a password, sent to one address
    VERIFY_LINK = "verify_link"  # links that verify an address, sent to it
    PUSH = "push"  # questions to one person's phone
    STRANGERS = "strangers"  # codes sent by SMS to numbers that are nobody's
    INVITATION = "invitation"  # people that one organization invites


@dataclass(frozen=True, slots=True)
class Try:
    """One more of something.

    Args:
        kind: What is counted.
        subject: Whose: any text; only its digest is kept.
        most: How many there may be in one window.
        window_seconds: How long after the first the count starts anew.
    """

    realm_id: UUID
    kind: Counted
    subject: str
    most: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Tried:
    """How many there were in the window, this one included, and when it ends."""

    count: int
    ends_at: datetime
