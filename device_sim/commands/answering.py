"""`pending`, `approve` and `deny`: one attempt, looked at or answered."""

import json
from typing import Annotated, NoReturn

import typer

from device_sim.commands.running import (
    REFUSED,
    ChallengeOption,
    JsonOption,
    NameArgument,
    Phone,
    WalletOption,
    ask_number,
    phone,
)
from device_sim.enrollment import PendingAttempt, Result
from device_sim.messages import DenyReason
from device_sim.terminal import note, say_failed, show_attempt, show_result

WaitOption = Annotated[
    int,
    typer.Option("--wait", "-w", min=0, max=86_400, metavar="SECONDS", help="How long one may take to come."),
]
AttemptOption = Annotated[
    int | None,
    typer.Option("--attempt", min=1, help="Answer only this attempt; refuse if another one waits by now."),
]


def pending(
    name: NameArgument = None,
    *,
    wait: WaitOption = 0,
    as_json: JsonOption = False,
    wallet: WalletOption = None,
) -> None:
    """Show what waits for this phone. Exit code 1 if nothing does."""
    with phone(wallet, name) as opened:
        attempt = _waiting(opened, wait)
        if as_json:
            typer.echo(json.dumps(attempt and _attempt_json(opened.name, attempt)))
        elif attempt is not None:
            show_attempt(attempt, opened.device.enrollment.binding)
        if attempt is None:
            _nothing()


def approve(
    name: NameArgument = None,
    *,
    challenge: ChallengeOption = None,
    wait: WaitOption = 0,
    attempt_id: AttemptOption = None,
    as_json: JsonOption = False,
    wallet: WalletOption = None,
) -> None:
    """Approve what waits. The number is asked for if the attempt wants one and --challenge is left out.

    It is fetched afresh, so `pending` need not have been called before. Exit code 0 only if the integration
    signed that it is APPROVED.
    """
    with phone(wallet, name) as opened:
        attempt = _to_answer(opened, wait, attempt_id, as_json=as_json)
        if attempt.challenge_required and challenge is None:
            challenge = ask_number("The number from the other screen")
        result = opened.run(opened.device.approve(attempt, challenge))
    _finish(result, "APPROVED", as_json=as_json)


def deny(
    name: NameArgument = None,
    *,
    fraud: Annotated[bool, typer.Option("--fraud", help="Say that somebody else asked.")] = False,
    mistake: Annotated[bool, typer.Option("--mistake", help="Say that it was asked by mistake.")] = False,
    wait: WaitOption = 0,
    attempt_id: AttemptOption = None,
    as_json: JsonOption = False,
    wallet: WalletOption = None,
) -> None:
    """Deny what waits. A reason is sent beside the signed denial, not under the signature.

    It is fetched afresh, so `pending` need not have been called before. Exit code 0 only if the integration
    signed that it is DENIED.
    """
    if fraud and mistake:
        raise typer.BadParameter("--fraud and --mistake are two reasons; give one")
    reason: DenyReason | None = "FRAUD" if fraud else "MISTAKE" if mistake else None
    with phone(wallet, name) as opened:
        attempt = _to_answer(opened, wait, attempt_id, as_json=as_json)
        result = opened.run(opened.device.deny(attempt, reason))
    _finish(result, "DENIED", as_json=as_json)


def _waiting(opened: Phone, wait: int) -> PendingAttempt | None:
    device = opened.device
    return opened.run(device.next_attempt(wait) if wait else device.pending())


def _to_answer(opened: Phone, wait: int, attempt_id: int | None, *, as_json: bool) -> PendingAttempt:
    attempt = _waiting(opened, wait)
    if attempt is None:
        _nothing()
    if not as_json:
        show_attempt(attempt, opened.device.enrollment.binding)
    if attempt_id is not None and attempt.attempt_id != attempt_id:
        say_failed(f"Attempt {attempt.attempt_id} is waiting, not {attempt_id}; it was not answered")
        raise typer.Exit(REFUSED)
    return attempt


def _nothing() -> NoReturn:
    note("Nothing is pending.")
    raise typer.Exit(REFUSED)


def _finish(result: Result, wanted: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "attemptId": result.attempt_id,
                    "outcome": result.outcome,
                    "message": result.message,
                    "proven": result.proven,
                }
            )
        )
    else:
        show_result(result)
    if result.outcome != wanted:
        raise typer.Exit(REFUSED)


def _attempt_json(name: str, attempt: PendingAttempt) -> dict[str, object]:
    return {
        "enrollment": name,
        "attemptId": attempt.attempt_id,
        "challengeRequired": attempt.challenge_required,
        "title": attempt.title,
        "message": attempt.message,
    }
