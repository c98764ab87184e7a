"""Counting what people do, and reading the counts."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from server.base.errors import InvalidFields
from server.core.usage import store
from server.core.usage.model import Usage
from server.core.work import Work

LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class CountedUse:
    """What a person just did.

    Args:
        login: Whether it was a login: a sign-up or a refresh is none.
        tokens: How many access tokens were given out.
        passwordless: Whether it was a login by a mailed or texted code or a magic link.
        sso: Whether it was a login by an identity provider.
    """

    realm_id: UUID
    principal_id: UUID
    login: bool = False
    tokens: int = 1
    passwordless: bool = False
    sso: bool = False


@dataclass(frozen=True, slots=True)
class ReadUsage:
    """Whose usage, and of which days.

    Args:
        project_id: Of one project of the organization; None for all together.
        first: The first day; None for the first of the last day's month.
        last: The last day; None for today.
    """

    organization_id: int
    project_id: UUID | None = None
    first: date | None = None
    last: date | None = None


async def count_sign_in(work: Work, command: CountedUse) -> None:
    """The use is counted on today's account, and the person is active today. One statement."""
    await store.upsert_use(
        work.conn,
        command.realm_id,
        command.principal_id,
        day=work.now.date(),
        logins=int(command.login),
        tokens=command.tokens,
        passwordless=int(command.passwordless),
        sso=int(command.sso),
    )


async def read_usage(work: Work, command: ReadUsage) -> Usage:
    """What was counted, correct to the day. Somebody who was deleted since is still counted.

    Raises:
        InvalidFields: The first day is after the last, they are more than 366 days, or the organization has
            no such project; the fields are `from` and `project_id`.
    """
    last = command.last or work.now.date()
    first = command.first or last.replace(day=1)
    if first > last:
        raise InvalidFields(fields={"from": "must not be after `to`"})
    if (last - first).days >= LONGEST_DAYS:
        raise InvalidFields(fields={"from": f"must be less than {LONGEST_DAYS} days before `to`"})
    realm_ids = await store.select_realms(work.conn, command.organization_id, command.project_id)
    if command.project_id is not None and not realm_ids:
        raise InvalidFields(fields={"project_id": "is not the id of one of your projects"})
    return await store.select_usage(work.conn, realm_ids, first, last)
