import io
import re

import pytest
import zxingcpp
from PIL import Image

from server.surfaces.kit.qr import png_of, svg_of, terminal_of

TEXT = (
    '{"enrollmentId":"2147483647",'
    f'"enrollmentProofToken":"{"A" * 43}.{"B" * 22}",'
    '"authUrl":"https://auth.example.org/a/path/before/the/api"}'
)


@pytest.mark.parametrize("text", ["x", TEXT, "y" * 1000])
def test_a_png_reads_back_and_is_300_by_300_pixels(text: str) -> None:
    picture = Image.open(io.BytesIO(png_of(text)))

    assert picture.size == (300, 300)
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [text]


def test_an_svg_stands_by_itself_with_the_size_of_the_png() -> None:
    drawn = svg_of(TEXT)

    size = re.match(r'<svg xmlns="http://www.w3.org/2000/svg" width="([0-9.]+)" height="([0-9.]+)"', drawn)
    assert size is not None
    assert [round(float(side)) for side in size.groups()] == [300, 300]
    assert TEXT not in drawn


def test_the_terminal_s_blocks_read_back() -> None:
    lines = terminal_of(TEXT).splitlines()
    modules = [row for line in lines for row in _rows_of(line)]
    width = max(len(row) for row in modules)

    picture = Image.new("L", (width, len(modules)), 0)
    for y, row in enumerate(modules):
        for x, light in enumerate(row):
            picture.putpixel((x, y), 255 if light else 0)
    bigger = picture.resize((width * 4, len(modules) * 4), Image.Resampling.NEAREST)

    assert [code.text for code in zxingcpp.read_barcodes(bigger)] == [TEXT]


def _rows_of(line: str) -> tuple[list[bool], list[bool]]:
    """The two rows of modules in a line: which are light."""
    return [block in "█▀" for block in line], [block in "█▄" for block in line]
