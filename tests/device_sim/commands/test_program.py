"""The program as a whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.device_sim.commands.typed import Run
from tests.device_sim.party import Party


def test_the_wallet_may_be_named_before_or_after_the_command(
    run: Run, party: Party, url: str, tmp_path: Path
) -> None:
    other = str(tmp_path / "other.json")
    run("enroll", "--text", party.invite().qr, "--url", url, "-c", "987654", "--wallet", other)

    assert "acme-bank" in run("list", "--wallet", other).output
    assert "acme-bank" in run("--wallet", other, "list").output
    assert "acme-bank" not in run("list").output


@pytest.mark.parametrize(
    "command", ["enroll", "list", "pending", "approve", "deny", "watch", "inspect", "remove"]
)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    done = run(command, "--help")

    assert done.exit_code == 0
    assert "--wallet" in done.output


def test_the_program_runs_as_a_module(tmp_path: Path) -> None:
    def device(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-m", "device_sim", "--wallet", str(tmp_path / "wallet.json"), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    assert device("list", "--json").stdout == "[]\n"
    assert device("pending").returncode == 2
    assert "Exit codes" in device("--help").stdout
