"""Pictures of a QR in files that only their owner can read: a QR is a secret."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from server.commands.performing import WRONG, refuse
from server.surfaces.kit.qr import png_of, svg_of

Draw = Callable[[str], None]


@contextmanager
def qr_files(png: Path | None, svg: Path | None) -> Iterator[Draw]:
    """Inside, the files that are named exist, new, empty and with mode 0600, for the function to draw into.

    They are made first, so that no secret is made that could not be saved. If the block fails they are gone.
    A file that is there already, or cannot be made, ends the program.
    """
    with ExitStack() as files:
        targets: list[tuple[BinaryIO, Callable[[str], bytes]]] = []
        if png is not None:
            targets.append((files.enter_context(_new_file(png)), png_of))
        if svg is not None:
            targets.append((files.enter_context(_new_file(svg)), lambda text: svg_of(text).encode()))

        def draw(text: str) -> None:
            for file, picture_of in targets:
                file.write(picture_of(text))

        yield draw


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        refuse(f"There is already a file {path}: it was left alone.", WRONG)
    except OSError as refused:
        refuse(f"The file {path} cannot be made: {refused.strerror}.", WRONG)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
