"""Lines share a write where they may, and none is lost, torn or out of its place."""

import asyncio
import io
import subprocess
import sys
import threading

import pytest

from server.serve.log_stream import MOST_BYTES, LogStream


class Writes(io.StringIO):
    """A stream that remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.each: list[str] = []

    def write(self, text: str) -> int:
        """*text* is written."""
        self.each.append(text)
        return super().write(text)


@pytest.fixture
def writes() -> Writes:
    """Where the lines go."""
    return Writes()


@pytest.fixture
def stream(writes: Writes) -> LogStream:
    """What is tested."""
    return LogStream(writes)


async def test_lines_of_one_turn_share_a_write(stream: LogStream, writes: Writes) -> None:
    stream.gather("one")
    stream.gather("two")
    assert writes.each == []

    await asyncio.sleep(0)
    stream.gather("three")
    await asyncio.sleep(0)

    assert writes.each == ["one\ntwo\n", "three\n"]


async def test_other_lines_come_after_those_gathered_before(stream: LogStream, writes: Writes) -> None:
    stream.gather("one")
    stream.write("two")
    stream.gather("three")
    await asyncio.sleep(0)

    assert writes.getvalue() == "one\ntwo\nthree\n"


async def test_no_write_is_longer_than_what_a_pipe_takes_in_one_piece(
    stream: LogStream, writes: Writes
) -> None:
    lines = [str(number).rjust(MOST_BYTES // 4 - 1) for number in range(9)]
    for line in lines:
        stream.gather(line)
    await asyncio.sleep(0)

    assert [len(text) for text in writes.each] == [MOST_BYTES, MOST_BYTES, MOST_BYTES // 4]
    assert writes.getvalue() == "".join(f"{line}\n" for line in lines)


async def test_a_line_longer_than_that_is_written_by_itself(stream: LogStream, writes: Writes) -> None:
    for line in ("before", "x" * MOST_BYTES, "after"):
        stream.gather(line)
    await asyncio.sleep(0)

    assert [len(text) for text in writes.each] == [7, MOST_BYTES + 1, 6]


def test_without_a_loop_a_line_is_written_at_once(stream: LogStream, writes: Writes) -> None:
    stream.gather("one")

    assert writes.each == ["one\n"]


def test_what_a_loop_left_when_it_ended_is_written_with_the_next(stream: LogStream, writes: Writes) -> None:
    def last() -> None:
        stream.gather("one")
        loop.stop()

    loop = asyncio.new_event_loop()
    loop.call_soon(last)
    loop.run_forever()
    loop.close()
    assert writes.each == []

    async def first() -> None:
        stream.gather("two")

    asyncio.run(first())
    assert writes.each == ["one\ntwo\n"]


CUT_OFF = """
import asyncio, sys
from server.serve.log_stream import LogStream

def last():
    LogStream(sys.stdout).gather("the last word")
    loop.stop()

loop = asyncio.new_event_loop()
loop.call_soon(last)
loop.run_forever()
"""


def test_what_is_left_at_the_end_of_the_process_is_written() -> None:
    ended = subprocess.run([sys.executable, "-c", CUT_OFF], check=True, capture_output=True, text=True)  # noqa: S603 - this very interpreter

    assert ended.stdout == "the last word\n"


async def test_threads_lose_nothing_to_each_other(stream: LogStream, writes: Writes) -> None:
    def write() -> None:
        for number in range(500):
            stream.write(f"w{number}")

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(500):
        stream.gather(f"g{number}")
        if number % 5 == 0:
            await asyncio.sleep(0)
    for thread in threads:
        thread.join()
    stream.flush()

    lines = writes.getvalue().splitlines()
    assert len(lines) == 1500
    assert [line for line in lines if line.startswith("g")] == [f"g{number}" for number in range(500)]


async def test_what_the_stream_refuses_breaks_nothing(stream: LogStream, writes: Writes) -> None:
    writes.close()
    stream.gather("lost")
    await asyncio.sleep(0)
    stream.write("lost")
