"""A wallet, a party on loopback, and a tester who types."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from device_sim import Wallet
from device_sim import device as device_module
from device_sim.__main__ import app
from device_sim.commands import watching
from tests.device_sim.commands.typed import Run
from tests.device_sim.party import Invited, Party


@pytest.fixture
def party() -> Party:
    return Party()


@pytest.fixture
def url(party: Party) -> Iterator[str]:
    with party.served() as url:
        yield url


@pytest.fixture
def wallet(tmp_path: Path) -> Wallet:
    return Wallet(tmp_path / "wallet.json")


@pytest.fixture
def run(wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COUNTERSIGN_DEVICE_WALLET", str(wallet.path))
    monkeypatch.setattr(device_module, "POLL_GAP_SECONDS", 0.01)
    monkeypatch.setattr(watching, "POLL_GAP_SECONDS", 0.01)

    def typing(*arguments: str, typed: str = "") -> Result:
        result = CliRunner().invoke(app, arguments, input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return typing


@pytest.fixture
def enrolled(run: Run, party: Party, url: str) -> Invited:
    """A phone called `mine` is enrolled."""
    invited = party.invite()
    done = run("enroll", "--text", invited.qr, "--url", url, "--challenge", "987654", "--name", "mine")
    assert done.exit_code == 0, done.output
    return invited
