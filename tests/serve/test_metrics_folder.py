"""Where processes count together."""

import os
import tempfile
from pathlib import Path

import pytest

from server.serve.metrics_folder import PREFIX, VARIABLE, metrics_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def test_the_folder_is_named_while_it_is_there() -> None:
    with metrics_folder():
        folder = Path(os.environ[VARIABLE])
        assert folder.is_dir()
    assert not folder.exists()
    assert VARIABLE not in os.environ


def test_the_gauges_of_a_dead_process_are_forgotten_and_its_counts_are_not() -> None:
    with metrics_folder() as forget:
        folder = Path(os.environ[VARIABLE])
        for name in ("gauge_livesum_7.db", "counter_7.db", "gauge_livesum_8.db"):
            (folder / name).touch()
        forget(7)
        assert {path.name for path in folder.glob("*.db")} == {"counter_7.db", "gauge_livesum_8.db"}


def test_what_killed_instances_left_is_removed_and_what_lives_is_not(temporary: Path) -> None:
    dead = temporary / f"{PREFIX}dead"
    dead.mkdir()
    with metrics_folder():
        living = Path(os.environ[VARIABLE])
        for folder in (dead, living):
            os.utime(folder, (0, 0))
        with metrics_folder():
            assert living.is_dir()
            assert not dead.exists()
