"""An authenticator app as the second step."""

from collections.abc import Sequence

from server.core.auth_attempts.model import Attempt
from server.core.factors.model import Factor, active_of
from server.core.factors.owner import Owner
from server.core.factors.totp import use_totp
from server.core.realms.policy import SecondFactor
from server.core.sign_in.amr import OTP
from server.core.sign_in.factors.second_step import Proof, Verdict
from server.core.work import Work

amr = OTP
is_typed = True


def enrolled(factors: Sequence[Factor]) -> Factor | None:
    """The person's app."""
    return active_of(factors, SecondFactor.TOTP)


async def challenge(_work: Work, _owner: Owner, _factor: Factor) -> Attempt | None:
    """The app needs nothing."""
    return None


async def verify(work: Work, proof: Proof) -> Verdict:
    """Whether it is the app's code of now, and was not used before."""
    if proof.code is not None and await use_totp(work, proof.factor, proof.code):
        return Verdict.RIGHT
    return Verdict.WRONG
