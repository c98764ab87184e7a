"""What is done with the people of a realm. Locks and failures are in `locking`.

Nothing here ends sessions: who disables, deletes or locks somebody ends them too (core.sign_in).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from server.base import ids
from server.base.contact import email_key
from server.base.errors import InvalidFields, UserNotFound
from server.base.pages import CursorPage, CursorRequest
from server.core.audit.events import Detail, Event
from server.core.changes import UNCHANGED, Unchanged, changed, names_of_changed
from server.core.principals import store
from server.core.principals.contacts import email_of, phone_of
from server.core.principals.metadata import merged, metadata_json
from server.core.principals.model import PrincipalStatus, RealmPrincipal
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class RegisterPrincipal:
    """A new person of a realm.

    Args:
        email: As it was written; see `server.base.contact`. An e-mail address or a phone number is needed.
        password_hash: What `core.credentials.passwords.hash_new_password` gave; None for somebody without.
    """

    realm_id: UUID
    email: str | None = None
    phone: str | None = None
    password_hash: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    email_verified: bool = False
    phone_verified: bool = False
    display_name: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class ReadPrincipal:
    """Which person of which realm."""

    realm_id: UUID
    principal_id: UUID


@dataclass(frozen=True, slots=True)
class FindByEmail:
    """The address, in any casing."""

    realm_id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class FindByPhone:
    """The number, E.164."""

    realm_id: UUID
    phone: str


@dataclass(frozen=True, slots=True)
class ListPrincipals:
    """Which people: those with *search* in the e-mail address, in any casing; empty for all."""

    realm_id: UUID
    page: CursorRequest
    search: str = ""


@dataclass(frozen=True, slots=True)
class ChangePrincipal:
    """What is new about a person.

    Args:
        email: Another address, which is not verified then.
        metadata: Merged key by key into what is there; null removes a key (RFC 7396, at the top level).
    """

    realm_id: UUID
    principal_id: UUID
    email: str | Unchanged = UNCHANGED
    metadata: Mapping[str, object] | Unchanged = UNCHANGED
    display_name: str | Unchanged | None = UNCHANGED
    locale: str | Unchanged | None = UNCHANGED


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Whether the person may use the realm."""

    realm_id: UUID
    principal_id: UUID
    status: PrincipalStatus


@dataclass(frozen=True, slots=True)
class ConfirmEmail:
    """That this address is the person's, proved by a link or a code sent to it."""

    realm_id: UUID
    principal_id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class ConfirmPhone:
    """That this number is the person's, proved by a code sent to it; it replaces another."""

    realm_id: UUID
    principal_id: UUID
    phone: str


@dataclass(frozen=True, slots=True)
class DeletePrincipal:
    """Which person."""

    realm_id: UUID
    principal_id: UUID


async def register_principal(work: Work, command: RegisterPrincipal) -> RealmPrincipal:
    """The person exists in the realm, and is active.

    Raises:
        InvalidFields: No address and no phone, or one that is none; `email`, `phone` or `metadata`.
        EmailTaken: Another person of the realm has the address, in any casing. The transaction is lost.
        PhoneTaken: Another has the number. The transaction is lost.
    """
    if command.email is None and command.phone is None:
        raise InvalidFields(fields={"email": "is needed, or a phone number"})
    principal = await store.insert_principal(
        work.conn,
        ids.new_uid(),
        command.realm_id,
        email=None if command.email is None else email_of(command.email),
        email_verified=command.email_verified,
        phone=None if command.phone is None else phone_of(command.phone),
        phone_verified=command.phone_verified,
        display_name=command.display_name,
        locale=command.locale,
        metadata=metadata_json(command.metadata),
        password_hash=command.password_hash,
        now=work.now,
    )
    work.record(event_of("registered", principal.realm_id, principal.id))
    return principal


async def read_principal(work: Work, command: ReadPrincipal) -> RealmPrincipal:
    """The person.

    Raises:
        UserNotFound: Nobody in the realm has this id.
    """
    principal = await store.select_principal(work.conn, command.realm_id, command.principal_id)
    if principal is None:
        raise UserNotFound
    return principal


async def find_by_email(work: Work, command: FindByEmail) -> RealmPrincipal | None:
    """The person with this address, if there is one."""
    return await store.select_by_email(work.conn, command.realm_id, command.email)


async def find_by_phone(work: Work, command: FindByPhone) -> RealmPrincipal | None:
    """The person with this number, if there is one."""
    return await store.select_by_phone(work.conn, command.realm_id, command.phone)


async def list_principals(work: Work, command: ListPrincipals) -> CursorPage[RealmPrincipal]:
    """The people asked for, newest first."""
    found = await store.select_some(
        work.conn,
        command.realm_id,
        before=command.page.after,
        search=command.search,
        limit=command.page.limit + 1,
    )
    items = tuple(found[: command.page.limit])
    return CursorPage(items, items[-1].seq if len(found) > len(items) else None)


async def change_principal(work: Work, command: ChangePrincipal) -> RealmPrincipal:
    """The person is as the command says; what is the same already leaves no event.

    The same address in another casing stays verified. Mails about a new address are the caller's.

    Raises:
        UserNotFound: Nobody in the realm has this id.
        InvalidFields: `email` is no address, or `metadata` would be more than 16 KiB of JSON.
        EmailTaken: Another person of the realm has the address. The transaction is lost.
    """
    old = await store.select_principal_for_update(work.conn, command.realm_id, command.principal_id)
    if old is None:
        raise UserNotFound
    email = old.email if isinstance(command.email, Unchanged) else email_of(command.email)
    same_address = email_key(email or "") == email_key(old.email or "")
    new = replace(
        old,
        email=email,
        email_verified=old.email_verified and same_address,
        metadata=merged(old.metadata, changed(command.metadata, {})),
        display_name=changed(command.display_name, old.display_name),
        locale=changed(command.locale, old.locale),
    )
    if new == old:
        return old
    metadata_json(new.metadata)
    await store.update_principal(work.conn, new, work.now)
    work.record(event_of("changed", new.realm_id, new.id, changed=names_of_changed(old, new)))
    return replace(new, updated_at=work.now)


async def set_status(work: Work, command: SetStatus) -> RealmPrincipal:
    """The person may use the realm, or not any more. What is so already leaves no event.

    Raises:
        UserNotFound: Nobody in the realm has this id.
    """
    moved = await store.update_status(
        work.conn, command.realm_id, command.principal_id, command.status, work.now
    )
    principal = await read_principal(work, ReadPrincipal(command.realm_id, command.principal_id))
    if moved:
        work.record(event_of("status_set", principal.realm_id, principal.id, status=command.status))
    return principal


async def confirm_email(work: Work, command: ConfirmEmail) -> bool:
    """The address is verified. False, and nothing changes: it is not the person's any more."""
    confirmed = await store.update_email_verified(
        work.conn, command.realm_id, command.principal_id, command.email, work.now
    )
    if confirmed:
        work.record(event_of("email_confirmed", command.realm_id, command.principal_id))
    return confirmed is not None


async def confirm_phone(work: Work, command: ConfirmPhone) -> None:
    """The number is the person's, and verified.

    Raises:
        UserNotFound: Nobody in the realm has this id.
        InvalidFields: `phone` is no number.
        PhoneTaken: Another person of the realm has the number. The transaction is lost.
    """
    phone = phone_of(command.phone)
    if not await store.update_phone(work.conn, command.realm_id, command.principal_id, phone, work.now):
        raise UserNotFound
    work.record(event_of("phone_confirmed", command.realm_id, command.principal_id))


async def remove_phone(work: Work, command: ReadPrincipal) -> bool:
    """The person, who has an address, has no number; whether there was one."""
    removed = await store.update_phone_removed(work.conn, command.realm_id, command.principal_id, work.now)
    if removed:
        work.record(event_of("phone_removed", command.realm_id, command.principal_id))
    return removed


async def delete_principal(work: Work, command: DeletePrincipal) -> None:
    """The person and all that hangs on it are gone: password, factors, sessions, tokens, links, memberships.

    What remains are records of the audit log and counts of use, which hold an id and nothing else of it.

    Raises:
        UserNotFound: Nobody in the realm has this id.
        LastOwner: An organization would have no owner left. The transaction is lost.
    """
    if not await store.delete_principal(work.conn, command.realm_id, command.principal_id):
        raise UserNotFound
    work.record(event_of("deleted", command.realm_id, command.principal_id))


def event_of(what: str, realm_id: UUID, principal_id: UUID, **data: Detail) -> Event:
    """That something happened to a person: `principal.` and *what*."""
    return Event(f"principal.{what}", "principal", str(principal_id), data=data, realm_id=realm_id)
