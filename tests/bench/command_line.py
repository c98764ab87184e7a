"""What both commands of the bench have in common: who watches is told, failures are one sentence."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from server.serve.logs import configure_logs
from tests.bench.connections import OneSided
from tests.bench.instance import DidNotServe
from tests.bench.load import NoAnswer
from tests.bench.options import Tell
from tests.bench.waiting import NotWaiting
from tests.bench.wire import WrongAnswer

# Of what is printed where there is no terminal.
WIDTH = 130
FAILURES = (WrongAnswer, NoAnswer, NotWaiting, OneSided, DidNotServe, OSError)
# Ten thousand waiters on either side, and those who ask.
OPEN_FILES = 20_000


@contextmanager
def telling() -> Iterator[Tell]:
    """Inside, what is told is seen: in a line that changes, or line by line where there is no terminal."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("") as status:
            yield status.update
    else:
        yield lambda text: console.print(text, highlight=False)


def printing() -> Console:
    """Where results go."""
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    return console


@contextmanager
def failures_told() -> Iterator[None]:
    """What fails inside ends the process with 1, and a sentence on standard error.

    Raises:
        typer.Exit: It failed.
    """
    configure_logs("warning", "console", stream=sys.stderr)
    try:
        yield
    except FAILURES as failed:
        sys.stderr.write(f"The bench failed: {failed}\n")
        raise typer.Exit(1) from failed


def allow_open_files() -> None:
    """This process and the servers that it starts may open as many files as are needed, if they may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
