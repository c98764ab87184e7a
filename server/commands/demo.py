"""countersign demo: the main job, for real, in one command."""

from pathlib import Path
from typing import Annotated

import typer

from server.commands.performing import refuse
from server.commands.showing import show_lines

Keep = Annotated[bool, typer.Option("--keep", help="Leave the server running, with its data.")]
Stop = Annotated[bool, typer.Option("--stop", help="Stop the server that --keep left running.")]
Folder = Annotated[Path | None, typer.Option(show_default=False, help="Where its data is.")]


def demo(*, keep: Keep = False, stop: Stop = False, folder: Folder = None) -> None:
    """Watch a phone being enrolled, asked, and answering: server, database, phone and relying party."""
    try:
        # It plays the phone and the relying party too, so it needs more than the server does.
        from server.demo import run_demo  # noqa: PLC0415
        from server.demo.stage import stop_kept  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        refuse(f"The demonstration needs {missing.name}: pip install 'countersign-server[demo]'.")
    if not stop:
        raise typer.Exit(run_demo(keep=keep, folder=folder))
    if not stop_kept(folder):
        refuse("No server of an earlier demonstration runs.")
    show_lines(["The server has stopped; its data is still there."])
