"""Where the processes of one instance put their numbers, so that any of them can show the sum."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from server.serve.refusal import CannotStart

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "countersign-metrics-"
NEW_SECONDS = 60.0


@contextmanager
def metrics_folder() -> Iterator[Callable[[int], None]]:
    """Processes started inside count together, in a new folder that is gone afterwards.

    Folders that killed instances have left are gone too.

    Yields:
        What to call with the process id of each process that has ended: its gauges go, its counts stay.

    Raises:
        CannotStart: The folder for temporary files cannot be written.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        _clear_dead_folders(folder.parent)
    except OSError as refused:
        raise CannotStart(f"The folder for temporary files cannot be written: {refused.strerror}.") from None
    before = os.environ.get(VARIABLE)
    # The lock says that the folder's instance lives. It is not inherited, and goes with this process.
    with _locked(folder):
        os.environ[VARIABLE] = str(folder)
        try:
            yield lambda pid: _forget(folder, pid)
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before
            shutil.rmtree(folder, ignore_errors=True)


def _clear_dead_folders(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        # One that cannot be locked lives, or is somebody else's; a new one may not be locked yet.
        with suppress(OSError):
            if folder.stat().st_mtime < time.time() - NEW_SECONDS:
                with _locked(folder):
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """This process holds the folder. Raises `OSError` if another does."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _forget(folder: Path, pid: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - it reads the variable at import

    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]  # prometheus_client has no types here
