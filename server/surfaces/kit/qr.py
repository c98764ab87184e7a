"""QR codes as pictures and for the terminal.

Error correction M, or better where that makes the code no larger; a quiet zone of four modules.
Source: ISO/IEC 18004; docs/protocol/wire.md, 3.3.
"""

import io
from typing import Literal

import segno

LEAST_PIXELS = 300
QUIET_ZONE_MODULES = 4


def png_of(text: str) -> bytes:
    """*text* as a PNG, square, the smallest with whole pixels per module that has at least 300 a side."""
    return _drawn(text, "png")


def svg_of(text: str) -> str:
    """*text* as an SVG of the same size, black on white: a file as it is, and ready to stand in a page."""
    return _drawn(text, "svg").decode()


def terminal_of(text: str) -> str:
    """*text* as lines of block characters, two rows of modules in each line, for light on dark."""
    out = io.StringIO()
    _code(text).terminal(out, border=QUIET_ZONE_MODULES, compact=True)
    return out.getvalue()


def _drawn(text: str, kind: Literal["png", "svg"]) -> bytes:
    code = _code(text)
    modules = code.symbol_size(border=QUIET_ZONE_MODULES)[0]
    out = io.BytesIO()
    options = {"xmldecl": False} if kind == "svg" else {}
    code.save(
        out,
        kind=kind,
        scale=-(-LEAST_PIXELS // modules),
        border=QUIET_ZONE_MODULES,
        dark="black",
        light="white",
        **options,
    )
    return out.getvalue()


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m")
