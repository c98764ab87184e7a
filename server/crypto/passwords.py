"""Passwords at rest: Argon2id, on threads of its own, as many as there are cores.

A hash takes 19 MiB and some 20 to 40 ms of a core, so it never runs on the event loop, and how many run or
wait at one time is bounded: the memory that sign-ins take does not grow with how many people sign in. So is
how many wait on one account, which is a realm's: the busiest leaves room for the others.

What is kept is the PHC string, `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`: its parameters are in it.

Source: RFC 9106; the OWASP Password Storage Cheat Sheet; NIST SP 800-63B-4, section 3.1.1.2.
"""

import asyncio
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.base.errors import Unavailable
from server.base.secret import Secret
from server.base.settings import usable_cores

MEMORY_KIB = 19_456
PASSES = 2
MOST_WAITING = 256
MOST_WAITING_FOR_ONE = MOST_WAITING // 4

_ARGON2ID = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1, hash_len=32, salt_len=16)
# What a password is compared with where there is none to compare it with: a hash of nothing known.
_NOBODYS = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${'A' * 22}${'A' * 43}"

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Threads:
    """A few threads for slow work, and a queue before them that is never longer than said.

    A thread is started when there is work for it. Work that is not awaited any more leaves the queue at once;
    if it has begun, it runs to its end and takes its place until then.

    Args:
        threads: How many.
        most_waiting: How much work may wait while every thread is busy.
        most_for_one: How much of it on one account.
    """

    def __init__(self, threads: int, most_waiting: int, most_for_one: int) -> None:
        self.count = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._most = threads + most_waiting
        self._most_for_one = threads + most_for_one
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How much work runs or waits."""
        return self._taken.total()

    async def run(
        self,
        account: str,
        slow: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """What *slow* returns or raises, from one of the threads.

        Args:
            account: On whose account it waits; any text.
            slow: Called with the other arguments.

        Raises:
            Unavailable: As much work waits as may, of all or on this account.
        """
        self._take(account)
        work = self._pool.submit(slow, *args, **kwargs)
        # Called when the work has ended, or was cancelled before it began; whichever thread that is in.
        work.add_done_callback(partial(self._give_back, account))
        return await asyncio.wrap_future(work)

    def _take(self, account: str) -> None:
        with self._lock:
            if self.taken >= self._most or self._taken[account] >= self._most_for_one:
                raise Unavailable
            self._taken[account] += 1

    def _give_back(self, account: str, _: object) -> None:
        with self._lock:
            self._taken[account] -= 1
            if not self._taken[account]:
                del self._taken[account]


_threads = Threads(usable_cores(), MOST_WAITING, MOST_WAITING_FOR_ONE)


def share_cores(processes: int) -> None:
    """This process hashes on its share of the cores, at least one. Called before it serves.

    Args:
        processes: How many processes of this instance share the machine.
    """
    global _threads  # noqa: PLW0603 - one for the process, as its cores are
    _threads = Threads(max(1, usable_cores() // processes), MOST_WAITING, MOST_WAITING_FOR_ONE)


async def hash_password(password: Secret, account: str) -> str:
    """The password as it is kept, under a new salt of 128 bits: 97 ASCII characters.

    Two spellings of the same letters (NFC and NFD) are one password.

    Args:
        password: What the person typed.
        account: On whose account it waits: a realm's id as text.

    Raises:
        Unavailable: 256 others wait for theirs, or 64 on this account.
    """
    return await _threads.run(account, _ARGON2ID.hash, _bytes_of(password))


async def verify_password(kept: str | None, password: Secret, account: str) -> bool:
    """Whether *kept* was made from this password. It takes as long for None, and is then False.

    Args:
        kept: What `hash_password` gave, perhaps with older parameters; None where there is no account or it
            has no password. What is no Argon2 hash at all matches nothing.
        password: What the person typed.
        account: On whose account it waits: a realm's id as text.

    Raises:
        Unavailable: 256 others wait for theirs, or 64 on this account.
    """
    matches = await _threads.run(account, _matches, kept or _NOBODYS, _bytes_of(password))
    return matches and kept is not None


def needs_rehash(kept: str) -> bool:
    """Whether *kept* was made with other parameters than a new hash would be.

    Raises:
        ValueError: It is no Argon2 hash.
    """
    return _ARGON2ID.check_needs_rehash(kept)


def length_of(password: Secret) -> int:
    """How long the password is to the rules: its code points in NFC."""
    return len(_normalized(password))


def _matches(kept: str, password: bytes) -> bool:
    try:
        return _ARGON2ID.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def _bytes_of(password: Secret) -> bytes:
    return _normalized(password).encode("utf-8", "surrogatepass")


def _normalized(password: Secret) -> str:
    return unicodedata.normalize("NFC", password.reveal())
