"""How a run is made; the command line says what each option is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.rows import KeyKind

Tell = Callable[[str], None]
"""Says what is going on, to whoever watches."""


@dataclass(frozen=True, slots=True)
class Options:
    """One run's."""

    rounds: int
    seconds: float
    connections: int
    keys: tuple[KeyKind, ...]
    phones: int
    enrollments: int
    waiters: int
    answers: int
    users: int
    people: int
    tries: int
    active_days: int
    durable: bool
    log: Path
