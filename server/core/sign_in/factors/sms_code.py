"""A code sent to a number: as the second step, or as the first proof of who reads it."""

from collections.abc import Sequence

from server.base.secret import Secret
from server.core.auth_attempts.model import Attempt
from server.core.factors.model import Factor, active_of
from server.core.factors.owner import Owner
from server.core.factors.sms import send_step_code, use_sms
from server.core.principals.actions import FindByPhone, find_by_phone
from server.core.realms.model import Realm
from server.core.realms.policy import SecondFactor
from server.core.sign_in.amr import SMS
from server.core.sign_in.factors.person import Person, holder_of
from server.core.sign_in.factors.second_step import Proof, Verdict
from server.core.sign_in.factors.sent_code import use_sign_in_code
from server.core.work import Work

amr = SMS
is_typed = True


def enrolled(factors: Sequence[Factor]) -> Factor | None:
    """The person's number."""
    return active_of(factors, SecondFactor.SMS)


async def challenge(work: Work, owner: Owner, factor: Factor) -> Attempt | None:
    """A code is on its way.

    Raises:
        TooManyAttempts: So many went there in an hour.
    """
    await send_step_code(work, owner, factor)
    return None


async def verify(work: Work, proof: Proof) -> Verdict:
    """Whether it is the code that was sent last."""
    if proof.code is not None and await use_sms(work, proof.factor, proof.code):
        return Verdict.RIGHT
    return Verdict.WRONG


async def identify(work: Work, realm: Realm, phone: str, code: Secret) -> Person | None:
    """Whoever reads the number's SMS; None for a stranger to a closed realm.

    Raises:
        InvalidCode: It is not the code that was sent there last. As a `Refusal`.
    """
    known = await find_by_phone(work, FindByPhone(realm.id, phone))
    await use_sign_in_code(work, realm, known, target=phone, code=code, method=amr)
    return await holder_of(work, realm, phone)
