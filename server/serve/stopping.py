"""How a process is asked to stop: SIGTERM or SIGINT once, and for the impatient SIGINT again."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether this process was asked to stop, and whether at once.

    Args:
        on_request: Called when the first wish to stop arrives, before anything else happens.
    """

    def __init__(self, on_request: Callable[[], None]) -> None:
        self._on_request = on_request
        self.requested = asyncio.Event()
        self.at_once = asyncio.Event()

    def request(self) -> None:
        """The process stops; what it is doing may still finish."""
        if not self.requested.is_set():
            structlog.get_logger(__name__).info("serve.stopping")
            self.requested.set()
            self._on_request()

    def interrupt(self) -> None:
        """The process stops; a second interrupt does not let anything finish."""
        if self.requested.is_set():
            self.at_once.set()
        self.request()

    @contextmanager
    def listening(self, on_hangup: Callable[[], None] = lambda: None) -> Iterator[None]:
        """While inside, signals arrive here; afterwards they are ignored: what is left is tidying up.

        Signals that were blocked until now are let through.

        Args:
            on_hangup: Called at SIGHUP, unless it means that the process's terminal is gone: that is a wish
                to stop.
        """

        def hang_up() -> None:
            if sys.stdin is not None and sys.stdin.isatty():
                self.request()
            else:
                on_hangup()

        handlers = {signal.SIGTERM: self.request, signal.SIGINT: self.interrupt, signal.SIGHUP: hang_up}
        loop = asyncio.get_running_loop()
        for each, handler in handlers.items():
            loop.add_signal_handler(each, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handlers)
        try:
            yield
        finally:
            for each in handlers:
                loop.remove_signal_handler(each)
                signal.signal(each, signal.SIG_IGN)


@contextmanager
def stop_signals_interrupt() -> Iterator[None]:
    """While inside, SIGTERM and SIGHUP raise `KeyboardInterrupt` as SIGINT does: what was begun is undone.

    Afterwards the handlers are what they were before.
    """
    before = {each: signal.getsignal(each) for each in (*STOP_SIGNALS, signal.SIGHUP)}
    for each in before:
        signal.signal(each, signal.default_int_handler)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """A process started inside begins with these signals blocked, so that none comes before it listens.

    Afterwards they are not blocked here, whatever was before: several tasks may be inside.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, (*STOP_SIGNALS, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOP_SIGNALS, signal.SIGHUP))
