"""What operators do with their own keys. The first is made at the command line of the instance."""

from dataclasses import dataclass
from datetime import datetime

from server.base.errors import OperatorKeyNotFound, OperatorKeyRevoked
from server.base.pages import Page, PageRequest
from server.base.secret import Secret
from server.core.api_keys import operator_keys_store as store
from server.core.api_keys.model import IssuedOperatorKey, OperatorKey
from server.core.audit.events import Event
from server.core.drawn_ids import insert_with_new_id
from server.core.expiry import expiry_of
from server.core.shown_text import label_of
from server.core.work import Work
from server.crypto.tokens import digest, new_operator_key, operator_key_name


@dataclass(frozen=True, slots=True)
class CreateOperatorKey:
    """A key by this label; with *expires_at*, in the future, when it stops working."""

    label: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListOperatorKeys:
    """Which operator keys, working or not; search is in label and key id."""

    page: PageRequest
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class ReadOperatorKey:
    """Which operator key."""

    operator_key_id: int


@dataclass(frozen=True, slots=True)
class RevokeOperatorKey:
    """Which operator key."""

    operator_key_id: int


async def create_operator_key(work: Work, command: CreateOperatorKey) -> IssuedOperatorKey:
    """The operator key works; its text is in the outcome and nowhere else.

    Raises:
        InvalidFields: The label or the expiry is not as documented.
    """
    label, expires_at = label_of(command.label), expiry_of(command.expires_at, work.now)
    text = new_operator_key()
    key_id = operator_key_name(text)
    if key_id is None:
        raise AssertionError("a new operator key has a name")

    async def insert(operator_key_id: int) -> bool:
        return await store.insert_operator_key(
            work.conn,
            operator_key_id,
            key_id=key_id,
            key_digest=digest(text),
            label=label,
            expires_at=expires_at,
            now=work.now,
        )

    operator_key_id = await insert_with_new_id(insert)
    work.record(_event("created", operator_key_id))
    key = await read_operator_key(work, ReadOperatorKey(operator_key_id))
    return IssuedOperatorKey(key, Secret(text))


async def list_operator_keys(work: Work, command: ListOperatorKeys) -> Page[OperatorKey]:
    """The operator keys asked for, newest first; no secrets."""
    return await store.select_page(work.conn, command.page, active=command.active, now=work.now)


async def read_operator_key(work: Work, command: ReadOperatorKey) -> OperatorKey:
    """The operator key, without its secret.

    Raises:
        OperatorKeyNotFound: There is none.
    """
    key = await store.select_operator_key(work.conn, command.operator_key_id, work.now)
    if key is None:
        raise OperatorKeyNotFound
    return key


async def revoke_operator_key(work: Work, command: RevokeOperatorKey) -> OperatorKey:
    """The operator key is refused from now on, for good; also when it is the caller's own, or the last.

    Raises:
        OperatorKeyNotFound: There is none.
        OperatorKeyRevoked: It was revoked before.
    """
    revoked = await store.update_operator_key_revoked(work.conn, command.operator_key_id, work.now)
    key = await read_operator_key(work, ReadOperatorKey(command.operator_key_id))
    if not revoked:
        raise OperatorKeyRevoked
    work.record(_event("revoked", key.id))
    return key


def _event(what: str, operator_key_id: int) -> Event:
    return Event(f"operator_key.{what}", "operator_key", str(operator_key_id))
