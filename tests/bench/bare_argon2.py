"""Argon2id without anything around it: what the machine does at most, whoever asks."""

import threading
from dataclasses import dataclass
from time import perf_counter, process_time

import argon2

from server.crypto import passwords
from tests.bench.cpu import MICROSECONDS

_HASHER = argon2.PasswordHasher(
    time_cost=passwords.PASSES, memory_cost=passwords.MEMORY_KIB, parallelism=1, hash_len=32, salt_len=16
)


@dataclass(frozen=True, slots=True)
class Bare:
    """A short time of nothing but verifications.

    Args:
        per_second: By all threads together.
        own_us: The processor time of each, in microseconds.
    """

    per_second: float
    own_us: float


def verify_only(threads: int, seconds: float) -> Bare:
    """What *threads* achieve that check right passwords and do nothing else; it blocks for so long."""
    kept = _HASHER.hash("password")
    counts = [0] * threads
    start = threading.Barrier(threads + 1)
    end = float("inf")

    def check(number: int) -> None:
        start.wait()
        while perf_counter() < end:
            _HASHER.verify(kept, "password")
            counts[number] += 1

    workers = [threading.Thread(target=check, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    used, began = process_time(), perf_counter()
    end = began + seconds
    for worker in workers:
        worker.join()
    return Bare(
        per_second=sum(counts) / (perf_counter() - began),
        own_us=(process_time() - used) * MICROSECONDS / sum(counts),
    )
