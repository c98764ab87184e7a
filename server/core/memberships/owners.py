"""The first member of an organization: nobody is there to invite them."""

from dataclasses import dataclass

from server.base.contact import email_address
from server.base.errors import InvalidFields, OrganizationNotFound
from server.base.secret import Secret
from server.core.credentials.passwords import (
    ReadCredential,
    hash_new_password,
    read_credential,
)
from server.core.credentials.rules import NewPassword
from server.core.memberships.accounts import CheckedAccount, account_of, add_member
from server.core.memberships.model import Owner, Role
from server.core.organizations.customers import CreateCustomer, FindCustomer, create_customer, find_customer
from server.core.organizations.model import Organization
from server.core.realms.actions import read_named_realm
from server.core.realms.model import Realm, RealmName
from server.core.work import Work, prepared


@dataclass(frozen=True, slots=True)
class CreateOwner:
    """An owner of the organization by this name, which is made if there is none.

    Args:
        password: Of a new account. One that is there keeps its own: who may create owners is trusted, and
            need not know it.
    """

    organization_name: str
    email: str
    password: Secret


@dataclass(frozen=True, slots=True)
class CheckedOwner:
    """An owner to be, after the slow part."""

    organization_name: str
    email: str
    realm: Realm
    account: CheckedAccount


async def _check(work: Work, command: CreateOwner) -> CheckedOwner:
    email = email_address(command.email)
    if email is None:
        raise InvalidFields(fields={"email": "must be an email address"})
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    credential = await read_credential(work, ReadCredential(accounts.id, email=email))
    if credential is None:
        new_hash = await hash_new_password(work, NewPassword(accounts, command.password, words=(email,)))
        account = CheckedAccount(None, proved=True, new_hash=new_hash)
    else:
        account = CheckedAccount(credential.principal, proved=True, new_hash=None)
    return CheckedOwner(command.organization_name, email, accounts, account)


@prepared(_check)
async def create_owner(work: Work, command: CheckedOwner) -> Owner:
    """The address's account is an owner of the organization; both are made where they were missing.

    Raises:
        InvalidFields: The name, the address, or the password of a new account is not good enough.
        MemberExists: The account is a member of the organization already.
    """
    organization = await _organization(work, command.organization_name)
    principal = await account_of(work, command.realm, command.email, command.account)
    member = await add_member(work, command.realm, organization.id, principal, Role.OWNER)
    return Owner(organization, member, is_new=command.account.principal is None)


async def _organization(work: Work, name: str) -> Organization:
    try:
        return await find_customer(work, FindCustomer(name))
    except OrganizationNotFound:
        return await create_customer(work, CreateCustomer(name))
