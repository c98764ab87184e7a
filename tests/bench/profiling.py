"""Where the processor time of an operation goes inside the server process: no sockets, no HTTP parsing.

A timer of the process's own processor time interrupts it now and then, and the stack is noted. Unlike a
profiler that hooks every call this costs nothing worth mentioning, so small functions look no dearer than
they are. Time in C belongs to the Python function that called; that of the event loop to the one that it
goes on with.
"""

import asyncio
import re
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

from server.base.settings import Settings
from tests.bench.direct import Direct, Scope, scope_and_body
from tests.bench.fleet import Fleet
from tests.bench.scenarios import Scenario

MICROSECONDS = 1_000_000
SAMPLE_SECONDS = 0.001
AT_A_TIME = 8
SHOWN = 40

# What paths begin with before they say anything: of this project, of a library, of Python's own.
_ROOT = re.compile(
    rf"{re.escape(str(Path(__file__).parents[2]))}/(?!\.venv/)|.*/site-packages/|.*/lib/python[0-9.]+/"
)


class Samples:
    """Stacks, noted at equal distances of processor time."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._alone: Counter[CodeType] = Counter()
        self._with_callees: Counter[CodeType] = Counter()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """What runs inside is sampled."""
        before = signal.signal(signal.SIGPROF, self._note)
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self.seconds += time.process_time() - began
            signal.signal(signal.SIGPROF, before)

    def table(self, requests: int) -> str:
        """Microseconds a request by function: by itself, and with all that it calls."""
        each = self.seconds / requests * MICROSECONDS
        lines = [f"{each:.0f} µs of processor time a request; {self.count} samples"]
        for title, counter in (("by itself", self._alone), ("with what it calls", self._with_callees)):
            lines += ["", f"     µs  share  {title}"]
            # What every stack begins with is the bench itself.
            found = [(code, count) for code, count in counter.most_common() if count < self.count]
            for code, count in found[:SHOWN]:
                share = count / self.count
                lines.append(f"{share * each:7.1f} {share:6.1%}  {_place(code)} {code.co_name}")
        return "\n".join([*lines, ""])

    def _note(self, _: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self.count += 1
        self._alone[frame.f_code] += 1
        stack = set()
        while frame is not None:
            stack.add(frame.f_code)
            frame = frame.f_back
        self._with_callees.update(stack)


async def profile(
    scenario: Scenario, settings: Settings, database_url: str, fleet: Fleet, *, rounds: int
) -> str:
    """*scenario*, *rounds* times for every phone, some at a time: what is dear, and how dear."""
    samples = Samples()
    # It would hear what the product publishes, and in this process that would look like the product's doing.
    await fleet.core.db.wakeups.close()
    async with Direct(settings, database_url) as product:
        await _serve_each(product, scenario, await _requests(scenario, fleet))  # warms up
        for _ in range(rounds):
            requests = await _requests(scenario, fleet)
            with samples.taken():
                await _serve_each(product, scenario, requests)
    return f"{scenario.name}: {samples.table(rounds * len(fleet.phones))}"


async def _requests(scenario: Scenario, fleet: Fleet) -> list[tuple[Scope, bytes]]:
    return [scope_and_body(request) for request in await scenario.prepare(fleet)]


async def _serve_each(product: Direct, scenario: Scenario, requests: Iterable[tuple[Scope, bytes]]) -> None:
    remaining = iter(requests)

    async def serve() -> None:
        for scope, body in remaining:
            await product.call(scope, body, scenario.expected)

    await asyncio.gather(*(serve() for _ in range(AT_A_TIME)))


def _place(code: CodeType) -> str:
    return f"{_ROOT.sub('', code.co_filename)}:{code.co_firstlineno}"
