"""A password as the first proof.

Whether an address is unknown, its account locked or the password wrong: the same hash is computed, the same
statements are sent, and the same is said.
"""

from dataclasses import dataclass
from uuid import UUID

from server.base.contact import email_key
from server.base.errors import AccountDisabled, InvalidCredentials
from server.base.secret import Secret
from server.core.credentials.model import Credential
from server.core.credentials.passwords import (
    ReadCredential,
    RenewHash,
    hold_credential,
    is_right,
    read_credential,
    renew_hash,
    renewed_hash,
)
from server.core.principals.model import Counter, RealmPrincipal
from server.core.realms.actions import read_realm
from server.core.realms.model import Realm
from server.core.sign_in.amr import PWD
from server.core.sign_in.failures import note_failure, refusal
from server.core.sign_in.tries import tries
from server.core.throttles.actions import check_tries, clear_tries, count_try
from server.core.throttles.model import Counted, Try
from server.core.work import Refusal, Work

amr = PWD


@dataclass(frozen=True, slots=True)
class Checked:
    """A password that was compared.

    Args:
        credential: What it was compared with.
        renewed: The same password with today's parameters, where it was kept with older ones.
    """

    realm: Realm
    email: str
    credential: Credential | None
    right: bool
    renewed: str | None


async def check(work: Work, realm_id: UUID, email: str, password: Secret) -> Checked:
    """The slow part: the password is compared. Nothing is changed.

    Raises:
        TooManyAttempts: There were too many wrong ones for the address from there.
        Unavailable: Too many wait for their hashes.
    """
    realm = await read_realm(work, realm_id)
    await check_tries(work, _tries(work, realm, email))
    credential = await read_credential(work, ReadCredential(realm.id, email=email))
    right = await is_right(realm.id, credential, password)
    renewed = await renewed_hash(credential, password) if credential and right else None
    return Checked(realm, email, credential, right, renewed)


async def verify(work: Work, checked: Checked) -> RealmPrincipal:
    """The person whose password it is; nobody else changes them until the transaction ends.

    Raises:
        InvalidCredentials: The address is unknown, the password wrong or changed meanwhile, or the account
            locked: all alike. As a `Refusal`.
        AccountDisabled: The password was right. As a `Refusal`.
        TooManyAttempts: There were too many wrong ones for the address from there. A right one is refused
            as well, or its throttled finder would know it.
    """
    realm, before = checked.realm, checked.credential
    await count_try(work, _tries(work, realm, checked.email))
    now = await hold_credential(work, ReadCredential(realm.id, email=checked.email))
    principal = now.principal if now else None
    unchanged = now is not None and before is not None and now.password_hash == before.password_hash
    if principal is None or not checked.right or not unchanged or principal.is_locked(work.now):
        await note_failure(
            work,
            realm,
            principal,
            Counter.PASSWORD,
            method=amr,
            reason=_reason(work, principal),
        )
        raise Refusal(InvalidCredentials())
    if principal.is_disabled:
        work.record(refusal(realm, principal, method=amr, reason="disabled"))
        raise Refusal(AccountDisabled())
    await clear_tries(work, _tries(work, realm, checked.email))
    if checked.renewed and before and before.password_hash:
        await renew_hash(work, RenewHash(realm.id, principal.id, before.password_hash, checked.renewed))
    return principal


def _tries(work: Work, realm: Realm, email: str) -> Try:
    return tries(work, realm, Counted.SIGN_IN, email_key(email))


def _reason(work: Work, principal: RealmPrincipal | None) -> str:
    """For the audit log alone."""
    if principal is None:
        return "unknown"
    return "locked" if principal.is_locked(work.now) else "wrong"
