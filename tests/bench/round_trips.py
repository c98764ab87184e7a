"""How often an operation goes to the database, BEGIN and COMMIT included, as its connections tell."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from unittest.mock import patch

import asyncpg
import uvloop

from server.app import close_core, open_core
from server.base.settings import Settings
from server.core.auth_attempts.respond import respond_to_attempt
from tests.bench.direct import Direct
from tests.bench.figures import Detail, Outcome
from tests.bench.fleet import Fleet, answer
from tests.bench.instance import Ground, ground
from tests.bench.options import Options, Tell
from tests.bench.scenarios import SCENARIOS, WAITED
from tests.support.enrolling import ANYONE

MAX_SHOWN_CHARACTERS = 100
OF_WAITS = "Of a wait, those before and after it; it takes none while it waits."


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """What one request sent to the database once everything was warm.

    Args:
        statements: On connections of its own, in order, each one round trip.
        notifications: On the connection that listens; nobody waits for these.
    """

    statements: tuple[str, ...]
    notifications: int


class Log:
    """What connections sent since the last `take`."""

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._notifications = 0

    @contextmanager
    def of_new_connections(self) -> Iterator[None]:
        """Connections that a serving process opens inside tell; those of the bench itself do not."""
        connect = asyncpg.connect

        async def connect_and_tell(*args: Any, **options: Any) -> asyncpg.Connection:  # noqa: ANN401 - as asyncpg's
            conn: asyncpg.Connection = await connect(*args, **options)
            match options["server_settings"]["application_name"]:
                case "countersign":
                    conn.add_query_logger(self._note_statement)
                case "countersign wake-ups":
                    conn.add_query_logger(self._note_notification)
            return conn

        with patch("asyncpg.connect", connect_and_tell):
            yield

    def take(self) -> RoundTrips:
        """What was sent since the last time."""
        taken = RoundTrips(tuple(self._statements), self._notifications)
        self._statements, self._notifications = [], 0
        return taken

    def _note_statement(self, record: Any) -> None:  # noqa: ANN401 - asyncpg's LoggedQuery has no public name
        words = " ".join(record.query.split())
        self._statements.append(words[:MAX_SHOWN_CHARACTERS].rstrip(";"))

    def _note_notification(self, _: object) -> None:
        self._notifications += 1


async def count_round_trips(
    settings: Settings, database_url: str, fleet: Fleet, *, quiet_seconds: float = 0.2
) -> dict[str, RoundTrips]:
    """The round trips of each operation, by its name.

    Args:
        fleet: Two phones.
        quiet_seconds: How long a request takes at most to come to rest, its notification sent.

    Raises:
        WrongAnswer: A request was not answered as expected.
    """
    log = Log()
    counted = {}
    # Another process, as far as the one that is counted can tell.
    another = await open_core(settings, database_url=database_url, application_name="countersign bench")
    try:
        with log.of_new_connections():
            async with Direct(settings, database_url) as product:
                for scenario in SCENARIOS:
                    # The first prepares statements, the first of each phone fills caches; the last stays.
                    for _ in range(2):
                        for request in await scenario.prepare(fleet, len(fleet.phones)):
                            await product.ask(request, scenario.expected)
                            await asyncio.sleep(quiet_seconds)
                            counted[scenario.name] = log.take()
                for question in await fleet.questions(len(fleet.phones), read=True):
                    waiting = asyncio.create_task(product.ask(fleet.wait(question.attempt_id), WAITED))
                    await asyncio.sleep(quiet_seconds)
                    await another.perform_at_once(respond_to_attempt, answer(question), actor=ANYONE)
                    await waiting
                    await asyncio.sleep(quiet_seconds)
                    counted["wait"] = log.take()
    finally:
        await close_core(another)
    return counted


def measure_round_trips(options: Options, tell: Tell) -> Outcome:
    """How often each operation goes to the database once all is warm.

    Raises:
        WrongAnswer: A request was not answered as expected.
    """
    with ground(durable=options.durable) as prepared:
        tell("counting")
        counted = uvloop.run(_measure(options, prepared))
    return round_trips_outcome("Round trips to the database, once all is warm", counted, OF_WAITS)


def round_trips_outcome(title: str, counted: Mapping[str, RoundTrips], note: str = "") -> Outcome:
    """A table of what was counted."""
    return Outcome(
        details=[
            Detail(
                title,
                ("", "trips", "notifications"),
                [
                    [name, str(len(trips.statements)), str(trips.notifications)]
                    for name, trips in counted.items()
                ],
                note,
            )
        ],
        raw={name: asdict(trips) | {"count": len(trips.statements)} for name, trips in counted.items()},
    )


async def _measure(options: Options, prepared: Ground) -> dict[str, RoundTrips]:
    async with Fleet.enrolled(prepared.settings, prepared.database_url, 2, options.keys[0]) as fleet:
        return await count_round_trips(prepared.settings, prepared.database_url, fleet)
