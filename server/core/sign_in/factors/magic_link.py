"""A mailed link as the first proof: it shows who reads the address's mail."""

from server.base.errors import LinkUnknown
from server.base.secret import Secret
from server.core.one_time_secrets.actions import look_up_token, redeem_token
from server.core.one_time_secrets.model import Purpose, RedeemToken
from server.core.principals.actions import ReadPrincipal
from server.core.principals.locking import hold_principal
from server.core.realms.model import Realm
from server.core.sign_in.amr import EMAIL
from server.core.sign_in.factors.person import Person, reader_of
from server.core.work import Work

amr = EMAIL


async def identify(work: Work, realm: Realm, token: Secret) -> Person | None:
    """Whoever reads the mail of the address that the link went to; None for a stranger to a closed realm.

    Raises:
        LinkUnknown: There is no such link, or whom it was sent to has another address by now.
        LinkUsed, LinkExpired: It proves nothing any more.
    """
    shown = RedeemToken(realm.id, Purpose.MAGIC_LINK, token)
    meant = (await look_up_token(work, shown)).principal_id
    if meant is not None:
        await hold_principal(work, ReadPrincipal(realm.id, meant))  # people before what is theirs
    redeemed = await redeem_token(work, shown)
    person = await reader_of(work, realm, redeemed.target)
    if meant is not None and (person is None or person.principal.id != meant):
        raise LinkUnknown
    return person
