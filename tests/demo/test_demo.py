"""`make demo`, as a stranger runs it."""

import asyncio
import os
import re
import sys
from pathlib import Path

import httpx2

from device_sim import Device, Wallet

README = Path(__file__).parents[2] / "README.md"


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


def readme_block(marker: str) -> str:
    """The README's block whose fence says *marker*."""
    found = re.search(
        rf"^```{marker}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"the README has no block {marker!r}"
    return found[1]


async def readme_example(variables: dict[str, str], phone: Device) -> str:
    """What the README's example prints at last, when the phone approves with the number it prints first."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", readme_block("python sdk-example")),
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    number = re.fullmatch(r"Type (\d{6}) on your phone", (await process.stdout.readline()).decode().strip())
    assert number is not None
    attempt = await phone.pending(wait_seconds=10)
    assert attempt is not None
    await phone.approve(attempt, int(number[1]))
    rest, _ = await process.communicate()
    return rest.decode().strip()


async def test_the_commands_of_the_readme_are_those_that_are_tested() -> None:
    """`make demo` is what this file runs, `make test` what CI runs."""
    assert readme_block("sh make-demo") == "make demo\n"
    assert readme_block("sh make-test") == "make test\n"
    assert "make test\n" in (README.parent / ".ci" / "run").read_text(encoding="utf-8")


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
        async with Device(Wallet(place / "wallet.json").entry().enrollment) as phone:
            assert await readme_example(exported, phone) == "paid"
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
