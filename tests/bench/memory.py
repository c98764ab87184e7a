"""How much memory a process holds. Source: proc(5), for Linux."""

import re
from pathlib import Path

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
