"""The stream that a process's log lines go to, each at once or with the others of its turn."""

import asyncio
import atexit
import select
from threading import RLock
from typing import TextIO

# As much as a pipe takes in one piece, so that processes that share one never write into each other's lines.
MOST_BYTES = select.PIPE_BUF


class LogStream:
    """Writes whole lines, in the order in which they came.

    What the stream refuses is lost: a full disk or a closed pipe must not turn requests into errors. What
    was gathered is written by the end of the process at the latest.

    Args:
        stream: Where they go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gathered: list[str] = []
        self._gathered_bytes = 0
        self._turn_of: asyncio.AbstractEventLoop | None = None
        # Other threads log too; and what happens inside a write, such as a warning, may be logged as well.
        self._lock = RLock()
        atexit.register(self.flush)

    def write(self, line: str) -> None:
        """*line* is written, in one piece, and so is what was gathered before it."""
        with self._lock:
            self.flush()
            self._put(line)

    def gather(self, line: str) -> None:
        """*line* is written before the event loop waits again; without a running loop, at once.

        Lines of one turn share a system call, as many at a time as a pipe takes in one piece.

        Args:
            line: In ASCII, so that its length is known without encoding it.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write(line)
            return
        with self._lock:
            size_bytes = len(line) + 1
            if self._gathered_bytes + size_bytes > MOST_BYTES:
                self.flush()
            self._gathered.append(line)
            self._gathered_bytes += size_bytes
        # One that has ended calls nothing any more.
        if self._turn_of is not loop:
            self._turn_of = loop
            loop.call_soon(self._end_turn)

    def flush(self) -> None:
        """What was gathered is written."""
        with self._lock:
            if self._gathered:
                lines, self._gathered = self._gathered, []
                self._gathered_bytes = 0
                self._put("\n".join(lines))

    def _end_turn(self) -> None:
        self._turn_of = None
        self.flush()

    def _put(self, text: str) -> None:
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except (OSError, ValueError):
            return
