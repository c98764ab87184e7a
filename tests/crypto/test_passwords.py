import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import argon2
import pytest

from server.base.errors import Unavailable
from server.base.secret import Secret
from server.base.settings import usable_cores
from server.crypto import passwords
from server.crypto.passwords import (
    Threads,
    hash_password,
    length_of,
    needs_rehash,
    share_cores,
    verify_password,
)

A_REALM = "a realm"
COMPOSED, DECOMPOSED = "Stra\u00dfe caf\u00e9 \uac00", "Stra\u00dfe cafe\u0301 \u1100\u1161"


class Gate:
    """Slow work that lasts until it is let through."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun = threading.Semaphore(0)
        self.finished = 0

    def pass_through(self) -> str:
        """The work itself."""
        self.begun.release()
        assert self.opened.wait(30)
        self.finished += 1
        return "done"


@pytest.fixture
def gate() -> Iterator[Gate]:
    a_gate = Gate()
    yield a_gate
    a_gate.opened.set()


async def begun(gate: Gate, times: int = 1) -> None:
    for _ in range(times):
        assert await asyncio.to_thread(gate.begun.acquire, timeout=30)


async def until(done: Callable[[], bool]) -> None:
    """Threads tell the event loop nothing about what they did after they gave their result."""
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)


def waiting(
    threads: Threads, work: Callable[[], str], count: int, account: str = A_REALM
) -> list[asyncio.Task[str]]:
    async def run() -> str:
        return await threads.run(account, work)

    return [asyncio.create_task(run()) for _ in range(count)]


# --- Argon2id ---


async def test_a_password_is_kept_with_its_parameters_and_a_salt_of_its_own() -> None:
    one, other = [await hash_password(Secret("correct horse battery staple"), A_REALM) for _ in range(2)]

    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert len(one) == 97
    assert one != other
    assert argon2.PasswordHasher().verify(one, "correct horse battery staple")


@pytest.mark.parametrize("password", ["", "a", " ", "\x00", "x\x00y", "x" * 70_000, "🔑" * 64, "\ud800"])
async def test_every_text_is_a_password_and_matches_only_itself(password: str) -> None:
    kept = await hash_password(Secret(password), A_REALM)

    assert await verify_password(kept, Secret(password), A_REALM)
    for other in (password + " ", password + "\x00", "y" + password, password[:-1] or "z"):
        assert not await verify_password(kept, Secret(other), A_REALM)


async def test_two_spellings_of_the_same_letters_are_one_password_of_one_length() -> None:
    assert await verify_password(await hash_password(Secret(COMPOSED), A_REALM), Secret(DECOMPOSED), A_REALM)
    assert await verify_password(await hash_password(Secret(DECOMPOSED), A_REALM), Secret(COMPOSED), A_REALM)
    assert length_of(Secret(COMPOSED)) == length_of(Secret(DECOMPOSED)) == 13


async def test_letters_that_only_look_alike_are_another_password() -> None:
    """NFC, not NFKC: a ligature or a full-width letter stays what was typed."""
    kept = await hash_password(Secret("office"), A_REALM)

    assert not await verify_password(kept, Secret("o\ufb03ce"), A_REALM)
    assert not await verify_password(kept, Secret("\uff4fffice"), A_REALM)
    assert not await verify_password(kept, Secret("Office"), A_REALM)


def test_a_length_counts_code_points() -> None:
    assert length_of(Secret("")) == 0
    assert length_of(Secret("🔑🔑")) == 2
    assert length_of(Secret("e\u0301" * 8)) == 8


@pytest.mark.parametrize("password", ["", "password", "A" * 22])
async def test_where_no_password_is_kept_none_matches(password: str) -> None:
    assert not await verify_password(None, Secret(password), A_REALM)


@pytest.mark.parametrize(
    "kept", ["", "*", "$argon2id$", "$2b$12$abc", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$"]
)
async def test_what_is_no_hash_matches_no_password(kept: str) -> None:
    assert not await verify_password(kept, Secret("password"), A_REALM)


async def test_nobodys_hash_costs_what_a_real_one_does() -> None:
    kept = await hash_password(Secret("password"), A_REALM)

    assert argon2.extract_parameters(passwords._NOBODYS) == argon2.extract_parameters(kept)
    assert not needs_rehash(passwords._NOBODYS)


async def test_a_hash_with_older_parameters_still_counts_and_wants_to_be_made_again() -> None:
    older = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=2).hash("password")

    assert await verify_password(older, Secret("password"), A_REALM)
    assert not await verify_password(older, Secret("Password"), A_REALM)
    assert needs_rehash(older)
    assert not needs_rehash(await hash_password(Secret("password"), A_REALM))


# --- threads ---


async def test_the_event_loop_goes_on_while_a_password_is_hashed() -> None:
    hashing = asyncio.create_task(hash_password(Secret("password"), A_REALM))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 2
    assert threading.current_thread() is threading.main_thread()


async def test_no_more_runs_at_one_time_than_there_are_threads(gate: Gate) -> None:
    threads = Threads(2, most_waiting=10, most_for_one=10)
    tasks = waiting(threads, gate.pass_through, 6)
    await begun(gate, times=2)
    await asyncio.sleep(0.05)

    assert not gate.begun.acquire(blocking=False)
    gate.opened.set()
    assert await asyncio.gather(*tasks) == ["done"] * 6


async def test_beyond_what_may_wait_the_next_is_refused_and_later_ones_are_not(gate: Gate) -> None:
    threads = Threads(1, most_waiting=2, most_for_one=2)
    tasks = waiting(threads, gate.pass_through, 3)
    await begun(gate)

    with pytest.raises(Unavailable):
        await threads.run(A_REALM, gate.pass_through)
    gate.opened.set()
    await asyncio.gather(*tasks)
    assert await threads.run(A_REALM, gate.pass_through) == "done"


async def test_one_account_leaves_room_for_the_others(gate: Gate) -> None:
    threads = Threads(1, most_waiting=4, most_for_one=1)
    tasks = waiting(threads, gate.pass_through, 2)
    await begun(gate)

    with pytest.raises(Unavailable):
        await threads.run(A_REALM, gate.pass_through)
    others = [*waiting(threads, gate.pass_through, 2, "b"), *waiting(threads, gate.pass_through, 1, "c")]
    await asyncio.sleep(0)
    for account in ("b", "d"):
        with pytest.raises(Unavailable):
            await threads.run(account, gate.pass_through)
    gate.opened.set()

    assert await asyncio.gather(*tasks, *others) == ["done"] * 5
    await until(lambda: not threads.taken)
    assert await threads.run(A_REALM, gate.pass_through) == "done"


async def test_who_gives_up_waiting_leaves_the_queue_at_once_and_is_never_served(gate: Gate) -> None:
    threads = Threads(1, most_waiting=3, most_for_one=3)
    running, *queued = waiting(threads, gate.pass_through, 4)
    await begun(gate)
    for task in queued:
        task.cancel()
    await asyncio.gather(*queued, return_exceptions=True)

    again = waiting(threads, gate.pass_through, 3)
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await threads.run(A_REALM, gate.pass_through)

    gate.opened.set()
    assert await asyncio.gather(running, *again) == ["done"] * 4
    assert gate.finished == 4


async def test_who_gives_up_what_runs_leaves_its_place_taken_until_it_has_ended(gate: Gate) -> None:
    threads = Threads(1, most_waiting=0, most_for_one=0)
    (running,) = waiting(threads, gate.pass_through, 1)
    await begun(gate)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    with pytest.raises(Unavailable):
        await threads.run(A_REALM, gate.pass_through)

    gate.opened.set()
    await until(lambda: gate.finished == 1)
    await until(lambda: not threads.taken)
    assert await threads.run(A_REALM, gate.pass_through) == "done"


async def test_the_count_is_right_after_any_mixture_of_ends() -> None:
    threads = Threads(2, most_waiting=6, most_for_one=6)

    def fail() -> str:
        raise LookupError

    def late() -> str:
        time.sleep(0.001)
        return "late"

    for round_ in range(50):
        tasks = [
            *waiting(threads, lambda: "done", 3),
            *waiting(threads, fail, 3),
            *waiting(threads, late, 4),
        ]
        await asyncio.sleep(0.001 * (round_ % 3))
        for task in tasks[round_ % 4 :: 3]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await until(lambda: not threads.taken)


async def test_what_slow_work_raises_is_raised_where_it_is_awaited() -> None:
    def fail() -> None:
        raise LookupError("the reason")

    with pytest.raises(LookupError, match="the reason"):
        await Threads(1, most_waiting=0, most_for_one=0).run(A_REALM, fail)


@pytest.mark.parametrize(
    "work",
    [lambda secret: hash_password(secret, A_REALM), lambda secret: verify_password(None, secret, A_REALM)],
)
async def test_too_many_passwords_at_one_time_are_refused(
    work: Callable[[Secret], Awaitable[object]], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = Threads(1, most_waiting=0, most_for_one=0)
    monkeypatch.setattr(passwords, "_threads", threads)
    (running,) = waiting(threads, gate.pass_through, 1)
    await begun(gate)

    with pytest.raises(Unavailable):
        await work(Secret("password"))
    gate.opened.set()
    await running


@pytest.mark.parametrize(("processes", "share"), [(1, usable_cores()), (usable_cores(), 1), (10_000, 1)])
def test_processes_share_the_cores(processes: int, share: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_threads", passwords._threads)
    share_cores(processes)

    assert passwords._threads.count == share


def test_no_thread_is_started_before_there_is_a_password() -> None:
    program = "import threading, server.crypto.passwords; print(threading.active_count())"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own program

    assert output.stdout == "1\n"
