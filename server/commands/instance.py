"""countersign serve, worker, migrate and doctor: running an instance."""

import asyncio
import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.base.errors import Unavailable
from server.base.settings import Settings, SettingsError, load_settings
from server.commands.performing import REFUSED, WRONG, refuse, settings_or_exit
from server.commands.showing import show_lines
from server.serve.database_state import read_state, why
from server.serve.doctor import Finding, examine
from server.serve.instance import newest_revision, prepare, running_database
from server.serve.logs import configure_logs
from server.serve.refusal import CannotStart
from server.serve.worker import run_jobs_only
from server.serve.workers import serve as serve_instance

STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


class ServerName(StrEnum):
    """What carries HTTP."""

    uvicorn = "uvicorn"
    hypercorn = "hypercorn"


Host = Annotated[
    str | None, typer.Option(show_default=False, help="The address to listen on (COUNTERSIGN_HOST).")
]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, show_default=False, help="The port to listen on (COUNTERSIGN_PORT)."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        show_default=False,
        help="How many processes serve (COUNTERSIGN_WORKERS; one per core in production mode).",
    ),
]
Server = Annotated[
    ServerName | None, typer.Option(show_default=False, help="What carries HTTP (COUNTERSIGN_SERVER).")
]
Check = Annotated[bool, typer.Option("--check", help="Change nothing; end with 1 if it is not up to date.")]


def serve(host: Host = None, port: Port = None, workers: Workers = None, server: Server = None) -> None:
    """Run the server until it is asked to stop.

    Everything else is a setting, an environment variable; the options are put before them.
    """
    settings = settings_or_exit(
        host=host, port=port, workers=workers, server=server.value if server else None
    )
    raise typer.Exit(serve_instance(settings))


def worker() -> None:
    """Run the jobs alone, for instances whose servers run with COUNTERSIGN_RUN_JOBS=false."""
    raise typer.Exit(run_jobs_only(settings_or_exit()))


def migrate(*, check: Check = False) -> None:
    """Bring the database up to date, as `serve` does when it starts."""
    settings = settings_or_exit()
    configure_logs("warning", settings.log_format, stream=sys.stderr)
    try:
        if check:
            _check_revision(settings)
        else:
            with prepare(settings):
                show_lines([f"The database is at {newest_revision()}."])
    except CannotStart as refused:
        refuse(str(refused), WRONG)


def doctor() -> None:
    """Look at settings, database, clock and key file, and say what is wrong. Changes nothing."""
    configure_logs("error", "console", stream=sys.stderr)
    try:
        settings: Settings | SettingsError = load_settings()
    except SettingsError as wrong:
        settings = wrong
    findings = examine(settings)
    _show_findings(findings)
    if isinstance(settings, SettingsError):
        raise typer.Exit(WRONG)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(REFUSED)


def _check_revision(settings: Settings) -> None:
    """The database is up to date, or the program ends with 1."""
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        refuse("There is no database yet.")
    with running_database(settings) as url:
        try:
            revision = asyncio.run(read_state(url)).revision
        except Unavailable as refused:
            refuse(f"The database does not answer: {why(refused)}.", WRONG)
    newest = newest_revision()
    if revision != newest:
        refuse(f"The database is at {revision or 'no revision'}; this version expects {newest}.")
    show_lines([f"The database is at {newest}."])


def _show_findings(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for finding in findings:
        said = Text(finding.sentence)
        if finding.advice:
            said.append(f"\n{finding.advice}", style="dim")
        table.add_row(Text(finding.state, style=STYLES[finding.state]), Text(finding.name), said)
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)
