"""Work and core for tests: real rows, keys of their own, an instant that tests choose."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from server.base.clock import Clock
from server.base.principal import Actor, Principal
from server.base.settings import Settings
from server.core.work import Core, Work
from server.crypto.sealing import KeyRing, Keys
from server.db.pool import Connection, Database

OPERATOR = Principal(
    Actor.OPERATOR,
    id="7",
    surface="tests",
    address="192.0.2.1",
    request_id="00000000-0000-4000-8000-000000000000",
)

_KEY_ID = "00112233aabbccdd"


def some_keys() -> KeyRing:
    """A ring with one key, always the same."""
    return KeyRing(lambda: Keys(_KEY_ID, {_KEY_ID: bytes(range(32))}))


def some_settings(**overrides: object) -> Settings:
    """The defaults, whatever the environment says of the rest, with *overrides*."""
    return Settings(**overrides)  # type: ignore[arg-type]  # each test names its own


def a_work(
    conn: Connection,
    *,
    now: datetime | None = None,
    actor: Principal = OPERATOR,
    settings: Settings | None = None,
) -> Work:
    """Work on *conn*, by an operator, now."""
    return Work(
        conn=conn,
        now=now or datetime.now(UTC),
        actor=actor,
        keys=some_keys(),
        settings=settings or some_settings(),
        meter=_Free(),
    )


def later(work: Work, **passed: float) -> Work:
    """The next work on the same connection, so much time afterwards; nothing is recorded in it yet."""
    return replace(work, now=work.now + timedelta(**passed), events=[], wakes=[])


def a_core(db: Database, *, settings: Settings | None = None) -> Core:
    """A core on *db*: what it does is committed."""
    return Core(settings or some_settings(), db, some_keys(), Clock())


def event_names(work: Work) -> list[str]:
    """What was recorded, in order."""
    return [event.name for event in work.events]


class _Free:
    """A meter that counts nothing."""

    async def proved(self, subject: str) -> None:
        """Nothing is counted."""

    async def unproved(self) -> None:
        """Nothing is counted."""
