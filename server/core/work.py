"""What an action may touch, and how it is performed.

Return commits. Raise forgets. `Refusal` remembers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from server.base.clock import Clock
from server.base.errors import AppError, Unavailable
from server.base.principal import Actor, Principal
from server.base.settings import Settings
from server.core.audit.events import Event, Origin
from server.core.audit.store import insert_events
from server.crypto.sealing import KeyRing
from server.db.conflicts import DANGLING, STANDOFFS
from server.db.pool import Connection, Database

Command = TypeVar("Command")
Ready = TypeVar("Ready")
Outcome = TypeVar("Outcome")

MOST_RUNS: Final = 3
# In which those whom a deadlock held up get done, instead of meeting again. It was found after a second.
PAUSE_SECONDS: Final = 0.1


class Meter(Protocol):
    """Counts what a caller does against its limits. The surfaces bring it; the core says what was proved."""

    async def proved(self, subject: str) -> None:
        """Possession of *subject* is proved: counts this request against it.

        Raises:
            TooManyRequests: It did this too often.
        """

    async def unproved(self) -> None:
        """The request's proof failed: counts it against the client's address.

        Raises:
            TooManyRequests: Too many proofs from there failed.
        """


class Unmetered:
    """The meter of callers without limits: jobs and the command line."""

    async def proved(self, subject: str) -> None:
        """Nothing is counted."""

    async def unproved(self) -> None:
        """Nothing is counted."""


UNMETERED = Unmetered()


class Refusal(Exception):
    """A "no" that must be remembered: the work so far is committed, then *error* is raised."""

    def __init__(self, error: AppError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True)
class Work:
    """What an action may touch. Nothing of it is replaced during the work, except who the actor proved to be.

    Args:
        conn: What statements are sent on: one transaction, or under `Core.perform_at_once` each by itself.
        now: The instant of this work: aware, UTC, the same for every line of it.
        actor: Who is asking.
        keys: The keys that seal secrets at rest.
        settings: The instance's settings.
        meter: Counts the caller's proofs, good and bad.
        events: What happened; written to the audit log in the same transaction.
        wakes: Topics of waiters to wake once the work is committed.
    """

    conn: Connection
    now: datetime
    actor: Principal
    keys: KeyRing
    settings: Settings
    meter: Meter
    events: list[Event] = field(default_factory=list)
    wakes: list[str] = field(default_factory=list)

    @property
    def origin(self) -> Origin:
        """When, where and by whom: what every audit record of this work has in common."""
        return Origin.of(self.actor, self.now)

    def prove_actor(self, kind: Actor, actor_id: str, organization_id: int) -> None:
        """The rest of this work, and all of its audit records, is done by whom the caller proved to be."""
        before = self.actor
        self.actor = Principal(
            kind,
            actor_id,
            before.surface,
            organization_id,
            before.integration_id,
            before.address,
            before.request_id,
        )

    def record(self, event: Event) -> None:
        """*event* will be in the audit log if the work commits."""
        self.events.append(event)

    def wake(self, *topics: str) -> None:
        """Whoever waits for *topics* is woken once the work is committed."""
        self.wakes.extend(topics)


Action = Callable[[Work, Command], Awaitable[Outcome]]


class Prepared(Generic[Command, Ready, Outcome]):
    """An action with a slow part that comes first and holds no connection: a password hash, a look elsewhere.

    `Core.perform` prepares outside of the transaction, each statement committed by itself, and acts inside
    it, on what may have changed meanwhile. Called like any action, it does both in the work that it is given.

    Args:
        prepare: Makes the command ready. It records nothing and changes nothing that a refusal would undo.
        act: The action, on what was made ready.
    """

    def __init__(self, prepare: Action[Command, Ready], act: Action[Ready, Outcome]) -> None:
        self.prepare = prepare
        self.act = act
        self.__name__: str = getattr(act, "__name__", "")
        self.__doc__ = act.__doc__

    async def __call__(self, work: Work, command: Command) -> Outcome:
        """Both parts in one work."""
        return await self.act(work, await self.prepare(work, command))


def prepared(
    prepare: Action[Command, Ready],
) -> Callable[[Action[Ready, Outcome]], Prepared[Command, Ready, Outcome]]:
    """The decorated action acts on what *prepare* makes of its command, and holds no connection before."""

    def wrap(act: Action[Ready, Outcome]) -> Prepared[Command, Ready, Outcome]:
        return Prepared(prepare, act)

    return wrap


class Core:
    """The product as one object: performs actions, each with its own instant."""

    def __init__(self, settings: Settings, db: Database, keys: KeyRing, clock: Clock) -> None:
        self.settings = settings
        self.db = db
        self.keys = keys
        self.clock = clock
        self.stopping = asyncio.Event()

    async def perform(
        self,
        action: Action[Command, Outcome],
        command: Command,
        *,
        actor: Principal,
        meter: Meter = UNMETERED,
    ) -> Outcome:
        """*action* is done in one transaction, its events are in the audit log, its waiters are woken.

        A transaction that PostgreSQL undid for what others did meanwhile is done anew, from its beginning and
        at an instant of its own, three times at most: a deadlock, or what a row refers to was just deleted.

        Raises:
            AppError: The action refused. After a `Refusal` what it did until then is committed;
                after anything else nothing is.
            Unavailable: It met others in a deadlock each time. Nothing is done.
        """
        if isinstance(action, Prepared):
            ready = await action.prepare(self._work(self.db.singly(), actor, meter), command)
            return await self.perform(action.act, ready, actor=actor, meter=meter)
        runs_left = MOST_RUNS
        while True:
            runs_left -= 1
            try:
                return await self._perform_once(action, command, actor, meter)
            except STANDOFFS as standoff:
                if not runs_left:
                    raise Unavailable from standoff
                await asyncio.sleep(PAUSE_SECONDS)
            except DANGLING:
                if not runs_left:
                    raise

    async def perform_at_once(
        self,
        action: Action[Command, Outcome],
        command: Command,
        *,
        actor: Principal,
        meter: Meter = UNMETERED,
    ) -> Outcome:
        """*action* is done, each of its statements committed by itself: two round trips fewer.

        For actions that only read, and for those whose whole change, audit records included, is one
        statement. Such an action records no events here: they would not be in its transaction.
        """
        work = self._work(self.db.singly(), actor, meter)
        outcome = await action(work, command)
        if work.events:
            raise AssertionError("an action performed at once writes its own audit records")
        self._wake(work)
        return outcome

    async def _perform_once(
        self, action: Action[Command, Outcome], command: Command, actor: Principal, meter: Meter
    ) -> Outcome:
        remembered: AppError | None = None
        async with self.db.acquire() as conn, conn.transaction():
            work = self._work(conn, actor, meter)
            try:
                outcome = await action(work, command)
            except Refusal as refusal:
                remembered = refusal.error
            if work.events:
                await insert_events(conn, work.origin, work.events)
        self._wake(work)
        if remembered is not None:
            raise remembered
        return outcome  # type: ignore[possibly-undefined] # bound unless a refusal was remembered

    def _work(self, conn: Connection, actor: Principal, meter: Meter) -> Work:
        return Work(conn, self.clock.now(), actor, self.keys, self.settings, meter)

    def _wake(self, work: Work) -> None:
        if work.wakes:
            self.db.wakeups.publish(*work.wakes)
