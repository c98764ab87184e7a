"""What the tests of processes and their logs can ask for."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from server.surfaces.kit.access_log import access_log


class Log:
    """A log that is being written."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        """All of it."""
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its lines."""
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def line(self) -> dict[str, Any]:
        """Its only line."""
        (line,) = self.lines
        return line


@pytest.fixture
def log() -> Iterator[Log]:
    """A log that this process writes while the test runs."""
    root, hook, write = logging.getLogger(), sys.excepthook, access_log.write
    before = (root.handlers[:], root.level)
    yield Log()
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers[:], sys.excepthook, access_log.write = before[0], hook, write
    root.setLevel(before[1])
