"""How many codes go by SMS to numbers that are nobody's: each costs money, and anybody may ask for them."""

from server.core.realms.model import Realm
from server.core.throttles.actions import count_try
from server.core.throttles.model import HOUR_SECONDS, Counted, Try
from server.core.work import Work


async def count_sms_to_stranger(work: Work, realm: Realm) -> None:
    """One more is counted, of the whole realm: its backends ask for everybody from the same few addresses.

    Raises:
        TooManyAttempts: The realm's policy allows no more of them in this hour. This one is not counted.
    """
    most = realm.policy.sms_to_strangers_per_hour
    await count_try(work, Try(realm.id, Counted.STRANGERS, "", most, HOUR_SECONDS))
