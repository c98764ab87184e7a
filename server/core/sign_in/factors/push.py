"""A phone as the second step: its owner types the number that the sign-in shows, and says yes."""

from collections.abc import Sequence

from server.core.auth_attempts.model import Attempt
from server.core.factors.model import Factor, active_of
from server.core.factors.owner import Owner
from server.core.factors.push import Said, answer_of, ask_phone
from server.core.realms.policy import SecondFactor
from server.core.sign_in.amr import SWK
from server.core.sign_in.factors.second_step import Proof, Verdict
from server.core.work import Work

amr = SWK
is_typed = False

_VERDICTS = {
    Said.NOTHING_YET: Verdict.WAITING,
    Said.YES: Verdict.RIGHT,
    Said.NO: Verdict.REFUSED,
    Said.TOO_LATE: Verdict.OVER,
}


def enrolled(factors: Sequence[Factor]) -> Factor | None:
    """The person's phone."""
    return active_of(factors, SecondFactor.PUSH)


async def challenge(work: Work, owner: Owner, factor: Factor) -> Attempt | None:
    """The phone is asked; None if it cannot be."""
    return await ask_phone(work, owner, factor)


async def verify(work: Work, proof: Proof) -> Verdict:
    """What the person said; the phone's signature was checked when it arrived."""
    if proof.attempt_id is None:
        return Verdict.WRONG
    return _VERDICTS[await answer_of(work, proof.owner, proof.factor, proof.attempt_id)]
