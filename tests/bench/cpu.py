"""How much processor time processes used: what a request costs, however busy the machine is besides.

Source: proc(5), for Linux; elsewhere nothing is known.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Self

MICROSECONDS = 1_000_000

_PROC = Path("/proc")
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float | None:
    """User and system time of *process* and all that descend from it, to a hundredth; None if not known."""
    if not (_PROC / str(process) / "stat").exists():
        return None
    ticks = 0
    for each in _family(process):
        # One that has ended in the meantime is left out.
        with suppress(OSError):
            ticks += _ticks((_PROC / str(each) / "stat").read_text(encoding="utf-8", errors="replace"))
    return ticks * _TICK_SECONDS


def busy_seconds() -> float | None:
    """How long the machine's cores did something since it started, all together; None if not known.

    What a hypervisor took from them counts too.
    """
    try:
        line = (_PROC / "stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None
    user, nice, system, _idle, _iowait, *interrupts_and_stolen = (int(field) for field in line.split()[1:9])
    return (user + nice + system + sum(interrupts_and_stolen)) * _TICK_SECONDS


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of processor time that were used until a moment; None where that is not known."""

    server: float | None
    database: float | None
    own: float
    all: float | None
    at: float

    @classmethod
    def until_now(cls, server: int, database: int) -> Self:
        """By two processes and what descends from them, by this one, and by all together."""
        return cls(cpu_seconds(server), cpu_seconds(database), process_time(), busy_seconds(), perf_counter())

    def others_share(self, since: Self) -> float | None:
        """How much of the machine other programs used *since* then; None if not known."""
        pairs = (self.all, since.all), (self.server, since.server), (self.database, since.database)
        known = [now - was for now, was in pairs if now is not None and was is not None]
        if len(known) < len(pairs):
            return None
        busy, server, database = known
        others = busy - server - database - (self.own - since.own)
        return max(0.0, others / (self.at - since.at) / (os.cpu_count() or 1))


def microseconds_each(before: float | None, after: float | None, count: int) -> float | None:
    """What each of *count* used between two readings of `cpu_seconds`; None where that is not known."""
    return None if before is None or after is None else (after - before) * MICROSECONDS / count


def _ticks(stat: str) -> int:
    """The second field is a name in parentheses that may hold anything; utime and stime are 14 and 15."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _family(process: int) -> Iterator[int]:
    yield process
    with suppress(OSError):
        for task in (_PROC / str(process) / "task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                yield from _family(int(child))
