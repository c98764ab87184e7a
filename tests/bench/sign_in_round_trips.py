"""How often signing in and what follows it go to the database, BEGIN and COMMIT included."""

import asyncio

import uvloop

from server.base.settings import Settings
from tests.bench.direct import Direct
from tests.bench.figures import Outcome
from tests.bench.instance import Ground, ground
from tests.bench.options import Options, Tell
from tests.bench.people import REFRESHED, REFUSED, SIGNED_IN, VERIFIED, WRONG_PASSWORD, People
from tests.bench.round_trips import Log, RoundTrips, round_trips_outcome

# The first prepares statements and fills caches; the last counts.
TIMES = 3


async def count_sign_in_round_trips(
    settings: Settings, database_url: str, people: People, *, quiet_seconds: float = 0.2
) -> dict[str, RoundTrips]:
    """The round trips of each operation, by its name.

    Args:
        people: At least three.
        quiet_seconds: How long a request takes at most to come to rest, its notification sent.

    Raises:
        WrongAnswer: A request was not answered as expected.
    """
    operations = {
        "sign-in": ([people.sign_in(person.email) for person in people.next(TIMES)], SIGNED_IN),
        "sign-in refused": (
            [people.sign_in(person.email, WRONG_PASSWORD) for person in people.next(TIMES)],
            REFUSED,
        ),
        "token refresh": (
            [people.refreshing(each) for each in await people.refresh_tokens(TIMES)],
            REFRESHED,
        ),
        "token verify": ([people.verifying(each) for each in await people.access_tokens(TIMES)], VERIFIED),
    }
    log = Log()
    counted = {}
    with log.of_new_connections():
        async with Direct(settings, database_url) as product:
            for name, (requests, expected) in operations.items():
                for request in requests:
                    await product.ask(request, expected)
                    await asyncio.sleep(quiet_seconds)
                    counted[name] = log.take()
    return counted


def measure_sign_in_round_trips(options: Options, tell: Tell) -> Outcome:
    """How often each operation goes to the database once all is warm.

    Raises:
        WrongAnswer: A request was not answered as expected.
    """
    with ground(durable=options.durable) as prepared:
        tell("counting")
        counted = uvloop.run(_measure(prepared))
    return round_trips_outcome("Round trips of sign-in to the database, once all is warm", counted)


async def _measure(prepared: Ground) -> dict[str, RoundTrips]:
    async with People.registered(prepared.settings, prepared.database_url, TIMES) as people:
        return await count_sign_in_round_trips(prepared.settings, prepared.database_url, people)
