"""Why an instance does not start, and how its operator is told."""

import sys
from collections.abc import Callable

REFUSED = 2
FAILED = 1


class CannotStart(Exception):
    """The instance cannot start. The text is a sentence for the operator: what is wrong and what to do."""


class StartupFailed(Exception):
    """The application of one process did not begin; the log says why."""


def refusals_told(run: Callable[[], int]) -> int:
    """*run* was called; if it could not start, its sentence is on standard error, without a traceback.

    Returns:
        What *run* returned; `REFUSED` if it could not start; 0 if it was interrupted before it served.
    """
    try:
        return run()
    except CannotStart as refused:
        sys.stderr.write(f"countersign: {refused}\n")
        return REFUSED
    except KeyboardInterrupt:
        return 0
