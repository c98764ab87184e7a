"""A recovery code as the second step."""

from collections.abc import Sequence

from server.core.auth_attempts.model import Attempt
from server.core.factors.model import Factor, active_of
from server.core.factors.owner import Owner
from server.core.factors.recovery_codes import use_recovery_code
from server.core.realms.policy import SecondFactor
from server.core.sign_in.amr import RECOVERY
from server.core.sign_in.factors.second_step import Proof, Verdict
from server.core.work import Work

amr = RECOVERY
is_typed = True


def enrolled(factors: Sequence[Factor]) -> Factor | None:
    """The person's codes."""
    return active_of(factors, SecondFactor.RECOVERY_CODE)


async def challenge(_work: Work, _owner: Owner, _factor: Factor) -> Attempt | None:
    """The codes are on paper."""
    return None


async def verify(work: Work, proof: Proof) -> Verdict:
    """Whether it is one of the codes, and was not used before."""
    if proof.code is not None and await use_recovery_code(work, proof.owner, proof.factor, proof.code):
        return Verdict.RIGHT
    return Verdict.WRONG
