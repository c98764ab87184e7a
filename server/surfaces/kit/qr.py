"""QR codes as pictures and for the terminal.

Error correction M, or better where that makes the code no larger; a quiet zone of four modules.
Source: ISO/IEC 18004; docs/protocol/wire.md, 3.3.
"""

import io

import segno
from segno.writers import write_png  # type: ignore[attr-defined] # its stubs leave the writers out

SIDE_PIXELS = 300
QUIET_ZONE_MODULES = 4


def png_of(text: str) -> bytes:
    """*text* as a PNG of 300 by 300 pixels: whole pixels per module, the rest is quiet zone."""
    modules = _code(text).matrix
    scale = SIDE_PIXELS // (len(modules) + 2 * QUIET_ZONE_MODULES)
    margin = (SIDE_PIXELS - scale * len(modules)) // 2
    pixels = [bytearray(SIDE_PIXELS) for _ in range(SIDE_PIXELS)]
    for y, row in enumerate(modules):
        line = b"".join(bytes((module & 1,)) * scale for module in row)
        for offset in range(scale):
            pixels[margin + y * scale + offset][margin : margin + len(line)] = line
    out = io.BytesIO()
    write_png(pixels, (SIDE_PIXELS, SIDE_PIXELS), out, border=0)
    return out.getvalue()


def svg_of(text: str) -> str:
    """*text* as an SVG, about as large, black on white: a file as it is, and ready to stand in a page."""
    code = _code(text)
    scale = SIDE_PIXELS / code.symbol_size(border=QUIET_ZONE_MODULES)[0]
    out = io.BytesIO()
    code.save(
        out, kind="svg", scale=scale, border=QUIET_ZONE_MODULES, dark="black", light="white", xmldecl=False
    )
    return out.getvalue().decode()


def terminal_of(text: str) -> str:
    """*text* as lines of block characters, two rows of modules in each line, for light on dark."""
    out = io.StringIO()
    _code(text).terminal(out, border=QUIET_ZONE_MODULES, compact=True)
    return out.getvalue()


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m")
