"""Writes docs/reference anew, or with `--check` says what in it is not as the code is."""

import asyncio
import sys
import tempfile
from pathlib import Path

from server.db.embedded import EmbeddedPostgres
from server.reference.pages import pages

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def main(arguments: list[str]) -> int:
    """The exit code: 0 when the pages are, or now are, as the code is."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres.start(Path(folder)) as postgres:
        written = asyncio.run(pages(postgres.url))
    stale = [name for name, text in written.items() if _read(FOLDER / name) != text]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/reference/{name} is not as the code is: run `make docs`", file=sys.stderr)  # noqa: T201
        return 1 if stale else 0
    for name in stale:
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written[name], encoding="utf-8")
        print(f"wrote docs/reference/{name}")  # noqa: T201
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
