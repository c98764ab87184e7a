"""Sampled stacks as py-spy writes them (`--format raw`), and whose the time in them is.

A line is `root;…;leaf count`, a frame `function (file:line)`; with `--native` there are frames of C in it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

GARBAGE_COLLECTOR = "garbage collector"
EVENT_LOOP = "event loop"
REST = "Python's own"

# Whose a frame is, by the first that its file or its function is found in. What is found in none, such as
# the standard library and the interpreter, works for whoever called it.
_LAYERS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        (GARBAGE_COLLECTOR, r"^gc_collect"),
        (
            "uvicorn",
            r"\((?:uvicorn|httptools|hypercorn|h11)/|server/serve/\w+_server\.py|^_*llhttp|\(http\.c",
        ),
        ("uvicorn", r"\((?:parser|url_parser|api)\.c"),
        ("logging", r"\((?:structlog|logging)/|server/serve/logs\.py"),
        ("metrics", r"\(prometheus_client/|server/surfaces/kit/metrics\.py"),
        ("crypto", r"\((?:cryptography|nacl)/|server/crypto/"),
        ("asyncpg and server/db", r"\(asyncpg/|server/db/|\((?:protocol|pgproto|recordobj)\.c"),
        ("pydantic", r"\(pydantic(?:_core)?/"),
        ("core", r"server/(?:core|base)/"),
        ("kit and routes", r"server/(?:surfaces/|app\.py)"),
        ("quart", r"\((?:quart|werkzeug|flask)/"),
        (EVENT_LOOP, r"\((?:asyncio|uvloop)/|\((?:loop|_asynciomodule)\.c|^uv_"),
    )
)
_SYSTEM_CALL = re.compile(
    r"^(?:writev?|send(?:to|msg)?|readv?|recv(?:from|msg)?|epoll_p?wait2?|epoll_ctl|getpid|getrandom|futex"
    r"|clock_gettime|syscall) \(libc"
)
_LINE = re.compile(r":\d+\)$")
_PYTHON = re.compile(r"\((?:<|.*\.py\)$)")


@dataclass(frozen=True, slots=True)
class Share:
    """A part of all samples.

    Args:
        share: 0 to 1.
        system_calls: How much of all samples is of it and in system calls.
    """

    name: str
    share: float
    system_calls: float


class Stacks:
    """Samples of one process, each a stack from its root to its leaf, without line numbers."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()
        for line in lines:
            stack, _, count = line.strip().rpartition(" ")
            if stack:
                self._counts[tuple(_LINE.sub(")", frame) for frame in stack.split(";"))] += int(count)
        self.samples = self._counts.total()

    def by_layer(self) -> list[Share]:
        """Whose the time is, the greatest share first."""
        return self._shares(_layer_of)

    def by_function(self, most: int) -> list[Share]:
        """In which functions the time is, the most dear first.

        C counts to the function that called it; a library's own, and system calls, to the layer.
        """
        return self._shares(_function_of)[:most]

    def _shares(self, owner_of: Callable[[Sequence[str]], str]) -> list[Share]:
        alone: Counter[str] = Counter()
        system_calls: Counter[str] = Counter()
        for stack, count in self._counts.items():
            owner = owner_of(stack)
            alone[owner] += count
            if _SYSTEM_CALL.search(stack[-1]):
                system_calls[owner] += count
        return [
            Share(name, count / self.samples, system_calls[name] / self.samples)
            for name, count in alone.most_common()
        ]


def _layer_of(stack: Sequence[str]) -> str:
    owners = [layer for frame in reversed(stack) if (layer := _layer_of_frame(frame)) is not None]
    if not owners:
        return REST
    if owners[0] == EVENT_LOOP and _SYSTEM_CALL.search(stack[-1]):
        # What the loop writes at once, it writes for somebody.
        return next((layer for layer in owners if layer != EVENT_LOOP), EVENT_LOOP)
    return owners[0]


def _layer_of_frame(frame: str) -> str | None:
    return next((name for name, pattern in _LAYERS if pattern.search(frame)), None)


def _function_of(stack: Sequence[str]) -> str:
    if _SYSTEM_CALL.search(stack[-1]):
        return f"{_layer_of(stack)}, system calls"
    for frame in reversed(stack):
        if _PYTHON.search(frame):
            return frame
        layer = _layer_of_frame(frame)
        if layer is not None:
            return f"{layer}, in C"
    return REST
