"""The main job, for real, in one command: a server, its database, a phone, a relying party.

It plays all three parties, so it is the only code that sees all three: everything it does goes through the
server's HTTP APIs, the device simulator and the SDK, as strangers would use them.
"""

import asyncio
from pathlib import Path

from server.demo.stage import Stage, StageError
from server.demo.story import tell
from server.demo.telling import Telling

__all__ = ["run_demo"]


def run_demo(*, keep: bool, folder: Path | None = None) -> int:
    """The main job was shown step by step on the terminal.

    Args:
        keep: Whether the server goes on running afterwards, with its data.
        folder: Where the data is; `demo-data` if it is kept, else a folder that is gone afterwards.

    Returns:
        The exit code: 0 when every step came out as told, 1 when one did not.
    """
    telling = Telling()
    try:
        with Stage.set_up(telling, keep=keep, folder=folder) as stage:
            asyncio.run(tell(stage, telling))
            if keep:
                stage.leave_running()
    except StageError as refused:
        telling.failed(str(refused))
        return 1
    except KeyboardInterrupt:
        telling.failed("Interrupted; nothing is left running.")
        return 1
    return 0
