"""Where the time of an operation goes inside the server process, by cProfile: no sockets, no HTTP parsing.

Profiling makes small functions look dearer than they are: compare shares, and believe the time per request
that is measured without it.
"""

import cProfile
import pstats
from io import StringIO
from time import perf_counter

from server.base.settings import Settings
from tests.bench.direct import Direct, scope_and_body
from tests.bench.fleet import Fleet
from tests.bench.scenarios import Scenario

MICROSECONDS = 1_000_000
SHOWN = 45


async def profile(scenario: Scenario, settings: Settings, database_url: str, fleet: Fleet) -> str:
    """*scenario* for every phone once, one after the other: what is dear, alone and with what it calls."""
    profiler = cProfile.Profile()
    async with Direct(settings, database_url) as product:
        await _once_each(product, scenario, fleet)  # warms up
        plain = await _once_each(product, scenario, fleet)
        await _once_each(product, scenario, fleet, profiler)
    text = StringIO()
    text.write(f"{scenario.name}: {plain:.0f} µs a request, one at a time, without the profiler\n")
    statistics = pstats.Stats(profiler, stream=text)
    for order in ("tottime", "cumulative"):
        statistics.sort_stats(order).print_stats(SHOWN)
    return text.getvalue()


async def _once_each(
    product: Direct, scenario: Scenario, fleet: Fleet, profiler: cProfile.Profile | None = None
) -> float:
    """Microseconds a request."""
    requests = [scope_and_body(request) for request in await scenario.prepare(fleet)]
    if profiler is not None:
        profiler.enable()
    began = perf_counter()
    for scope, body in requests:
        await product.call(scope, body, scenario.expected)
    seconds = perf_counter() - began
    if profiler is not None:
        profiler.disable()
    return seconds / len(requests) * MICROSECONDS
