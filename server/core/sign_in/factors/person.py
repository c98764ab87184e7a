"""Whose address or number was proved: somebody known, or somebody new."""

from dataclasses import dataclass

from server.core.principals.actions import (
    ConfirmPhone,
    FindByEmail,
    FindByPhone,
    ReadPrincipal,
    RegisterPrincipal,
    confirm_phone,
    find_by_email,
    find_by_phone,
    read_principal,
    register_principal,
)
from server.core.principals.locking import hold_principal
from server.core.principals.model import RealmPrincipal
from server.core.realms.model import Realm
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class Person:
    """Who it is.

    Args:
        is_new: They were registered a moment ago.
    """

    principal: RealmPrincipal
    is_new: bool = False


async def reader_of(work: Work, realm: Realm, email: str) -> Person | None:
    """Whoever reads the mail of *email*; None for a stranger to a closed realm.

    An account whose address is not verified need not be its reader's yet: `server.core.sign_in.steps` sees to
    that. Until the transaction ends nobody else changes it.

    Raises:
        EmailTaken: Somebody registered the address at this moment. The transaction is lost.
    """
    principal = await find_by_email(work, FindByEmail(realm.id, email))
    if principal is None:
        if not realm.policy.registration_open:
            return None
        new = RegisterPrincipal(realm.id, email=email, email_verified=True)
        return Person(await register_principal(work, new), is_new=True)
    if principal.email_verified:
        return Person(principal)
    held = await hold_principal(work, ReadPrincipal(realm.id, principal.id))
    if held is None or held.email != principal.email:
        return None  # they are gone, or have left the address, since
    return Person(held)


async def holder_of(work: Work, realm: Realm, phone: str) -> Person | None:
    """Whoever reads the SMS of *phone*, which is verified by that; None for a stranger to a closed realm.

    Raises:
        PhoneTaken: Somebody registered the number at this moment. The transaction is lost.
    """
    principal = await find_by_phone(work, FindByPhone(realm.id, phone))
    if principal is None:
        if not realm.policy.registration_open:
            return None
        new = RegisterPrincipal(realm.id, phone=phone, phone_verified=True)
        return Person(await register_principal(work, new), is_new=True)
    if not principal.phone_verified:
        await confirm_phone(work, ConfirmPhone(realm.id, principal.id, phone))
        principal = await read_principal(work, ReadPrincipal(realm.id, principal.id))
    return Person(principal)
