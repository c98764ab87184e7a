"""What `countersign serve` does, seen from outside, with a small application."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.serve.instances import Instance, instance, listening_instance

BOTH_SERVERS = pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])


@BOTH_SERVERS
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_stop_answers_who_waits_and_lets_work_finish(
    server: str, workers: str, tmp_path: Path, unused_database_url: str
) -> None:
    variables = {"COUNTERSIGN_SERVER": server, "COUNTERSIGN_WORKERS": workers}
    async with listening_instance(tmp_path, unused_database_url, **variables) as running:
        waiting = asyncio.create_task(running.get("/wait"))
        await running.line("waiting")
        slow = asyncio.create_task(running.get("/slow"))
        await running.line("working")
        running.send(signal.SIGTERM)

        assert await waiting == (200, b"stopping")
        assert await slow == (200, b"done")
        assert await running.ended() == (0, "")
        with pytest.raises(ConnectionRefusedError):
            await running.connect()
        assert [line["event"] for line in running.lines].count("ended") == int(workers)


@BOTH_SERVERS
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_port_that_is_bound_to_a_document_is_listened_on_too(
    server: str, workers: str, tmp_path: Path, unused_database_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    variables = {
        "COUNTERSIGN_SERVER": server,
        "COUNTERSIGN_WORKERS": workers,
        "COUNTERSIGN_SURFACE_BINDINGS": f":{port}=protekt,auth.example=protekt",
    }
    async with instance(tmp_path, unused_database_url, **variables) as running:
        line = await running.line("serve.listening")

        assert line["bound"] == [f"http://127.0.0.1:{port}"]
        for url in (line["url"], *line["bound"]):
            running.url = url
            assert await running.get("/port") == (200, url.rpartition(":")[2].encode())
        running.send(signal.SIGTERM)
        assert await running.ended() == (0, "")
        with pytest.raises(ConnectionRefusedError):
            await running.connect()


async def test_logs_are_json_and_hold_no_secret(tmp_path: Path, unused_database_url: str) -> None:
    async with listening_instance(tmp_path, unused_database_url) as running:
        running.send(signal.SIGTERM)
        await running.ended()

    (ended,) = [line for line in running.lines if line["event"] == "ended"]
    assert ended["logger"] == "tests.serve.small_app"
    assert ended["timestamp"].endswith("Z")
    assert "sesame" not in str(running.lines)


async def test_a_killed_worker_is_replaced(tmp_path: Path, unused_database_url: str) -> None:
    async with listening_instance(tmp_path, unused_database_url, COUNTERSIGN_WORKERS="2") as running:
        _, victim = await running.get("/pid")
        os.kill(int(victim), signal.SIGKILL)
        died = await running.line("worker.died")
        successor = (await running.line("worker.started"))["worker"]

        assert (died["worker"], died["exit"]) == (int(victim), "SIGKILL")
        await _until_served_by(running, successor)
        running.send(signal.SIGTERM)
        assert await running.ended() == (0, "")


async def test_a_hangup_replaces_every_worker(tmp_path: Path, unused_database_url: str) -> None:
    async with listening_instance(tmp_path, unused_database_url, COUNTERSIGN_WORKERS="2") as running:
        first = {line["worker"] for line in running.lines if line["event"] == "worker.started"}
        running.send(signal.SIGHUP)
        second = set()
        for _ in first:
            second.add((await running.line("worker.started"))["worker"])
            await running.line("ended")

        assert int((await running.get("/pid"))[1]) in second
        running.send(signal.SIGTERM)
        assert await running.ended() == (0, "")


@BOTH_SERVERS
async def test_work_that_outlives_the_grace_is_cut(
    server: str, tmp_path: Path, unused_database_url: str
) -> None:
    variables = {"COUNTERSIGN_SERVER": server, "COUNTERSIGN_SHUTDOWN_GRACE_SECONDS": "0"}
    async with listening_instance(tmp_path, unused_database_url, **variables) as running:
        slow = asyncio.create_task(running.get("/slow"))
        await running.line("working")
        running.send(signal.SIGTERM)

        assert (await running.ended())[0] == 0
        assert "ended" in [line["event"] for line in running.lines]
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError, AssertionError)):
            assert await slow == (200, b"done")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_second_interrupt_waits_for_nobody(
    workers: str, tmp_path: Path, unused_database_url: str
) -> None:
    variables = {"COUNTERSIGN_WORKERS": workers, "COUNTERSIGN_SHUTDOWN_GRACE_SECONDS": "600"}
    async with listening_instance(tmp_path, unused_database_url, **variables) as running:
        _, writer = await running.connect()
        writer.write(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n")
        await running.line("reading")
        running.send(signal.SIGINT)
        await running.line("serve.stopping")
        running.send(signal.SIGINT)

        assert (await running.ended())[0] == 0
        writer.close()


async def test_workers_do_not_outlive_their_supervisor(tmp_path: Path, unused_database_url: str) -> None:
    async with listening_instance(tmp_path, unused_database_url, COUNTERSIGN_WORKERS="2") as running:
        running.send(signal.SIGKILL)

        assert (await running.ended())[0] == -signal.SIGKILL
        assert [line["event"] for line in running.lines].count("ended") == 2


@BOTH_SERVERS
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_application_that_does_not_begin_ends_the_process(
    server: str, workers: str, tmp_path: Path, unused_database_url: str
) -> None:
    variables = {"COUNTERSIGN_SERVER": server, "COUNTERSIGN_WORKERS": workers, "SMALL_APP_FAILS": "1"}
    async with instance(tmp_path, unused_database_url, **variables) as running:
        assert await running.ended() == (1, "")
        assert "the moon is in the wrong phase" in str(running.lines)


async def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path, unused_database_url: str) -> None:
    taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = str(taken.sockets[0].getsockname()[1])
    async with instance(tmp_path, unused_database_url, COUNTERSIGN_PORT=port) as running:
        code, errors = await running.ended()

    taken.close()
    assert code == 2
    assert errors.startswith(f"countersign: Port {port} of 127.0.0.1 is taken")
    assert errors.count("\n") == 1


async def test_a_stop_during_the_start_is_a_stop(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        async with instance(tmp_path, f"postgresql://127.0.0.1:{silent.getsockname()[1]}/silent") as running:
            asking, _ = await asyncio.get_running_loop().sock_accept(silent)
            running.send(signal.SIGTERM)

            assert await running.ended() == (0, "")
            asking.close()


async def _until_served_by(running: Instance, pid: int) -> None:
    async with asyncio.timeout(20):
        while int((await running.get("/pid"))[1]) != pid:
            pass
