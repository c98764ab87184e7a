"""What a refused proof leaves behind."""

from uuid import UUID

from server.core.audit.events import Detail, Event
from server.core.principals.locking import RecordFailure, record_failure
from server.core.principals.model import Counter, RealmPrincipal
from server.core.principals.notices import tell_locked
from server.core.realms.model import Realm
from server.core.work import Work

# Whose failures are counted where there is nobody: the same statements are sent, and find no row.
NOBODY = UUID(int=0)


async def note_failure(
    work: Work,
    realm: Realm,
    principal: RealmPrincipal | None,
    counter: Counter,
    *,
    method: str,
    reason: str,
    counts: bool = True,
) -> bool:
    """The failure is counted and in the audit log. Whether it locked the account, of which its owner hears.

    It sends as many statements for nobody as for somebody, and for what does not count.

    Args:
        counts: Whether it counts against the account.
    """
    work.record(refusal(realm, principal, method=method, reason=reason))
    failures = await record_failure(
        work,
        RecordFailure(
            realm.id,
            principal.id if principal and counts else NOBODY,
            counter,
            most=realm.policy.max_failures
            if counter is Counter.PASSWORD
            else realm.policy.max_second_factor_failures,
            lock_seconds=realm.policy.lock_seconds,
        ),
    )
    if principal is not None and failures.locked_now:
        await tell_locked(work, realm, principal, counter)
    return failures.locked_now


def refusal(realm: Realm, principal: RealmPrincipal | None, **data: Detail) -> Event:
    """A proof was refused."""
    return Event(
        "sign_in.refused",
        "principal" if principal else "realm",
        str(principal.id if principal else realm.id),
        realm.organization_id,
        result="refused",
        data=data,
        realm_id=realm.id,
    )
