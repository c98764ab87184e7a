"""An authentication attempt: one question to one person, and what has become of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AuthAttemptStatus(StrEnum):
    """Where an attempt stands, as docs/protocol/wire.md spells it."""

    PENDING = "PENDING"
    """The phone has not fetched it yet."""
    READ = "READ"
    """The phone has it and the person has not answered."""
    ACCEPTED = "ACCEPTED"
    """The person approved, with the right number if there was one."""
    REJECTED = "REJECTED"
    """The person said no."""
    INVALID = "INVALID"
    """The answer proved the phone and failed otherwise: a wrong or missing number."""
    EXPIRED = "EXPIRED"
    """Nobody answered in time, or it was cancelled, or a newer attempt took its place."""

    @property
    def is_final(self) -> bool:
        """Whether nothing can change it any more."""
        return self not in {AuthAttemptStatus.PENDING, AuthAttemptStatus.READ}


class DenyReason(StrEnum):
    """Why the person said no, if the phone asked them."""

    MISTAKE = "MISTAKE"
    """They started it and changed their mind."""
    FRAUD = "FRAUD"
    """They did not start it: somebody else did, with access to your service as this person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthAttempt:
    """What the server last said about an attempt.

    Its `repr` shows neither the number nor the texts, so an attempt may be logged.

    Attributes:
        id: The attempt's number.
        status: Where it stood when the server answered.
        expires_at: Until when it can be answered: aware, UTC, by the server's clock.
        timeout_seconds: How long it can be answered from its creation on, whatever this machine's clock says.
        enrollment_id: Which person's which phone; None in the answer to `create`, which does not say.
        created_at: Aware, UTC; None in the answer to `create`, which does not say.
        challenge: The number that the person must type on the phone, to be shown on the screen where they are
            working and nowhere else; None if the attempt has none. No leading zero.
        context_title: The title on the phone's card.
        context_message: What the person is asked to approve.
        deny_reason: Why they said no; None unless `status` is REJECTED and the phone and the server say so.
    """

    id: int
    status: AuthAttemptStatus
    expires_at: datetime
    timeout_seconds: int
    enrollment_id: int | None = None
    created_at: datetime | None = None
    challenge: int | None = field(default=None, repr=False)
    context_title: str | None = field(default=None, repr=False)
    context_message: str | None = field(default=None, repr=False)
    deny_reason: DenyReason | None = None

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.status.is_final

    @property
    def approved(self) -> bool:
        """Whether the person approved. False while they have not answered."""
        return self.status is AuthAttemptStatus.ACCEPTED
