import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.base.text import is_showable, one_line, utf16_length


@pytest.mark.parametrize(
    "text",
    ["", "Payment of 50 €", "Café", "Cafe\u0301", "銀行", "👩\u200d🚀", "❤\ufe0f", "क्\u200dष", "a|b"],
)
def test_what_people_write_is_showable(text: str) -> None:
    assert is_showable(text, multiline=False)
    assert is_showable(text, multiline=True)


@pytest.mark.parametrize(
    "character",
    [
        *map(chr, [0x00, 0x07, 0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x1B, 0x1F]),
        *map(chr, [0x7F, 0x80, 0x85, 0x9B, 0x9F]),
        *map(chr, [0x2028, 0x2029]),
        *map(chr, [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]),
        *map(chr, [0xD800, 0xDBFF, 0xDC00, 0xDFFF]),
        *map(
            chr,
            [0xFDD0, 0xFDEF, *(plane * 0x10000 + last for plane in range(17) for last in (0xFFFE, 0xFFFF))],
        ),
    ],
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_a_character_that_deceives_or_breaks_is_not_showable(character: str) -> None:
    for text in (character, f"pay {character}1000", f"{character}\n"):
        assert not is_showable(text, multiline=False)
        assert not is_showable(text, multiline=True)


@pytest.mark.parametrize(
    "neighbour",
    [0x20, 0x7E, 0xA0, 0x061B, 0x200D, 0x2027, 0x202F, 0x2065, 0x206A, 0xD7FF, 0xE000, 0xFDCF, 0xFDF0],
)
def test_the_neighbours_of_refused_ranges_are_showable(neighbour: int) -> None:
    assert is_showable(chr(neighbour), multiline=False)


def test_a_line_feed_is_showable_only_where_lines_are() -> None:
    assert is_showable("one\ntwo", multiline=True)
    assert not is_showable("one\ntwo", multiline=False)


@pytest.mark.parametrize(
    ("text", "length"), [("", 0), ("abc", 3), ("é", 1), ("e\u0301", 2), ("🔐", 2), ("\ud83d", 1)]
)
def test_a_text_is_as_long_as_its_utf16(text: str, length: int) -> None:
    assert utf16_length(text) == length


@settings(deadline=None)
@given(st.text(), st.text())
def test_lengths_add_up(one: str, two: str) -> None:
    assert utf16_length(one + two) == utf16_length(one) + utf16_length(two)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("Acme", "Acme"),
        ("  two\r\nlines\t", "two lines"),
        ("a\u2028b\u202ec\x00d", "a b c d"),
        ("Café 👩\u200d🚀", "Café 👩\u200d🚀"),
    ],
)
def test_a_text_is_put_into_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text())
def test_one_line_is_always_one(text: str) -> None:
    assert is_showable(one_line(text), multiline=False)
