"""A mailed code as the first proof: it shows who reads the address's mail."""

from server.base.contact import email_key
from server.base.secret import Secret
from server.core.principals.actions import FindByEmail, find_by_email
from server.core.realms.model import Realm
from server.core.sign_in.amr import EMAIL
from server.core.sign_in.factors.person import Person, reader_of
from server.core.sign_in.factors.sent_code import use_sign_in_code
from server.core.work import Work

amr = EMAIL


async def identify(work: Work, realm: Realm, email: str, code: Secret) -> Person | None:
    """Whoever reads the address's mail; None for a stranger to a closed realm.

    Raises:
        InvalidCode: It is not the code that was sent there last. As a `Refusal`.
    """
    known = await find_by_email(work, FindByEmail(realm.id, email))
    await use_sign_in_code(work, realm, known, target=email_key(email), code=code, method=amr)
    return await reader_of(work, realm, email)
