"""How the demonstration speaks: numbered steps, who does what, and whether it came out as told."""

from rich.console import Console
from rich.markup import escape


class Telling:
    """Writes the story to the terminal; without one it is plain text without colours."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._step = 0

    def step(self, title: str) -> None:
        """The next numbered step begins."""
        self._step += 1
        self._console.print(f"\n[bold cyan]{self._step}. {escape(title)}[/]")

    def says(self, who: str, what: str) -> None:
        """*who* (server, operator, phone, shop) did *what*."""
        colour = {"server": "blue", "operator": "magenta", "phone": "green", "shop": "yellow"}.get(
            who, "white"
        )
        self._console.print(f"   [{colour}]{who:>8}[/]  {escape(what)}")

    def checked(self, what: str) -> None:
        """Something was verified."""
        self._console.print(f"   [green]{'✓':>8}[/]  {escape(what)}")

    def plain(self, text: str) -> None:
        """*text* exactly as it is, such as a QR."""
        self._console.print(text, markup=False, end="")

    def closing(self, title: str, text: str) -> None:
        """What to remember. The text may hold markup; its lines are never broken, so they can be copied."""
        self._console.print(f"\n[bold cyan]{escape(title)}[/]")
        for line in text.splitlines():
            self._console.print(f"   {line}")

    def failed(self, sentence: str) -> None:
        """It did not come out as told."""
        self._console.print(f"\n[bold red]✗ {escape(sentence)}[/]")
