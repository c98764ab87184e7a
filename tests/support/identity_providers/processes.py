"""The providers as processes of Node.js, installed once."""

import asyncio
import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

LEAST_NODE = 20
INSTALL_SECONDS = 110
START_SECONDS = 30.0

_HERE = Path(__file__).parent
_PACKAGES = ("package.json", "package-lock.json")
_SCRIPTS = ("openid_provider.mjs", "saml_provider.mjs")


def installed() -> Path:
    """A folder with the providers; what they need is in the one around it. Who comes first makes both.

    Skips the test where Node.js or the registry of its packages is not there.
    """
    missing = _missing()
    if missing:
        pytest.skip(missing)
    # Beside the packages of the tests themselves, out of the repository.
    packages = Path(sys.prefix) / "identity-providers" / _digest_of(_PACKAGES)
    scripts = packages / _digest_of(_SCRIPTS)
    scripts.mkdir(parents=True, exist_ok=True)
    with (packages / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (packages / "ready").exists():
            _install(packages)
            (packages / "ready").touch()
        for name in _SCRIPTS:
            if not (scripts / name).exists():
                shutil.copy(_HERE / name, scripts / name)
    return scripts


@asynccontextmanager
async def running(script: str, *arguments: str) -> AsyncIterator[str]:
    """One of the providers is running; what its first line says."""
    folder = await asyncio.to_thread(installed)
    process = await asyncio.create_subprocess_exec(
        *("node", script, *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
        assert line, f"{script} ended with {await process.wait()}"
        yield line.decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _missing() -> str | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "Node.js and npm are needed for identity providers that are not ours"
    version = subprocess.run(  # noqa: S603 - the machine's own node
        [node, "--version"], capture_output=True, text=True, check=True
    ).stdout
    if int(version.strip().removeprefix("v").partition(".")[0]) < LEAST_NODE:
        return f"identity providers that are not ours need Node.js {LEAST_NODE} or newer"
    return None


def _digest_of(names: tuple[str, ...]) -> str:
    return hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in names)).hexdigest()[:16]


def _install(folder: Path) -> None:
    for name in _PACKAGES:
        shutil.copy(_HERE / name, folder / name)
    try:
        subprocess.run(  # noqa: S603 - the machine's own npm, with our lock file
            [shutil.which("npm") or "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            check=True,
            timeout=INSTALL_SECONDS,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("identity providers that are not ours could not be installed from npm")
