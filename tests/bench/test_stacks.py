"""Whose the time in a sampled stack is."""

from tests.bench.stacks import EVENT_LOOP, GARBAGE_COLLECTOR, REST, Stacks

ROOT = "Runner.run (asyncio/runners.py:118);run_forever (loop.c:33192);"
ROUTE = ROOT + "pending (server/surfaces/ezkey_device/attempts.py:127);"


def layers(*lines: str) -> dict[str, float]:
    """The share of each layer."""
    return {part.name: part.share for part in Stacks(lines).by_layer()}


def test_the_time_is_whose_the_leaf_is() -> None:
    """The caller pays for what nobody else owns."""
    found = layers(
        ROUTE + "P256Key.verify (server/crypto/device_keys.py:116) 3",
        ROUTE + "uuid4 (uuid.py:723);getrandom (libc.so.6) 1",
    )

    assert found == {"crypto": 0.75, "kit and routes": 0.25}


def test_what_the_loop_writes_at_once_is_written_for_its_caller() -> None:
    """What it reads, it reads by itself."""
    written = ROUTE + "fetch (asyncpg/connection.py:717);UVStream_write (loop.c:1);write (libc.so.6)"
    read = ROOT + "uv__read (stream.c:1063);read (libc.so.6)"

    found = layers(f"{written} 1", f"{read} 1")
    functions = {part.name for part in Stacks([f"{written} 1", f"{read} 1"]).by_function(10)}

    assert found == {"asyncpg and server/db": 0.5, EVENT_LOOP: 0.5}
    assert functions == {"asyncpg and server/db, system calls", f"{EVENT_LOOP}, system calls"}


def test_a_function_is_one_whatever_its_lines_are() -> None:
    """C that it calls is its own; C of a library is not."""
    functions = Stacks(
        [
            ROUTE + "digest (server/crypto/tokens.py:79) 1",
            ROUTE + "digest (server/crypto/tokens.py:80);sha256 (libcrypto.so.3) 1",
            ROUTE + "verify (server/crypto/x.py:1);mul (cryptography/hazmat/bindings/_rust.abi3.so) 1",
        ]
    ).by_function(10)

    assert [part.name for part in functions] == ["digest (server/crypto/tokens.py)", "crypto, in C"]


def test_collecting_garbage_is_nobodys_who_was_interrupted_by_it() -> None:
    """It happens wherever something is allocated."""
    found = layers(
        ROUTE + "gc_collect_main (libpython3.11.so.1.0);visit (object.h:1) 1", "start (libc.so.6) 1"
    )

    assert found == {GARBAGE_COLLECTOR: 0.5, REST: 0.5}
