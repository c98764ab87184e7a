"""The `countersign` command."""

from importlib.metadata import version
from typing import Annotated

import typer

from server.commands import admin, demo, instance, keys, outbox

app = typer.Typer(
    name="countersign",
    no_args_is_help=True,
    add_completion=False,
    # Local variables in a traceback could be secrets.
    pretty_exceptions_enable=False,
    help="Self-hosted push approval and sign-in.",
)
app.command()(instance.serve)
app.command()(instance.worker)
app.command()(instance.migrate)
app.command()(instance.doctor)
app.command()(outbox.outbox)
app.command()(demo.demo)
app.add_typer(admin.app, name="admin")
app.add_typer(keys.app, name="keys")


def show_version(*, wanted: bool) -> None:
    """Print the version, if it is wanted, and end."""
    if wanted:
        typer.echo(f"countersign {version('countersign-server')}")
        raise typer.Exit


@app.callback()
def countersign(
    *,
    version_wanted: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Show the version.", callback=show_version)
    ] = False,
) -> None:
    """Every setting is an environment variable: docs/reference/settings.md."""


def main() -> None:
    """The command line is obeyed."""
    app()


if __name__ == "__main__":
    main()
