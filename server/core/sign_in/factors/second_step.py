"""What every second factor is to the machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from server.base.secret import Secret
from server.core.auth_attempts.model import Attempt
from server.core.factors.model import Factor
from server.core.factors.owner import Owner
from server.core.work import Work


class Verdict(Enum):
    """What came of a proof."""

    RIGHT = "right"
    WRONG = "wrong"  # it counts as a failure, and another may be tried
    WAITING = "waiting"  # the person has not answered
    REFUSED = "refused"  # the person said no: it counts as a failure, and the sign-in ends
    OVER = "over"  # nobody answered in time: the sign-in ends


@dataclass(frozen=True, slots=True)
class Proof:
    """What is to be judged.

    Args:
        code: What was typed; None where nothing is typed here.
        attempt_id: The question that the phone was asked in this sign-in.
    """

    owner: Owner
    factor: Factor
    code: Secret | None
    attempt_id: int | None


class SecondStep(Protocol):
    """A module in this folder that can be the second step of a sign-in."""

    @property
    def amr(self) -> str:
        """What it adds to a session's `amr`."""

    @property
    def is_typed(self) -> bool:
        """Whether the proof is a code."""

    def enrolled(self, factors: Sequence[Factor]) -> Factor | None:
        """The person's factor of this kind that counts, if there is one."""

    async def challenge(self, work: Work, owner: Owner, factor: Factor) -> Attempt | None:
        """The person has what the proof needs: a code is on its way, or the phone is asked.

        Raises:
            TooManyAttempts: There were too many.
        """

    async def verify(self, work: Work, proof: Proof) -> Verdict:
        """The proof is judged. One that is right is used up."""
