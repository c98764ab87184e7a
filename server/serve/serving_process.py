"""One process that serves: in the main process if it is the only one, else started by the supervisor.

A supervised process is `python -m server.serve.serving_process FD…`, where each FD is a listening socket. Its
standard input is a socket to the supervisor: `Serving` arrives on it pickled, one byte goes back when
requests are accepted, and its end means that the supervisor is gone.
"""

import asyncio
import gc
import pickle
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
import uvloop

from server.base.settings import Settings
from server.crypto.passwords import share_cores
from server.serve.application import load_factory
from server.serve.logs import configure_logs
from server.serve.refusal import FAILED, StartupFailed
from server.serve.stopping import Stop

READY = b"+"

# Nearly everything that a request makes goes when its last reference goes. Cycles are rare, and a look at all
# that ten thousand waiting requests hold takes tens of milliseconds in which nobody is answered.
COLLECTION_THRESHOLDS = (10_000, 50, 100)


@dataclass(frozen=True, slots=True)
class Serving:
    """What a process needs to know in order to serve.

    Args:
        settings: The instance's settings.
        database_url: The database to use, embedded or not.
        factory: What makes the application, as `module:function`.
    """

    settings: Settings
    database_url: str
    factory: str


def serve_in_this_process(
    serving: Serving,
    listeners: Sequence[socket.socket],
    ready: Callable[[], None],
    supervisor: socket.socket | None = None,
) -> int:
    """Requests were served until the process was asked to stop, or its *supervisor* was gone.

    Returns:
        The exit code: 0, or `FAILED` when the application did not begin.
    """
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(serving, listeners, ready, supervisor))
    except StartupFailed:
        return FAILED
    return 0


async def _serve(
    serving: Serving,
    listeners: Sequence[socket.socket],
    ready: Callable[[], None],
    supervisor: socket.socket | None,
) -> None:
    settings = serving.settings
    share_cores(settings.worker_count)
    application = load_factory(serving.factory)(settings, database_url=serving.database_url)
    stop = Stop(on_request=application.begin_shutdown)
    if supervisor is not None:
        asyncio.get_running_loop().add_reader(supervisor, stop.request)
    with stop.listening():
        # Only the server that was chosen is loaded: each costs some 10 MiB.
        if settings.server == "uvicorn":
            from server.serve.uvicorn_server import serve_with_uvicorn as serve  # noqa: PLC0415 - see above
        else:
            from server.serve.hypercorn_server import serve_with_hypercorn as serve  # noqa: PLC0415 - see above

        def begun() -> None:
            _spare_the_collector()
            ready()

        await serve(application, listeners, settings, stop, begun)


def _spare_the_collector() -> None:
    """What was loaded by now stays for the process's life: Python's collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)


def main() -> int:
    """A supervised process has served; returns its exit code."""
    supervisor = socket.socket(fileno=0)
    try:
        serving: Serving = pickle.load(supervisor.makefile("rb"))  # noqa: S301 - written by our own parent
    except EOFError:  # it died at once
        return FAILED
    configure_logs(serving.settings.log_level, serving.settings.log_format)
    listeners = [socket.socket(fileno=int(number)) for number in sys.argv[1:]]
    try:
        return serve_in_this_process(serving, listeners, lambda: _report(supervisor), supervisor)
    except Exception:  # noqa: BLE001 - the supervisor needs an exit code, the log the cause
        structlog.get_logger(__name__).exception("worker.failed")
        return FAILED


def _report(supervisor: socket.socket) -> None:
    try:
        supervisor.send(READY)
    except OSError:  # the supervisor is gone; reading from it will say so
        return


if __name__ == "__main__":
    sys.exit(main())
