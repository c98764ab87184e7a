"""Who waits: places for waiting requests, bounded for the process and for each caller."""

from collections import Counter

from server.base.errors import TooManyWaits
from server.base.settings import Settings
from server.core.instance.clock import CLOCK_TOPIC
from server.core.work import Core
from server.surfaces.kit.metrics import Metrics

RETRY_AFTER_SECONDS = 5


class Waits:
    """The waiting requests of one process.

    When the instance's clock is moved all of them look again, since what they wait for may have expired.
    """

    def __init__(self, core: Core, settings: Settings, metrics: Metrics) -> None:
        self._core = core
        self._most = settings.max_waits
        self._most_per_caller = settings.max_waits_per_caller
        self._gauge = metrics.waiting
        self._callers: Counter[str] = Counter()
        self._held = 0
        core.db.wakeups.on(CLOCK_TOPIC, self._clock_moved)

    @property
    def held(self) -> int:
        """How many requests wait at this moment."""
        return self._held

    def place(self, caller: str) -> "Place":
        """A place for *caller*, taken while a `with` block over it lasts."""
        return Place(self, caller)

    def take(self, caller: str) -> None:
        """One more request of *caller* waits, until `free`.

        Raises:
            TooManyWaits: The process, or the caller, holds as many as it may.
        """
        if self._held >= self._most or self._callers[caller] >= self._most_per_caller:
            raise TooManyWaits(RETRY_AFTER_SECONDS)
        self._held += 1
        self._callers[caller] += 1
        self._gauge.inc()

    def free(self, caller: str) -> None:
        """One request of *caller* no longer waits."""
        self._gauge.dec()
        self._held -= 1
        self._callers[caller] -= 1
        if not self._callers[caller]:
            del self._callers[caller]

    def _clock_moved(self, topic: str | None) -> None:
        # None means that everybody is being woken already.
        if topic is not None:
            self._core.db.wakeups.wake_all()


class Place:
    """One waiting request's place. A generator would hold a frame as long as the request waits."""

    __slots__ = ("_caller", "_waits")

    def __init__(self, waits: Waits, caller: str) -> None:
        self._waits = waits
        self._caller = caller

    def __enter__(self) -> None:
        self._waits.take(self._caller)

    def __exit__(self, *_: object) -> None:
        self._waits.free(self._caller)
