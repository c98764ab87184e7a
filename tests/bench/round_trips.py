"""How often an operation goes to the database, BEGIN and COMMIT included, as its connections tell."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import asyncpg

from server.base.settings import Settings
from tests.bench.direct import Direct
from tests.bench.fleet import Fleet
from tests.bench.scenarios import SCENARIOS, WAITED

MAX_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """What one request sent to the database once everything was warm.

    Args:
        statements: On connections of its own, in order, each one round trip.
        notifications: On the connection that listens; nobody waits for these.
    """

    statements: tuple[str, ...]
    notifications: int


class _Log:
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
        quiet_seconds: How long a request takes at most to come to rest, its notification sent.

    Raises:
        WrongAnswer: A request was not answered as expected.
    """
    log = _Log()
    counted = {}
    with log.of_new_connections():
        async with Direct(settings, database_url) as product:
            for scenario in SCENARIOS:
                for request in (await scenario.prepare(fleet))[:2]:
                    # The first of its kind prepares statements and fills caches; the second one stays.
                    await product.ask(request, scenario.expected)
                    await asyncio.sleep(quiet_seconds)
                    counted[scenario.name] = log.take()
            for question in await fleet.questions(fleet.phones[:2]):
                waiting = asyncio.create_task(product.ask(fleet.wait(question), WAITED))
                await asyncio.sleep(quiet_seconds)
                # By another process, as far as the waiting one can tell.
                await fleet.approve(question)
                await waiting
                await asyncio.sleep(quiet_seconds)
                counted["wait"] = log.take()
    return counted
