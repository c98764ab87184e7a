"""A command line that is typed in a test."""

from typing import Protocol

from typer.testing import Result


class Run(Protocol):
    """Types a command and what is typed when it asks."""

    def __call__(self, *arguments: str, typed: str = "") -> Result:
        """What became of it."""
        ...


def said(result: Result) -> str:
    """All that was printed, with the terminal's line breaks undone."""
    return " ".join(result.output.split())
