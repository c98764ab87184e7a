"""Which factors can be the second step, in the order in which they are offered and a code is tried."""

from collections.abc import Mapping, Sequence

from server.core.factors.actions import SECOND_FACTORS
from server.core.factors.model import Factor
from server.core.realms.policy import SecondFactor, SignInPolicy
from server.core.sign_in.factors import push, recovery_code, sms_code, totp
from server.core.sign_in.factors.second_step import SecondStep

STEPS: Mapping[SecondFactor, SecondStep] = {
    SecondFactor.TOTP: totp,
    SecondFactor.SMS: sms_code,
    SecondFactor.PUSH: push,
    SecondFactor.RECOVERY_CODE: recovery_code,
}

# What can be set up with nothing but a code, so also in the middle of a sign-in.
SET_UP = (SecondFactor.TOTP, SecondFactor.SMS)


def needs_second_step(policy: SignInPolicy, factors: Sequence[Factor]) -> bool:
    """Whether the person has a second factor that counts here."""
    return any(
        kind in policy.factors and STEPS[kind].enrolled(factors) is not None for kind in SECOND_FACTORS
    )


def offered(
    policy: SignInPolicy, factors: Sequence[Factor], proofs: Sequence[str]
) -> Mapping[SecondFactor, Factor]:
    """What the person can prove next: nothing that was proved already in the same way."""
    found: dict[SecondFactor, Factor] = {}
    for kind, step in STEPS.items():
        factor = step.enrolled(factors)
        if factor is not None and kind in policy.factors and step.amr not in proofs:
            found[kind] = factor
    return found
