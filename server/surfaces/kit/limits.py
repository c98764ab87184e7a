"""How often: every limit there is, who it counts, and what a route does about it.

A limit is keyed on what was proved, or else on the client's address, never on an id that anybody may send
(docs/protocol/wire.md, section 0.14). How many is a setting, written count/seconds.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from limits import RateLimitItem, RateLimitItemPerSecond

from server.base.addresses import bucket_of
from server.base.errors import TooManyRequests
from server.base.settings import Settings
from server.surfaces.kit.counting import Counting, ProcessCounting, SharedCounting, Standing
from server.surfaces.kit.metrics import Metrics


class By(Enum):
    """Whom a limit counts."""

    NOBODY = "nobody"
    ADDRESS = "address"  # the client's address, before anything else
    CALLER = "caller"  # the integration, operator, key, user or member that the guard found
    PROVED = "proved"  # what the action says was proved; until then only failed proofs of the address count


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget.

    Args:
        name: What its counters are called; routes with the same limit share it.
        setting: The setting that says how many; empty for no limit.
        by: Whom it counts.
    """

    name: str
    setting: str
    by: By


POLLS = Limit("pending", "limit_pending", By.PROVED)
ANSWERS = Limit("respond", "limit_respond", By.PROVED)
PUSH_ADDRESSES = Limit("push_address", "limit_pending", By.PROVED)
BINDS = Limit("bind", "limit_bind", By.ADDRESS)  # shared with the signed instance-info
VERIFIES = Limit("verify", "limit_verify", By.ADDRESS)
CREATES = Limit("create", "limit_create", By.CALLER)
WAITS = Limit("wait", "limit_wait", By.CALLER)  # shared with cancel
OPERATIONS = Limit("operator", "limit_operator", By.CALLER)
ACCOUNT = Limit("account", "limit_account", By.CALLER)
PROJECT = Limit("project", "limit_project", By.CALLER)
TOKENS = Limit("token", "limit_token", By.ADDRESS)
PAGES = Limit("pages", "limit_pages", By.ADDRESS)
PUBLIC = Limit("public", "limit_public", By.ADDRESS)
UNLIMITED = Limit("unlimited", "", By.NOBODY)

UNPROVED = Limit("unproved", "limit_unproved", By.ADDRESS)
FAILED_KEYS = Limit("failed_keys", "limit_failed_keys", By.ADDRESS)


class Limiter:
    """Counts requests against limits.

    Args:
        settings: How many of each, and REDIS_URL for a store that all processes count in.
        metrics: Counts refusals.
        counting: Where to count, instead of what the settings say.
    """

    def __init__(self, settings: Settings, metrics: Metrics, *, counting: Counting | None = None) -> None:
        self._settings = settings
        self._metrics = metrics
        self._budgets: dict[str, RateLimitItem] = {}
        if counting is not None:
            self._counting = counting
        elif settings.redis_url:
            self._counting = SharedCounting(settings.redis_url, metrics)
        else:
            self._counting = ProcessCounting()

    async def hit(self, limit: Limit, key: str) -> Standing:
        """The request is counted against *key*'s budget if there is room; the standing says whether."""
        standing = await self._counting.hit(self._budget(limit), f"{limit.name}/{key}")
        if not standing.allowed:
            self._metrics.limited(limit.name)
        return standing

    async def close(self) -> None:
        """No connection to a store is left open."""
        await self._counting.close()

    def _budget(self, limit: Limit) -> RateLimitItem:
        budget = self._budgets.get(limit.name)
        if budget is None:
            count, _, seconds = str(getattr(self._settings, limit.setting)).partition("/")
            budget = RateLimitItemPerSecond(int(count), int(seconds), namespace="limit")
            self._budgets[limit.name] = budget
        return budget


def enforce(standing: Standing) -> None:
    """The request is within its budget, or refused.

    Raises:
        TooManyRequests: It is not; says when the next one will be.
    """
    if not standing.allowed:
        raise TooManyRequests(standing.retry_after_seconds)


class Metered(Protocol):
    """A request, as far as its meter needs to know it.

    Args:
        limit: The route's.
        subject: What the request proved to possess; set by its meter.
    """

    limit: Limit
    subject: str | None

    @property
    def address(self) -> str | None:
        """The client's address."""

    def show(self, standing: Standing) -> None:
        """The answer should show *standing*."""


class RequestMeter:
    """What one request's action tells about its proof, counted against the route's limit."""

    __slots__ = ("_limiter", "_request")

    def __init__(self, limiter: Limiter, request: Metered) -> None:
        self._limiter = limiter
        self._request = request

    async def proved(self, subject: str) -> None:
        """Possession of *subject* is proved; this request counts against it where the route's limit says so.

        Raises:
            TooManyRequests: It did this too often.
        """
        request = self._request
        request.subject = subject
        if request.limit.by is By.PROVED:
            standing = await self._limiter.hit(request.limit, subject)
            request.show(standing)
            enforce(standing)

    async def unproved(self) -> None:
        """The request's proof failed; that counts against the client's address, whatever the route's limit.

        Raises:
            TooManyRequests: Too many proofs from there failed. A good proof is never refused for it: an
                address may be shared with somebody who guesses.
        """
        request = self._request
        standing = await self._limiter.hit(UNPROVED, bucket_of(request.address))
        if request.limit.by is By.PROVED or not standing.allowed:
            request.show(standing)
        enforce(standing)
