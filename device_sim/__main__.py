"""`countersign-device`: a phone on the command line."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from device_sim.commands.answering import approve, deny, pending
from device_sim.commands.enrolling import enroll
from device_sim.commands.keeping import inspect, list_entries, remove
from device_sim.commands.running import WALLET_VARIABLE
from device_sim.commands.watching import watch

app = typer.Typer(
    name="countersign-device",
    no_args_is_help=True,
    rich_markup_mode=None,
    # A traceback that shows variables would show keys.
    pretty_exceptions_show_locals=False,
    epilog="Exit codes: 0 done; 1 refused, failed or nothing pending; 2 wrong usage or a wallet problem.",
)


@app.callback()
def device(
    context: typer.Context,
    *,
    wallet: Annotated[
        Path | None,
        typer.Option(
            "--wallet",
            metavar="FILE",
            envvar=WALLET_VARIABLE,
            help="The wallet file; ~/.config/countersign-device/wallet.json if left out.",
        ),
    ] = None,
) -> None:
    """A simulated phone: enroll it, be asked, answer, and see every signature checked.

    Start with `enroll`. Then `pending` shows what waits, `approve` and `deny` answer it, `watch` does all of
    that as attempts come, and `inspect` shows what was signed.
    """
    context.obj = wallet


app.command("enroll")(enroll)
app.command("list")(list_entries)
app.command("pending")(pending)
app.command("approve")(approve)
app.command("deny")(deny)
app.command("watch")(watch)
app.command("inspect")(inspect)
app.command("remove")(remove)


def main() -> None:
    """The command line was done; the process ends with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character gets it written out, not a traceback.
            stream.reconfigure(errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()
