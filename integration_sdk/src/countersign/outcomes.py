"""What a person's phone said, or that it said nothing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from countersign.attempts import AuthAttempt, AuthAttemptStatus


class Decision(StrEnum):
    """How a question ended. Only one of these means yes."""

    APPROVED = "approved"
    """The person approved on their phone, with the right number if one was shown."""
    DENIED = "denied"
    """The person said no; `Outcome.attempt.deny_reason` may say why."""
    INVALID = "invalid"
    """The person approved with a wrong or missing number. Somebody else may be asking in their name."""
    EXPIRED = "expired"
    """The server ended it: nobody answered in its time, a newer attempt replaced it, or it was cancelled."""
    TIMED_OUT = "timed_out"
    """Your deadline passed first, and the attempt was withdrawn from the phone."""


_DECISIONS = {
    AuthAttemptStatus.ACCEPTED: Decision.APPROVED,
    AuthAttemptStatus.REJECTED: Decision.DENIED,
    AuthAttemptStatus.INVALID: Decision.INVALID,
    AuthAttemptStatus.EXPIRED: Decision.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a question. True in a condition exactly if it is an approval.

    Attributes:
        decision: How it ended.
        attempt: The attempt in its final state.
    """

    decision: Decision
    attempt: AuthAttempt

    @classmethod
    def of(cls, attempt: AuthAttempt) -> Self:
        """What *attempt*, which has ended, comes to.

        Raises:
            KeyError: The attempt has not ended.
        """
        return cls(_DECISIONS[attempt.status], attempt)

    @property
    def approved(self) -> bool:
        """Whether the person said yes. Everything else is a no."""
        return self.decision is Decision.APPROVED

    def __bool__(self) -> bool:
        # Without this, `if client.approve(...):` would take a denial for a yes.
        return self.approved
