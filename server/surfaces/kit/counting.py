"""Where requests are counted: in this process, or in a Valkey or Redis that all processes share.

Strategy: the sliding window counter of `limits`. It keeps two numbers a key (a moving window keeps a time
for each request), decides in constant time, is the same rule in memory and in Redis, and has no edge at which
twice the budget fits, as a fixed window has. It takes the previous window's requests as spread evenly, so a
burst in it may count for somewhat more or less than it was; a limit against abuse can live with that.
"""

import time
from collections.abc import Callable
from math import ceil, floor
from typing import Any, NamedTuple, Protocol

import structlog
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from server.surfaces.kit.metrics import Metrics

SHARED_TIMEOUT_SECONDS = 0.25
SHARED_REST_SECONDS = 5.0
FORGOTTEN_PER_COUNT = 2
VALKEY_SCHEMES = {"valkey": "redis", "valkeys": "rediss"}

_log = structlog.get_logger("countersign.limits")


class Standing(NamedTuple):
    """Where a caller stands with one of its budgets.

    Args:
        allowed: Whether the request may go on.
        limit: How many requests the budget holds in one window.
        remaining: How many of them are left now.
        reset_seconds: In how many seconds all of them are left, if none is used until then.
        retry_after_seconds: In how many seconds the next request will be allowed; 0 if it already is.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int
    retry_after_seconds: int


class Counting(Protocol):
    """Counts requests by budget and key."""

    async def hit(self, budget: RateLimitItem, key: str) -> Standing:
        """The request is counted if the budget still has room for it."""

    async def look(self, budget: RateLimitItem, key: str) -> Standing:
        """Nothing is counted; `allowed` says whether a hit would be."""

    async def close(self) -> None:
        """No connection is left open."""


class _Windows:
    """The counters of the present and the previous window of one length, for all keys."""

    __slots__ = ("_discarded", "before", "index", "present")

    def __init__(self, index: int) -> None:
        self.index = index
        self.present: dict[str, int] = {}
        self.before: dict[str, int] = {}
        self._discarded: list[dict[str, int]] = []

    def move_to(self, index: int) -> None:
        """The present window is the one with number *index*."""
        following = index == self.index + 1
        self._discarded.append(self.before)
        if following:
            self.before = self.present
        else:
            self._discarded.append(self.present)
            self.before = {}
        self.present = {}
        self.index = index

    def count(self, key: str, count: int) -> None:
        """*key*'s present count is *count*, and a little of what is over is forgotten.

        Each new counter frees two old ones: a million at once would hold up the process.
        """
        self.present[key] = count
        for _ in range(FORGOTTEN_PER_COUNT):
            while self._discarded and not self._discarded[-1]:
                self._discarded.pop()
            if not self._discarded:
                break
            self._discarded[-1].popitem()

    def __len__(self) -> int:
        return len(self.present) + len(self.before) + sum(map(len, self._discarded))


class ProcessCounting:
    """The sliding window counter in this process: the rule of `limits`, decision for decision.

    The library's own memory storage looks through all its keys, in a task, whenever something is counted:
    with a hundred thousand keys more than a millisecond each time. Here a count costs a few microseconds,
    however many keys there are.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._windows: dict[int, _Windows] = {}

    async def hit(self, budget: RateLimitItem, key: str) -> Standing:
        """The request is counted if the budget still has room for it."""
        return self._standing(budget, key, counts=True)

    async def look(self, budget: RateLimitItem, key: str) -> Standing:
        """Nothing is counted; `allowed` says whether a hit would be."""
        return self._standing(budget, key, counts=False)

    async def close(self) -> None:
        """Nothing is open."""

    def __len__(self) -> int:
        return sum(map(len, self._windows.values()))

    def _standing(self, budget: RateLimitItem, key: str, *, counts: bool) -> Standing:
        seconds = budget.get_expiry()
        now = self._clock()
        index = int(now // seconds)
        windows = self._windows.get(seconds)
        if windows is None:
            windows = self._windows[seconds] = _Windows(index)
        elif windows.index != index:
            windows.move_to(index)
        before = windows.before.get(key, 0)
        present = windows.present.get(key, 0)
        remains = (index + 1) * seconds - now
        allowed = floor(before * remains / seconds + present) < budget.amount
        if allowed and counts:
            present += 1
            windows.count(key, present)
        return standing_of(
            budget.amount, seconds, (before, remains, present, remains + seconds), allowed=allowed
        )


class LibraryCounting:
    """The sliding window counter of `limits` over one of its storages."""

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self._storage = storage
        self._strategy = SlidingWindowCounterRateLimiter(storage)

    async def hit(self, budget: RateLimitItem, key: str) -> Standing:
        """The request is counted if the budget still has room for it."""
        allowed = await self._strategy.hit(budget, key)
        return await self._standing(budget, key, allowed=allowed)

    async def look(self, budget: RateLimitItem, key: str) -> Standing:
        """Nothing is counted; `allowed` says whether a hit would be."""
        return await self._standing(budget, key, allowed=None)

    async def close(self) -> None:
        """Whoever opened the storage closes it."""

    async def _standing(self, budget: RateLimitItem, key: str, *, allowed: bool | None) -> Standing:
        seconds = budget.get_expiry()
        window = await self._storage.get_sliding_window(budget.key_for(key), seconds)
        return standing_of(budget.amount, seconds, window, allowed=allowed)


def standing_of(
    limit: int, seconds: int, window: tuple[int, float, int, float], *, allowed: bool | None
) -> Standing:
    """The standing that two counters mean.

    Args:
        limit: Requests in one window.
        seconds: Length of a window.
        window: The previous window's count, in how many seconds it no longer matters, the present window's
            count, in how many seconds that will no longer matter (up to two windows).
        allowed: What was decided already; None to decide from the counters.
    """
    before, before_ends, present, present_ends = window
    remaining = max(0, limit - floor(before * before_ends / seconds + present))
    if allowed is None:
        allowed = remaining > 0
    reset_seconds = ceil(present_ends if present else before_ends if before else 0)
    if allowed:
        return Standing(allowed, limit, remaining, reset_seconds, 0)
    if present < limit:
        room_in = before_ends - (limit - present) * seconds / before if before else 0.0
    else:
        # Only once the present window is the previous one does its weight begin to fall.
        room_in = present_ends - seconds + seconds * (1 - limit / present)
    return Standing(allowed, limit, remaining, reset_seconds, floor(max(0.0, room_in)) + 1)


class SharedCounting:
    """Counts in a Valkey or Redis, and in this process while that does not answer.

    Sign-in stays possible without the shared store and limits stay limits, only each process counts for
    itself. After a failure the store is left alone for a few seconds, so that not every request waits for it.

    Args:
        url: `redis://`, `rediss://`, `valkey://`, `valkeys://` or `unix://`, as REDIS_URL has it.
        metrics: Counts what the store did not take.
    """

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._pool: ConnectionPool = ConnectionPool.from_url(
            client_url(url),
            socket_timeout=SHARED_TIMEOUT_SECONDS,
            socket_connect_timeout=SHARED_TIMEOUT_SECONDS,
            # One try more, at once: a connection that idled through a restart of the store is no outage.
            retry=Retry(NoBackoff(), 1),
        )
        options: dict[str, Any] = {"connection_pool": self._pool}
        storage = RedisStorage(
            "async+redis://", implementation="redispy", key_prefix="countersign", **options
        )
        self._shared = LibraryCounting(storage)
        self._alone = ProcessCounting()
        self._metrics = metrics
        self._rests_until = 0.0
        self._failing = False

    async def hit(self, budget: RateLimitItem, key: str) -> Standing:
        """The request is counted, in the shared store if that answers."""
        if time.monotonic() >= self._rests_until:
            try:
                standing = await self._shared.hit(budget, key)
            except (RedisError, OSError, TimeoutError) as failure:
                self._rest(failure)
            else:
                self._answered()
                return standing
        self._metrics.limit_store_failures.inc()
        return await self._alone.hit(budget, key)

    async def look(self, budget: RateLimitItem, key: str) -> Standing:
        """Nothing is counted; the shared store is asked if it answers."""
        if time.monotonic() >= self._rests_until:
            try:
                standing = await self._shared.look(budget, key)
            except (RedisError, OSError, TimeoutError) as failure:
                self._rest(failure)
            else:
                self._answered()
                return standing
        return await self._alone.look(budget, key)

    async def close(self) -> None:
        """No connection to the store is left open."""
        await self._pool.aclose()

    def _rest(self, failure: Exception) -> None:
        self._rests_until = time.monotonic() + SHARED_REST_SECONDS
        if not self._failing:
            self._failing = True
            _log.warning("limits.store_lost", cause=type(failure).__name__, counting="in this process")

    def _answered(self) -> None:
        if self._failing:
            self._failing = False
            _log.warning("limits.store_back")


def client_url(url: str) -> str:
    """*url* as redis-py knows it: a Valkey speaks the same language under another name."""
    scheme, _, rest = url.partition("://")
    return f"{VALKEY_SCHEMES.get(scheme, scheme)}://{rest}"
