"""What the commands print. Texts from the network come out harmless: no cursor moves, no colours."""

import unicodedata
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from device_sim.enrollment import Binding, PendingAttempt, Result
from device_sim.errors import DeviceError, IntegrationSignatureInvalid

TICK = ("✓ ", "bold green")
CROSS = ("✗ ", "bold red")

INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # they hold scripts and emoji together, and move nothing

output = Console(highlight=False, markup=False, emoji=False)
complaints = Console(stderr=True, highlight=False, markup=False, emoji=False)


def safe(text: str, *, multiline: bool = False) -> str:
    r"""*text* with every control, bidirectional and invisible character written out, such as `\x1b`.

    With *multiline*, line feeds stay.
    """
    return "".join(
        character
        if unicodedata.category(character) not in INVISIBLE
        or character in JOINERS
        or (multiline and character == "\n")
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def say_done(sentence: str) -> None:
    """A green tick and *sentence* are on the terminal."""
    output.print(Text.assemble(TICK, sentence))


def say_failed(sentence: str) -> None:
    """A red cross and *sentence* are on the error stream."""
    complaints.print(Text.assemble(CROSS, safe(sentence)))


def note(sentence: str) -> None:
    """*sentence* is on the error stream, where it does not disturb what scripts read."""
    complaints.print(Text(safe(sentence), style="dim"))


def explain(error: DeviceError) -> None:
    """The error is on the error stream; for a signature, with the string that was checked."""
    say_failed(str(error))
    if isinstance(error, IntegrationSignatureInvalid):
        complaints.print(Text("  It was checked over these segments, joined by '|':", style="dim"))
        complaints.print(segments_table(error.segments))
        complaints.print(Text("  Nothing in this message was believed.", style="dim"))


def segments_table(segments: Iterable[tuple[str, str]]) -> Padding:
    """The segments of a signed string, one on each line; secrets must be masked already."""
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, text in segments:
        table.add_row(Text(safe(name)), Text(safe(text)) if text else Text("(empty)", style="dim"))
    return Padding(table, (0, 0, 0, 4))


def show_attempt(attempt: PendingAttempt, binding: Binding | None) -> None:
    """The attempt is on the terminal as a phone would show it."""
    asker = safe((binding and binding.integration_name) or "The integration")
    body = Text(safe(attempt.title or "Do you approve?"), style="bold")
    if attempt.message:
        body.append("\n" + safe(attempt.message, multiline=True), style="not bold")
    number = "it wants the number from the other screen" if attempt.challenge_required else "no number"
    body.append(f"\n\nattempt {attempt.attempt_id}, {number}", style="not bold dim")
    output.print(
        Panel(
            body,
            title=Text(f"{asker} asks"),
            subtitle=Text.assemble(TICK, "signed by the integration"),
            title_align="left",
            subtitle_align="left",
            width=min(output.width, 90),
        )
    )


def show_result(result: Result) -> None:
    """What became of the answer is on the terminal."""
    if result.proven:
        good = result.outcome in {"APPROVED", "DENIED"}
        output.print(
            Text.assemble(
                TICK if good else CROSS,
                f"{result.outcome}: {safe(result.message)} (signed by the integration)",
            )
        )
    else:
        output.print(Text.assemble(CROSS, f"FAILED, without a signature: {safe(result.message)}"))
