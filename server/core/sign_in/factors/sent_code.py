"""Codes that sign in, wherever they were sent.

All tries for one address or number from one place are throttled alike, whether or not there is a code that
could be right: otherwise the throttle would tell whom codes are sent to. Against the account count guesses at
a code that can be used, and no others: nobody can guess what was never sent.
"""

from server.base.errors import InvalidCode
from server.base.secret import Secret
from server.core.one_time_secrets.actions import redeem_code
from server.core.one_time_secrets.model import Purpose, RedeemCode
from server.core.principals.actions import ReadPrincipal
from server.core.principals.locking import hold_principal
from server.core.principals.model import Counter, RealmPrincipal
from server.core.realms.model import Realm
from server.core.sign_in.failures import NOBODY, note_failure
from server.core.sign_in.tries import tries
from server.core.throttles.actions import clear_tries, count_try
from server.core.throttles.model import Counted
from server.core.work import Refusal, Work

_NO_CODE = "no_code"


async def use_sign_in_code(
    work: Work, realm: Realm, known: RealmPrincipal | None, *, target: str, code: Secret, method: str
) -> None:
    """The code that was sent to *target* last is used up.

    A wrong one counts as a wrong password does, so that new codes are no new tries without end. The person is
    held first, as everywhere; where there is nobody the same statements are sent.

    Raises:
        InvalidCode: It is another, used, past its time or tried too often, or the account is locked. As a
            `Refusal`.
        TooManyAttempts: There were too many wrong ones for the target from there. A right one is refused as
            well, or its throttled finder would know it.
    """
    counted = tries(work, realm, Counted.ENTERED_CODE, target)
    await count_try(work, counted)
    known = await hold_principal(work, ReadPrincipal(realm.id, known.id if known else NOBODY))
    reason = await _redeem(work, RedeemCode(realm.id, Purpose.SIGN_IN_CODE, target, code))
    if reason is None and known is not None and known.is_locked(work.now):
        reason = "locked"
    if reason is not None:
        await note_failure(
            work, realm, known, Counter.PASSWORD, method=method, reason=reason, counts=reason != _NO_CODE
        )
        raise Refusal(InvalidCode())
    await clear_tries(work, counted)


async def _redeem(work: Work, command: RedeemCode) -> str | None:
    """Why the code is refused, for the audit log alone; None: it was right, and is used up."""
    try:
        await redeem_code(work, command)
    except InvalidCode:
        return _NO_CODE
    except Refusal as refused:
        if not isinstance(refused.error, InvalidCode):
            raise
        return "wrong"
    return None
