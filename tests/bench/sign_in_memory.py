"""What many sign-ins at a time cost the process that does them: memory, which a queue keeps bounded."""

from dataclasses import dataclass

import uvloop

from server.base.settings import usable_cores
from server.crypto.passwords import MEMORY_KIB
from tests.bench.connections import connections_to
from tests.bench.figures import Detail, Figure, Outcome, Target
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.load import saturate
from tests.bench.memory import forget_peak, peak_kib, resident_kib
from tests.bench.options import Options, Tell
from tests.bench.people import SIGNED_IN, VERIFIED, People

AT_A_TIME = 64
ROUNDS = 4
KIB = 1024
# Beside the threads: what 64 requests and their answers hold.
SPARE_MIB = 16


@dataclass(frozen=True, slots=True)
class _Memory:
    """Of the serving process, in KiB."""

    idle: int
    peak: int
    after: int


def measure_sign_in_memory(options: Options, tell: Tell) -> Outcome:
    """The most that one process held while 64 people signed in at a time, against what it holds without.

    Raises:
        WrongAnswer: Somebody could not sign in.
        OSError: The memory of a process cannot be known here.
    """
    with ground(durable=options.durable) as prepared, running(prepared, options.log) as server:
        memory = uvloop.run(_measure(tell, prepared, server))
    threads_mib = usable_cores() * MEMORY_KIB / KIB
    more_mib = (memory.peak - memory.idle) / KIB
    name = f"{AT_A_TIME} sign-ins at a time, memory"
    return Outcome(
        figures=[Figure(name, more_mib, "MiB more", Target(threads_mib + SPARE_MIB, at_most=True))],
        details=[
            Detail(
                f"Memory of one process, {AT_A_TIME} sign-ins at a time, in MiB",
                ("", "MiB"),
                [
                    ["idle, everything loaded", _mib(memory.idle)],
                    ["at most while they sign in", _mib(memory.peak)],
                    ["afterwards", _mib(memory.after)],
                    [f"{usable_cores()} threads of {MEMORY_KIB / KIB:.0f} MiB", f"{threads_mib:,.1f}"],
                    [f"without a queue, {AT_A_TIME} of them", f"{AT_A_TIME * MEMORY_KIB / KIB:,.1f}"],
                ],
            )
        ],
        raw={"idle_kib": memory.idle, "peak_kib": memory.peak, "after_kib": memory.after},
    )


async def _measure(tell: Tell, prepared: Ground, server: Running) -> _Memory:
    async with People.registered(prepared.settings, prepared.database_url, AT_A_TIME) as people:
        (token,) = await people.access_tokens(1)
        with connections_to(server.address, AT_A_TIME) as connections:
            # What requests and their answers need is there before.
            saturate(connections, [people.verifying(token)] * (ROUNDS * AT_A_TIME), VERIFIED)
            idle = resident_kib(server.process)
            forget_peak(server.process)
            tell(f"{AT_A_TIME} people sign in, {ROUNDS} times")
            saturate(connections, await people.sign_ins(ROUNDS * AT_A_TIME), SIGNED_IN)
            return _Memory(idle, peak_kib(server.process), resident_kib(server.process))


def _mib(kib: int) -> str:
    return f"{kib / KIB:,.1f}"
