"""Time: the one object that says what instant it is."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The instant at which work is done: the system's time, plus what a tester moved it by.

    Only the instance's own records read this clock. Time-outs of sockets and lengths of waits are
    measured on the event loop's clock, which nobody moves.
    """

    def __init__(self) -> None:
        self._offset = timedelta(0)

    @property
    def offset(self) -> timedelta:
        """How far this clock is ahead of the system's; zero unless a tester moved it."""
        return self._offset

    def now(self) -> datetime:
        """The present instant: aware, UTC, microseconds."""
        return datetime.now(UTC) + self._offset

    def set_offset(self, offset: timedelta) -> None:
        """This clock is *offset* ahead of the system's from now on.

        Whether that is allowed is decided by who calls, and only where the settings name a movable clock,
        which production refuses.
        """
        self._offset = offset
