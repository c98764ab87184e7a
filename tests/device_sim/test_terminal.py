"""What the network says cannot do anything to a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.enrollment import Binding, PendingAttempt
from device_sim.terminal import output, safe, show_attempt


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Zoë, 銀行 👩\u200d💻", "plain, Zoë, 銀行 👩\u200d💻"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\rb\nc\td\x00", r"a\rb\nc\td\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp", r"\u202egnp"),
        ("\u2028\u200b\ufeff", r"\u2028\u200b\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        ("[bold]no markup[/]", "[bold]no markup[/]"),
    ],
)
def test_what_is_not_text_is_written_out(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_line_feeds_stay_where_lines_are_wanted() -> None:
    assert safe("a\nb\r", multiline=True) == "a\nb\\r"


@given(st.text())
def test_nothing_that_moves_a_cursor_is_left(text: str) -> None:
    assert not any(unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"} for character in safe(text))


def test_an_attempt_cannot_draw_its_own_tick() -> None:
    """Its texts stay inside the frame, in front of the line that says who signed."""
    attempt = PendingAttempt(
        7, "token", False, "\x1b[31mred [bold]b[/bold] :smile:", "Pay\n✓ signed\x1b]8;;http://x\x07"
    )
    with output.capture() as captured:
        show_attempt(attempt, Binding("key", integration_name="Bank\x07 [red]"))
    lines = captured.get().splitlines()

    assert "\x1b" not in captured.get()
    assert r"Bank\x07 [red] asks" in lines[0]
    assert r"\x1b[31mred [bold]b[/bold] :smile:" in captured.get()
    assert all(line.startswith("│") and line.endswith("│") for line in lines[1:-1])
    assert "✓ signed by the integration" in lines[-1]
