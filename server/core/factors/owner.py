"""Whose factors they are."""

from dataclasses import dataclass

from server.base.errors import FactorExists
from server.base.ids import public_id
from server.core.audit.events import Detail, Event
from server.core.factors import store
from server.core.factors.model import active_of
from server.core.principals.model import RealmPrincipal
from server.core.realms.model import Realm
from server.core.realms.policy import SecondFactor
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class Owner:
    """A person and their realm, as they are at the time of the work."""

    realm: Realm
    principal: RealmPrincipal

    @property
    def name(self) -> str:
        """What an authenticator app calls the account."""
        principal = self.principal
        return principal.email or principal.username or principal.phone or public_id("usr", principal.id)

    def event(self, what: str, kind: SecondFactor, **data: Detail) -> Event:
        """What happened to a factor of this type: `factor.<what>`, told of the person."""
        return Event(
            f"factor.{what}",
            "principal",
            str(self.principal.id),
            self.realm.organization_id,
            data={"factor": kind, **data},
            realm_id=self.realm.id,
        )

    def refusal(self, kind: SecondFactor | None) -> Event:
        """A first code was wrong: `factor.refused`."""
        return Event(
            "factor.refused",
            "principal",
            str(self.principal.id),
            self.realm.organization_id,
            result="refused",
            data={"factor": kind},
            realm_id=self.realm.id,
        )


async def refuse_second(work: Work, owner: Owner, kind: SecondFactor) -> None:
    """Nothing is done.

    Raises:
        FactorExists: The person has a factor of this type that counts.
    """
    if active_of(await store.select_factors(work.conn, owner.realm.id, owner.principal.id), kind):
        raise FactorExists
