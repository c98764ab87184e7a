"""How much processor time processes used: what a request costs, however busy the machine is besides.

Source: proc(5), for Linux; elsewhere nothing is known.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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
