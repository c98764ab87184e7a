"""What every command needs: the wallet, a device that is saved afterwards, and exit codes.

Exit codes: 0 done; 1 refused, unreachable, failed or nothing pending; 2 wrong usage or a wallet problem.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from device_sim.device import Device
from device_sim.errors import DeviceError, ExtraMissing, InvitationInvalid, StepMissing, WalletError
from device_sim.terminal import explain, say_failed
from device_sim.wallet import Wallet
from device_sim.wallet_entry import WalletEntry

T = TypeVar("T")

REFUSED = 1
USAGE = 2

WALLET_VARIABLE = "COUNTERSIGN_DEVICE_WALLET"
MAX_NUMBER = 2**31 - 1


def _wallet_path(context: typer.Context, value: Path | None) -> Path | None:
    """The path after the command, else the one before it or in the environment, else None for the default."""
    before: Path | None = context.obj
    return value or before


WalletOption = Annotated[
    Path | None,
    typer.Option("--wallet", metavar="FILE", callback=_wallet_path, help="The wallet file to use."),
]
NameArgument = Annotated[
    str | None,
    typer.Argument(help="Which enrollment, by its name in the wallet; needed when there are several."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
ChallengeOption = Annotated[
    int | None,
    typer.Option("--challenge", "-c", min=0, max=MAX_NUMBER, help="The number from the other screen."),
]


@contextmanager
def explained() -> Iterator[None]:
    """Errors of the device end the command with a sentence and the right exit code."""
    try:
        yield
    except (WalletError, InvitationInvalid, ExtraMissing, StepMissing) as error:
        explain(error)
        raise typer.Exit(USAGE) from error
    except DeviceError as error:
        explain(error)
        raise typer.Exit(REFUSED) from error


class Phone:
    """One entry's device, and the event loop that its requests run on."""

    def __init__(self, wallet: Wallet, entry: WalletEntry, runner: asyncio.Runner) -> None:
        self.wallet = wallet
        self.name = entry.name
        self.device = Device(entry.enrollment)
        self._runner = runner

    def run(self, exchange: Coroutine[Any, Any, T]) -> T:
        """What *exchange* returns. The wallet has the device's new state and messages, even if it raises."""
        try:
            return self._runner.run(exchange)
        finally:
            self.save()

    def save(self) -> None:
        """The wallet knows what the device knows."""
        self.wallet.update(self.name, self.device)


@contextmanager
def phone(wallet_path: Path | None, name: str | None) -> Iterator[Phone]:
    """The device of the entry of this name, or of the only entry; errors end the command."""
    with explained():
        wallet = Wallet(wallet_path)
        entry = wallet.entry(name)
        with asyncio.Runner() as runner:
            opened = Phone(wallet, entry, runner)
            try:
                yield opened
            finally:
                runner.run(opened.device.aclose())


def ask_number(question: str) -> int:
    """The number that the person types. Without anybody to ask, the command ends as wrong usage."""
    try:
        number: int = typer.prompt(question, type=int, err=True)
    except typer.Abort as error:
        say_failed("A number is needed: give it with --challenge")
        raise typer.Exit(USAGE) from error
    return number
