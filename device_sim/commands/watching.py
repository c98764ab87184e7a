"""`watch`: stand there like a phone and answer what comes."""

import asyncio
import math
import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import typer

from device_sim.commands.running import REFUSED, ChallengeOption, Phone, WalletOption, explained
from device_sim.device import POLL_GAP_SECONDS
from device_sim.enrollment import PendingAttempt
from device_sim.errors import DeviceError, NoSuchEntry, ServerRefused, ServerUnreachable
from device_sim.messages import DenyReason
from device_sim.terminal import explain, note, say_failed, show_attempt, show_result
from device_sim.wallet import Wallet

Auto = Literal["ask", "approve", "deny"]
Decision = Literal["approve", "deny", "mistake", "fraud", "skip"]

DECISIONS: dict[str, Decision] = {
    "a": "approve",
    "d": "deny",
    "m": "mistake",
    "f": "fraud",
    "s": "skip",
}
REASONS: dict[Decision, DenyReason] = {"mistake": "MISTAKE", "fraud": "FRAUD"}

LONGEST_PAUSE_SECONDS = 30.0
COMMAND_TIMEOUT_SECONDS = 60
_SERVER_ERRORS = 500
_TOO_MANY_REQUESTS = 429


@dataclass(slots=True)
class Answers:
    """How to decide, and what was decided not to be answered."""

    auto: Auto
    challenge: int | None
    challenge_command: str | None
    skipped: set[tuple[str, int]] = field(default_factory=set)


def watch(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which enrollments, by their names; all if left out.")
    ] = None,
    *,
    auto: Annotated[
        Auto, typer.Option("--auto", help="Answer everything alike instead of asking at the terminal.")
    ] = "ask",
    challenge: ChallengeOption = None,
    challenge_command: Annotated[
        str | None,
        typer.Option(
            "--challenge-command",
            metavar="COMMAND",
            help="A command that prints the number; it finds COUNTERSIGN_ATTEMPT_ID in its environment.",
        ),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="Stop after so many answers.")] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="Stop after so much time.")
    ] = None,
    wallet: WalletOption = None,
) -> None:
    """Wait for attempts and answer them, at the terminal or by --auto, until Ctrl-C.

    An attempt that is skipped stays open. With --auto approve, one that wants a number gets --challenge or
    what --challenge-command prints, and is skipped without either. A message whose signature does not verify
    ends the watch of that enrollment, and the exit code is then 1.
    """
    answers = Answers(auto, challenge, challenge_command)
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    with explained(), asyncio.Runner() as runner, _phones(wallet, names or [], runner) as phones:
        note(f"Watching {', '.join(phone.name for phone in phones)}. Ctrl-C stops.")
        failed = False
        answered = 0
        while phones and (count is None or answered < count):
            phone, found = runner.run(_first(phones, answers, deadline))
            phone.save()
            if found is None:
                break
            if isinstance(found, DeviceError):
                explain(found)
                note(f"No longer watching {phone.name}.")
                phones.remove(phone)
                failed = True
            elif _answer(phone, found, answers):
                answered += 1
        if failed:
            raise typer.Exit(REFUSED)


@contextmanager
def _phones(path: Path | None, names: Sequence[str], runner: asyncio.Runner) -> Iterator[list[Phone]]:
    """The phones of these entries, or of all that are verified; closed afterwards. Ctrl-C ends the block."""
    wallet = Wallet(path)
    entries = [wallet.entry(name) for name in dict.fromkeys(names)] or [
        entry for entry in wallet.entries() if entry.enrollment.verified
    ]
    if not entries:
        raise NoSuchEntry("The wallet has no active enrollment; enroll first")
    opened = [Phone(wallet, entry, runner) for entry in entries]
    try:
        yield list(opened)
    except (KeyboardInterrupt, typer.Abort):
        note("Stopped.")
    finally:
        for phone in opened:
            runner.run(phone.device.aclose())


async def _first(
    phones: Sequence[Phone], answers: Answers, deadline: float
) -> tuple[Phone, PendingAttempt | DeviceError | None]:
    """The first thing that happens on any phone: an attempt, an error that will not pass, or the deadline."""
    polls = {asyncio.create_task(_next_new(phone, answers, deadline)): phone for phone in phones}
    try:
        done, _ = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # An attempt that a cancelled poll had just claimed is delivered again to the next one.
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)
    poll = done.pop()
    error = poll.exception()
    if error is None:
        return polls[poll], poll.result()
    if isinstance(error, DeviceError):
        return polls[poll], error
    raise error


async def _next_new(phone: Phone, answers: Answers, deadline: float) -> PendingAttempt | None:
    """The next attempt that was not skipped, past failures that may pass; None at the deadline."""
    pause = POLL_GAP_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            attempt = await phone.device.next_attempt(left)
        except (ServerUnreachable, ServerRefused) as error:
            if not _may_pass(error):
                raise
            note(f"{phone.name}: {error}")
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            continue
        if attempt is None or (phone.name, attempt.attempt_id) not in answers.skipped:
            return attempt
        await asyncio.sleep(POLL_GAP_SECONDS)
    return None


def _may_pass(error: ServerUnreachable | ServerRefused) -> bool:
    return isinstance(error, ServerUnreachable) or (
        error.status >= _SERVER_ERRORS or error.status == _TOO_MANY_REQUESTS
    )


def _answer(phone: Phone, attempt: PendingAttempt, answers: Answers) -> bool:
    """Whether the attempt was answered; else it is skipped from now on."""
    show_attempt(attempt, phone.device.enrollment.binding)
    decision = _asked() if answers.auto == "ask" else DECISIONS[answers.auto[0]]
    challenge = None
    if decision == "approve" and attempt.challenge_required:
        challenge = _number(attempt, answers)
        if challenge is None:
            decision = "skip"
    if decision == "skip":
        answers.skipped.add((phone.name, attempt.attempt_id))
        note(f"Attempt {attempt.attempt_id} is left unanswered.")
        return False
    device = phone.device
    try:
        if decision == "approve":
            result = phone.run(device.approve(attempt, challenge))
        else:
            result = phone.run(device.deny(attempt, REASONS.get(decision)))
    except DeviceError as error:
        # The attempt may have ended meanwhile; the watch goes on.
        explain(error)
        answers.skipped.add((phone.name, attempt.attempt_id))
        return True
    show_result(result)
    return True


def _asked() -> Decision:
    while True:
        typed: str = typer.prompt("(a)pprove, (d)eny, deny as (m)istake or (f)raud, (s)kip", err=True)
        decision = DECISIONS.get(typed.strip().lower()[:1])
        if decision is not None:
            return decision


def _number(attempt: PendingAttempt, answers: Answers) -> int | None:
    if answers.challenge is not None:
        return answers.challenge
    if answers.challenge_command is not None:
        return _number_from(answers.challenge_command, attempt)
    if answers.auto == "ask":
        number: int = typer.prompt("The number from the other screen", type=int, err=True)
        return number
    say_failed("It wants a number: give --challenge or --challenge-command")
    return None


def _number_from(command: str, attempt: PendingAttempt) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603 - the tester's own command, never a text from the network
            shlex.split(command),
            env=os.environ | {"COUNTERSIGN_ATTEMPT_ID": str(attempt.attempt_id)},
            stdout=subprocess.PIPE,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=True,
            text=True,
        )
        return int(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        say_failed(f"The challenge command gave no number: {error}")
        return None
