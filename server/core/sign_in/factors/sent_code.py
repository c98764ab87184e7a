"""Codes that sign in, wherever they were sent."""

from server.base.errors import InvalidCode
from server.base.secret import Secret
from server.core.one_time_secrets.actions import redeem_code
from server.core.one_time_secrets.model import Purpose, RedeemCode
from server.core.principals.actions import ReadPrincipal
from server.core.principals.locking import hold_principal
from server.core.principals.model import Counter, RealmPrincipal
from server.core.realms.model import Realm
from server.core.sign_in.failures import NOBODY, note_failure
from server.core.work import Refusal, Work


async def use_sign_in_code(
    work: Work, realm: Realm, known: RealmPrincipal | None, *, target: str, code: Secret, method: str
) -> None:
    """The code that was sent to *target* last is used up.

    A wrong one counts as a wrong password does, so that new codes are no new tries without end. The person is
    held first, as everywhere; where there is nobody the same statements are sent.

    Raises:
        InvalidCode: It is another, used, past its time or tried too often, or the account is locked. As a
            `Refusal`.
    """
    known = await hold_principal(work, ReadPrincipal(realm.id, known.id if known else NOBODY))
    try:
        await redeem_code(work, RedeemCode(realm.id, Purpose.SIGN_IN_CODE, target, code))
    except Refusal as refused:
        if isinstance(refused.error, InvalidCode):
            await note_failure(work, realm, known, Counter.PASSWORD, method=method, reason="wrong")
        raise
    if known is not None and known.is_locked(work.now):
        await note_failure(work, realm, known, Counter.PASSWORD, method=method, reason="locked")
        raise Refusal(InvalidCode())
