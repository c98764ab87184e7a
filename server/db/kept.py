"""What a process keeps of what it has read, so that it need not read it again.

Whoever changes a row publishes its topic after the commit, as for waiters (`wakeups`): what was kept of it is
dropped before `publish` returns in that process, and when the notification arrives in others. Nothing is
served while this process does not hear the others. A notification that is lost, or a change that nobody
published, is covered by the clock: what is kept ends so many seconds after its reading began.

A look that misses takes a ticket first, reads second and keeps third:

    value = kept.get(key)
    if value is None:
        ticket = kept.ticket()
        value = await read(key)
        kept.keep(ticket, key, value)
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from server.db.wakeups import EVERY_TOPIC, Wakeups

# A change is noticed after so long at the latest, whatever happened to its notification.
LIFE_SECONDS = 5.0
MOST_KEPT = 10_000

_NEVER_KEPT = -1

Value = TypeVar("Value")


class Ticket(NamedTuple):
    """That a reading began: when, and how often anything had been dropped until then."""

    began: float
    drops: int


class Kept(Generic[Value]):
    """Values of one kind by their keys, for some seconds and never more than so many.

    The topic of the value with the key `42` is the prefix and `42`; that of all together the prefix and `*`.
    All methods are for the event loop's own thread and take constant time.

    Args:
        wakeups: What tells of changes.
        topic_prefix: What the topics of these values begin with, such as `api_key:`.
        life_seconds: How long a value is kept at most, from when its reading began.
        most: How many are kept at most; the one that was kept first goes first.
        clock: Seconds on a clock that nobody moves; the event loop's is the same.
    """

    def __init__(
        self,
        wakeups: Wakeups,
        topic_prefix: str,
        *,
        life_seconds: float = LIFE_SECONDS,
        most: int = MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wakeups = wakeups
        self._prefix = topic_prefix
        self._life_seconds = life_seconds
        self._most = most
        self._clock = clock
        self._drops = 0
        # A plain dictionary would walk over the places of those that went to find the first one left.
        self._entries: OrderedDict[str, tuple[float, Value]] = OrderedDict()
        wakeups.on(topic_prefix, self._drop)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Value | None:
        """The value, if it is kept, its time is not over and this process hears of changes."""
        entry = self._entries.get(key)
        if entry is None or entry[0] <= self._clock() or not self._wakeups.is_listening:
            return None
        return entry[1]

    def ticket(self) -> Ticket:
        """What `keep` asks for: the reading begins after this."""
        return Ticket(self._clock(), self._drops if self._wakeups.is_listening else _NEVER_KEPT)

    def keep(self, ticket: Ticket, key: str, value: Value) -> None:
        """*value* is kept, unless it may be older than a change that this process has heard of.

        So it is not when anything of its kind was dropped since the ticket was taken: a reading that met a
        change is seldom, and not keeping it costs one more. Nor is it when nobody was listening then.
        """
        if ticket.drops != self._drops:
            return
        self._entries[key] = (ticket.began + self._life_seconds, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def _drop(self, topic: str | None) -> None:
        self._drops += 1
        key = EVERY_TOPIC if topic is None else topic.removeprefix(self._prefix)
        if key == EVERY_TOPIC:
            self._entries.clear()
        else:
            self._entries.pop(key, None)
