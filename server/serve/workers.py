"""Serving an instance: what `countersign serve` does."""

import asyncio
import resource

import structlog

from server.base.settings import Settings
from server.serve.application import FACTORY
from server.serve.instance import prepare
from server.serve.listening import listening, url_of
from server.serve.logs import configure_logs
from server.serve.metrics_folder import metrics_folder
from server.serve.refusal import refusals_told
from server.serve.serving_process import Serving, serve_in_this_process
from server.serve.stopping import stop_signals_interrupt
from server.serve.supervisor import Supervisor

# Every waiting request is an open file; what a process may open by default is often 1024.
OPEN_FILES = 65_536


def serve(settings: Settings, *, factory: str = FACTORY) -> int:
    """The instance was started, served until it was asked to stop, and has ended.

    It belongs into a process's main thread, outside of any event loop.

    The port is bound first and the embedded PostgreSQL ends last. SIGTERM or SIGINT stops gracefully: who
    waits is answered, nobody new is accepted, requests under way may finish within the grace. A second
    SIGINT does not wait for them. With several workers SIGHUP replaces them one after another.

    Args:
        settings: The instance's settings.
        factory: What makes the application of each process, as `module:function`.

    Returns:
        The exit code: 0 after a stop that was asked for; 2 when the instance could not start, with a
        sentence on standard error; 1 when its application did not begin, with the reason in the log.
    """
    configure_logs(settings.log_level, settings.log_format)
    _allow_open_files()
    with stop_signals_interrupt():
        exit_code = refusals_told(lambda: _start(settings, factory))
        if exit_code == 0:
            structlog.get_logger(__name__).info("serve.stopped")
        return exit_code


def _allow_open_files() -> None:
    """This process and its workers may open as many files as its user may let them, up to `OPEN_FILES`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _start(settings: Settings, factory: str) -> int:
    with listening(settings) as listeners, prepare(settings) as prepared:
        url, *bound = map(url_of, listeners)

        def ready() -> None:
            more = {"bound": bound} if bound else {}
            structlog.get_logger(__name__).info(
                "serve.listening", url=url, workers=settings.worker_count, server=settings.server, **more
            )

        serving = Serving(settings, prepared.database_url, factory)
        if settings.worker_count == 1:
            return serve_in_this_process(serving, listeners, ready)
        with metrics_folder() as forget:
            return asyncio.run(Supervisor(serving, listeners, forget).run(ready))
