"""Nothing is missing: the one place where a sign-in becomes a session."""

from dataclasses import dataclass

from server.core.audit.events import Event
from server.core.factors.owner import Owner
from server.core.memberships.actions import MembershipOf, membership_of
from server.core.principals.locking import NoteLogin, note_login
from server.core.principals.model import Counter, RealmPrincipal
from server.core.realms.model import Realm, RealmKind
from server.core.sessions.open import OpenSession, open_session
from server.core.sign_in.amr import EMAIL, PWD, SMS, amr_of
from server.core.sign_in.model import SignedIn
from server.core.usage.actions import CountedUse, count_sign_in
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class Proved:
    """What somebody has proved until now.

    Args:
        proofs: The methods, in their order (`amr`).
        provider: The identity provider that vouched for them.
        is_new: They were registered by this sign-in, or sign-up.
        is_login: Whether it counts as a login: a sign-up is none.
    """

    owner: Owner
    proofs: tuple[str, ...]
    provider: str | None = None
    user_agent: str | None = None
    is_new: bool = False
    is_login: bool = True

    @property
    def realm(self) -> Realm:
        """Where."""
        return self.owner.realm

    @property
    def principal(self) -> RealmPrincipal:
        """Who."""
        return self.owner.principal


async def finish_sign_in(work: Work, proved: Proved) -> SignedIn:
    """A session is open, the use is counted, and failures of what was proved are forgotten.

    Raises:
        InvalidCredentials, AccountDisabled: The account was locked or disabled at this moment.
    """
    realm, first = proved.realm, proved.proofs[0]
    principal = await note_login(
        work,
        NoteLogin(realm.id, proved.principal.id, counters=_counters(proved.proofs), is_login=proved.is_login),
    )
    session = await open_session(
        work,
        OpenSession(
            realm=realm,
            principal=principal,
            amr=amr_of(proved.proofs),
            provider=proved.provider,
            user_agent=proved.user_agent,
            organization_id=await _organization_of(work, proved),
        ),
    )
    if realm.project_id is not None:
        await count_sign_in(
            work,
            CountedUse(
                realm.id,
                principal.id,
                login=proved.is_login,
                passwordless=proved.is_login and first in {EMAIL, SMS},
                sso=proved.is_login and proved.provider is not None,
            ),
        )
    work.record(
        Event(
            "sign_in.finished",
            "principal",
            str(principal.id),
            realm.organization_id,
            data={"amr": " ".join(session.session.amr), "session_id": str(session.session.id)},
            realm_id=realm.id,
        )
    )
    return SignedIn(principal, session, proved.is_new)


def _counters(proofs: tuple[str, ...]) -> tuple[Counter, ...]:
    """Success forgets the failures of what was proved, and no others."""
    first = (Counter.PASSWORD,) if proofs[0] in {PWD, EMAIL, SMS} else ()
    return (*first, Counter.SECOND_FACTOR) if len(proofs) > 1 else first


async def _organization_of(work: Work, proved: Proved) -> int | None:
    """The organization that a member acts for: the one that they joined first."""
    if proved.realm.kind is not RealmKind.WORKFORCE:
        return None
    membership = await membership_of(work, MembershipOf(proved.principal.id))
    return membership.organization_id if membership else None
