"""What the package promises."""

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import countersign
from countersign import errors


def test_every_promised_name_is_there() -> None:
    assert [name for name in countersign.__all__ if not hasattr(countersign, name)] == []


def test_the_package_needs_httpx2_and_pynacl_alone() -> None:
    needed = {re.split(r"[^a-z0-9]", wanted)[0] for wanted in requires("countersign-sdk") or []}

    assert needed == {"httpx2", "pynacl"}


def test_asking_loads_neither_the_server_nor_what_only_evidence_needs() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import countersign, sys; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()

    assert "countersign" in loaded
    assert {"server", "device_sim", "nacl"}.isdisjoint(loaded)


def test_the_readme_names_every_decision_and_every_error() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    tree = errors.__doc__ or ""

    assert [decision for decision in countersign.Decision if f"`{decision.name}`" not in readme] == []
    assert [name for name in re.findall(r"\w+Error", tree) if f"`{name}`" not in readme] == []
