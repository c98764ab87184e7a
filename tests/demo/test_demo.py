"""`make demo`, as a stranger runs it."""

import asyncio
import os
import sys
from pathlib import Path

import httpx2

from countersign import AsyncClient
from device_sim import Device, Wallet


async def demo(*arguments: str) -> tuple[int, str]:
    """The exit code and what `countersign demo` printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "server", "demo", *arguments),
        env=os.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_every_step_comes_out_as_told(place: Path) -> None:
    """The main job happens, and nothing is left running."""
    code, told = await demo("--folder", str(place))
    assert code == 0, told
    for words in (
        "is told approved",
        "is told denied",
        "is told invalid",
        "is told EXPIRED",
        "verify, in both",
    ):
        assert words in told
    assert "✗" not in told
    assert not (place / "server.pid").exists()
    assert (place / "invitation.png").stat().st_mode & 0o077 == 0


async def test_a_kept_server_can_be_used_and_stopped(place: Path) -> None:
    """What the end says works: the wallet's phone answers the SDK, until the server is stopped."""
    code, told = await demo("--keep", "--folder", str(place))
    try:
        assert code == 0, told
        exported = dict(
            line.strip().removeprefix("export ").split("=", 1)
            for line in told.splitlines()
            if "export COUNTERSIGN_" in line
        )
        url = exported["COUNTERSIGN_URL"]
        enrollment = Wallet(place / "wallet.json").entry().enrollment
        async with (
            Device(enrollment) as phone,
            AsyncClient(url, exported["COUNTERSIGN_KEY_ID"], exported["COUNTERSIGN_KEY_SECRET"]) as shop,
        ):
            asking = asyncio.create_task(shop.approve("jane@example.com", "Payment", challenge=False))
            attempt = await phone.pending(wait_seconds=10)
            assert attempt is not None
            await phone.approve(attempt)
            assert (await asking).approved
        refused, said = await demo("--keep", "--folder", str(place))
        assert refused == 1
        assert "still runs" in said
    finally:
        stopped, said = await demo("--stop", "--folder", str(place))
    assert stopped == 0, said
    try:
        async with httpx2.AsyncClient() as http:
            await http.get(f"{url}/health")
    except httpx2.ConnectError:
        return
    raise AssertionError("the server still answers")
