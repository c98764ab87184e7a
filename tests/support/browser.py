"""A real browser: Chromium without a screen, driven by the WebDriver protocol.

It reaches this machine and nothing else.

Source: W3C WebDriver, sections 8 to 13.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

PATIENCE_SECONDS = 20.0
PAUSE_SECONDS = 0.05
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_STARTED = "started successfully on port "
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass(frozen=True)
class Browser:
    """One window.

    Args:
        driver: Speaks WebDriver, with the session as base URL.
    """

    driver: httpx2.AsyncClient

    async def open(self, url: str) -> None:
        """The page is loaded."""
        await self._do("url", {"url": url})

    async def url(self) -> str:
        """Where it is, with the fragment."""
        told: str = await self._ask("url")
        return told

    async def text(self) -> str:
        """What somebody reads on the page."""
        told: str = await self._ask(f"element/{await self._find('body')}/text")
        return told

    async def type(self, selector: str, text: str) -> None:
        """*text* is typed into the field."""
        await self._do(f"element/{await self._find(selector)}/value", {"text": text})

    async def press(self, selector: str) -> None:
        """The button is pressed, and whatever it loads is loaded."""
        await self._do(f"element/{await self._find(selector)}/click", {})

    async def arrives(self, at: str) -> str:
        """Where it is, once that begins with *at*: a click may answer before the last redirect does."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (url := await self.url()).startswith(at):  # noqa: ASYNC110 - the browser tells nobody
                await asyncio.sleep(PAUSE_SECONDS)
        return url

    async def _find(self, selector: str) -> str:
        found = await self._do("element", {"using": "css selector", "value": selector})
        element: str = found[_ELEMENT]
        return element

    async def _ask(self, path: str) -> Any:  # noqa: ANN401 - whatever is told
        return _value(await self.driver.get(path))

    async def _do(self, path: str, body: dict[str, object]) -> Any:  # noqa: ANN401 - whatever is told
        return _value(await self.driver.post(path, json=body))


@asynccontextmanager
async def a_browser(folder: Path) -> AsyncIterator[Browser]:
    """A browser that nobody used before; skips the test where there is none.

    Args:
        folder: What it writes goes there.
    """
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("Chromium and chromedriver are needed for journeys of a real browser")
    process = await asyncio.create_subprocess_exec(
        *(driver, "--port=0"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        port = await _port_of(process)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            options = {"binary": chromium, "args": [*_FLAGS, f"--user-data-dir={folder / 'browser'}"]}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            session = _value(await http.post("/session", json=wanted))["sessionId"]
            async with httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}/session/{session}/", timeout=60
            ) as window:
                await window.post("timeouts", json={"implicit": int(PATIENCE_SECONDS * 1000)})
                yield Browser(window)
            await http.delete(f"/session/{session}")
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _port_of(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await process.stdout.readline()).decode():
            if _STARTED in line:
                return int(line.partition(_STARTED)[2].strip(" .\n"))
    raise AssertionError("chromedriver did not start")


def _value(answer: httpx2.Response) -> Any:  # noqa: ANN401 - whatever is told
    value = answer.json()["value"]
    assert answer.status_code == 200, value
    return value
