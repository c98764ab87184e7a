"""What tests of whole processes can ask for.

place   a folder for the data of an embedded PostgreSQL
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other accounts can pass through: for root PostgreSQL runs as one of them.

    pytest closes its own folders to them, at the start of every run on the machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="countersign-place-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)
