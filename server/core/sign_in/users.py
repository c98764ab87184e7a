"""People as the surfaces show them: with the second factors that count."""

from dataclasses import dataclass
from uuid import UUID

from server.base.pages import CursorPage, CursorRequest
from server.core.factors.actions import SECOND_FACTORS, FactorsOf, factors_of
from server.core.principals.actions import ListPrincipals, ReadPrincipal, list_principals, read_principal
from server.core.principals.model import RealmPrincipal
from server.core.realms.policy import SecondFactor
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class User:
    """A person of a realm.

    Args:
        factors: Which have been set up, in the order in which they were.
    """

    principal: RealmPrincipal
    factors: tuple[SecondFactor, ...]

    @property
    def has_second_factor(self) -> bool:
        """Whether there is one, besides recovery codes."""
        return not set(self.factors).isdisjoint(SECOND_FACTORS)


@dataclass(frozen=True, slots=True)
class ReadUser:
    """Which person of which realm."""

    realm_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class ListUsers:
    """Which people: those with *search* in the e-mail address, in any casing; empty for all."""

    realm_id: UUID
    page: CursorRequest
    search: str = ""


async def read_user(work: Work, command: ReadUser) -> User:
    """The person. Perform at once.

    Raises:
        UserNotFound: Nobody in the realm has this id.
    """
    principal = await read_principal(work, ReadPrincipal(command.realm_id, command.user_id))
    return await read_factors_of(work, principal)


async def list_users(work: Work, command: ListUsers) -> CursorPage[User]:
    """The people asked for, newest first. Perform at once."""
    page = await list_principals(work, ListPrincipals(command.realm_id, command.page, command.search))
    found = await factors_of(work, FactorsOf(command.realm_id, tuple(each.id for each in page.items)))
    return CursorPage(tuple(User(each, found.get(each.id, ())) for each in page.items), page.next)


async def read_factors_of(work: Work, principal: RealmPrincipal) -> User:
    """Somebody who was just read, with their factors. Perform at once."""
    found = await factors_of(work, FactorsOf(principal.realm_id, (principal.id,)))
    return User(principal, found.get(principal.id, ()))
