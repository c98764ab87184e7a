"""`watch`: at the terminal, by itself, and past what goes wrong."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.device_sim.commands.typed import Run, said
from tests.device_sim.party import Invited, Party, a_problem


def test_watch_approves_what_comes(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled, challenge=42)
    done = run("watch", "--auto", "approve", "--challenge", "42", "--count", "1")

    assert done.exit_code == 0, done.output
    assert asked.status == "ACCEPTED"


def test_watch_denies_what_comes(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled, challenge=42)

    assert run("watch", "mine", "--auto", "deny", "--count", "1").exit_code == 0
    assert asked.status == "REJECTED"


@pytest.mark.parametrize(
    ("typed", "status", "reason"),
    [
        ("a\n42\n", "ACCEPTED", None),
        ("what?\nApprove\n42\n", "ACCEPTED", None),
        ("d\n", "REJECTED", None),
        ("m\n", "REJECTED", "MISTAKE"),
        ("f\n", "REJECTED", "FRAUD"),
    ],
    ids=["approve", "after a typing error", "deny", "mistake", "fraud"],
)
def test_watch_asks_at_the_terminal(
    run: Run, party: Party, enrolled: Invited, typed: str, status: str, reason: str | None
) -> None:
    asked = party.ask(enrolled, challenge=42)
    done = run("watch", "--count", "1", typed=typed)

    assert done.exit_code == 0, done.output
    assert (asked.status, asked.deny_reason) == (status, reason)


def test_watch_asks_a_command_for_the_number(
    run: Run, party: Party, enrolled: Invited, tmp_path: Path
) -> None:
    asked = party.ask(enrolled, challenge=42)
    seen = tmp_path / "seen"
    program = f"import os; open({str(seen)!r}, 'w').write(os.environ['COUNTERSIGN_ATTEMPT_ID']); print(42)"
    command = shlex.join([sys.executable, "-c", program])
    done = run("watch", "--auto", "approve", "--challenge-command", command, "--count", "1")

    assert done.exit_code == 0, done.output
    assert asked.status == "ACCEPTED"
    assert seen.read_text() == str(asked.id)


@pytest.mark.parametrize("command", [[], ["--challenge-command", "false"], ["--challenge-command", "echo x"]])
def test_watch_leaves_what_it_has_no_number_for(
    run: Run, party: Party, enrolled: Invited, command: list[str]
) -> None:
    """It is shown once, and not answered."""
    asked = party.ask(enrolled, challenge=42)
    done = run("watch", "--auto", "approve", "--seconds", "0.3", *command)

    assert done.exit_code == 0, done.output
    assert asked.status == "READ"
    assert done.output.count("Acme Bank asks") == 1


def test_watch_can_be_told_to_skip(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled)
    done = run("watch", "--seconds", "0.3", typed="s\n")

    assert done.exit_code == 0, done.output
    assert asked.status == "READ"
    assert "left unanswered" in said(done)


def test_watch_stops_when_nobody_types_any_more(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled)
    done = run("watch")

    assert done.exit_code == 0
    assert "Stopped" in said(done)
    assert asked.status == "READ"


def test_watch_holds_several_phones(run: Run, party: Party, url: str, enrolled: Invited) -> None:
    other = party.invite()
    run("enroll", "--text", other.qr, "--url", url, "-c", "987654", "--name", "other")
    asked = [party.ask(enrolled), party.ask(other)]
    done = run("watch", "--auto", "approve", "--count", "2")

    assert done.exit_code == 0, done.output
    assert [one.status for one in asked] == ["ACCEPTED", "ACCEPTED"]


def test_watch_waits_out_what_passes(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled)
    party.refusals = [a_problem(503, "Not now"), httpx2.Response(429, headers={"Retry-After": "0"})]
    done = run("watch", "--auto", "approve", "--count", "1")

    assert done.exit_code == 0, done.output
    assert "Not now" in said(done)
    assert asked.status == "ACCEPTED"


def test_watch_goes_on_after_an_answer_that_came_too_late(run: Run, party: Party, enrolled: Invited) -> None:
    party.ask(enrolled)

    def ends_meanwhile(at: str, body: dict[str, Any]) -> dict[str, Any]:
        if at == "pending":
            party.attempts[-1].status = "EXPIRED"
        return body

    party.tamper = ends_meanwhile
    done = run("watch", "--auto", "approve", "--count", "1")

    assert done.exit_code == 0, done.output
    assert "409" in said(done)


def test_watch_ends_with_a_message_that_is_not_signed(run: Run, party: Party, enrolled: Invited) -> None:
    party.ask(enrolled)
    party.tamper = lambda _, body: body | {"contextTitle": "Other"}
    done = run("watch", "--auto", "approve")

    assert done.exit_code == 1
    assert "No longer watching mine" in said(done)
    assert "✗ pending-response" in said(run("inspect"))


def test_watch_needs_an_active_enrollment(run: Run, party: Party, url: str) -> None:
    assert run("watch").exit_code == 2
    run("enroll", "--text", party.invite().qr, "--url", url, "-c", "1")
    assert run("watch").exit_code == 2


def test_ctrl_c_ends_a_watch_at_once_and_in_peace(enrolled: Invited, party: Party) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "device_sim", "watch"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "Watching mine" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=20)

    assert process.returncode == 0
    assert "Stopped" in rest
    assert "Traceback" not in rest
