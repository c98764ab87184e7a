"""How often somebody may be wrong before the next try is refused unseen."""

from server.base.addresses import bucket_of
from server.core.realms.model import Realm
from server.core.throttles.model import Counted, Try
from server.core.work import Work


def tries(work: Work, realm: Realm, kind: Counted, subject: str) -> Try:
    """What is counted: wrong proofs of one *kind* for one *subject* from one place.

    By place as well, so that somebody elsewhere does not keep the owner out. All whom one backend signs in
    come from its address: among them the subject alone is counted.
    """
    return Try(
        realm.id,
        kind,
        f"{subject}\n{bucket_of(work.actor.address)}",
        realm.policy.throttle_failures,
        realm.policy.throttle_seconds,
    )
