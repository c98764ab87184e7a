"""How much memory a process holds. Source: proc(5), for Linux."""

import re
from pathlib import Path

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_RESIDENT = re.compile(r"^Rss:\s+(\d+) kB$", re.MULTILINE)


def resident_kib(process: int) -> int:
    """What of the process is in memory, in KiB, pages that it shares with others too.

    Raises:
        OSError: It cannot be known here.
    """
    text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii", errors="replace")
    found = _RESIDENT.search(text)
    assert found is not None
    return int(found[1])


def forget_peak(process: int) -> None:
    """The most that the process has held in memory is what it holds now.

    Raises:
        OSError: It cannot be set here.
    """
    Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")


def peak_kib(process: int) -> int:
    """The most of the process that was in memory at one time since `forget_peak`, in KiB.

    Raises:
        OSError: It cannot be known here.
    """
    text = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace")
    found = _PEAK.search(text)
    assert found is not None
    return int(found[1])
