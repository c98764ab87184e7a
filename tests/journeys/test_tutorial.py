"""docs/tutorial/protect-a-web-app.md, run as it stands: commands in a shell, the application beside it."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.journeys.live import a_server
from tests.journeys.test_browser import a_free_port

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "protect-a-web-app.md"
BIN = Path(sys.executable).parent
PATIENCE_SECONDS = 30
# What the test does instead: the server and the application are processes of their own.
ELSEWHERE = ("make serve", "python notes.py")

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Tutorial:
    """The page with other ports."""

    server_port: int
    app_port: int

    def blocks(self, language: str) -> list[str]:
        """What stands in its blocks of this language."""
        text = PAGE.read_text().replace(":8080", f":{self.server_port}").replace(":5000", f":{self.app_port}")
        text = text.replace("port=5000", f"port={self.app_port}").replace(". .venv/bin/activate\n", "")
        return [code for found, code in BLOCK.findall(text) if found == language]

    @property
    def commands(self) -> list[str]:
        """What is typed in the second terminal."""
        return [code for code in self.blocks("sh") if not any(each in code for each in ELSEWHERE)]


@dataclass
class Terminal:
    """A shell in which one command follows the other."""

    process: asyncio.subprocess.Process

    async def run(self, command: str) -> str:
        """What *command* prints."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\nprintf '\\n::%s::\\n' $?\n".encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            printed = (await self.process.stdout.readuntil(b"::\n")).decode()
        output, _, status = printed.removesuffix("::\n").rpartition("\n::")
        assert status == "0", f"{command}\n{output}"
        return output

    async def variables(self, *names: str) -> dict[str, str]:
        """What these are by now."""
        return {name: (await self.run(f'printf %s "${name}"')).strip() for name in names}


@asynccontextmanager
async def a_terminal(folder: Path, **variables: str) -> AsyncIterator[Terminal]:
    """A bash in *folder* that finds what is installed."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-o", "pipefail"),
        cwd=folder,
        env=os.environ | {"PATH": path} | variables,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
    )
    try:
        yield Terminal(process)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def the_application(
    folder: Path, code: str, port: int, variables: dict[str, str]
) -> AsyncIterator[str]:
    """`python notes.py`; where it is."""
    (folder / "notes.py").write_text(code)
    with (folder / "notes.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "notes.py"), cwd=folder, env=os.environ | variables, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                assert process.returncode is None, (folder / "notes.log").read_text()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                break
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        await process.wait()


def seen(answer: httpx2.Response) -> str:
    """Where a browser ends, and with what."""
    return f"{answer.status_code} {answer.url.path} {answer.text}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial needs curl")
async def test_the_web_app_of_the_tutorial_is_protected(tmp_path: Path, fresh_database_url: str) -> None:
    """Refused without a token, let in with one; signed out, reset, and let in again."""
    tutorial = Tutorial(a_free_port(), a_free_port())
    url = f"http://localhost:{tutorial.server_port}"
    beside = {
        "COUNTERSIGN_DATA_DIR": str(tmp_path),
        "DATABASE_URL": fresh_database_url,
        "COUNTERSIGN_PUBLIC_BASE_URL": url,
    }
    *before, sign_out, ask, forget, outbox, look = tutorial.commands
    (code,) = tutorial.blocks("python")
    async with (
        a_server(
            tmp_path,
            fresh_database_url,
            COUNTERSIGN_PORT=str(tutorial.server_port),
            COUNTERSIGN_PUBLIC_BASE_URL=url,
        ),
        a_terminal(tmp_path, **beside) as terminal,
    ):
        printed = [await terminal.run(command) for command in before]
        jane = json.loads(printed[-1])
        assert jane["user"]["email"] == "jane@example.com"
        told = await terminal.variables("SERVER", "PROJECT_KEY", "LOGIN_ID")
        async with (
            the_application(tmp_path, code, tutorial.app_port, told) as home,
            httpx2.AsyncClient(base_url=home, follow_redirects=True) as browser,
        ):
            assert "<form" in seen(await browser.get("/"))
            wrong = await browser.post("/login", data={"email": "jane@example.com", "password": "no"})
            assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_credentials")
            right = {"email": "jane@example.com", "password": "correct horse battery"}
            assert "Only jane@example.com sees this" in seen(await browser.post("/login", data=right))
            assert "200 / " in seen(await browser.get("/"))

            assert json.loads(await terminal.run(sign_out)) == {"revoked_count": 2}
            assert "200 / " in seen(await browser.get("/"))
            assert '"invalid_token"' in await terminal.run(ask)
            assert "200 /enter" in seen(await browser.post("/leave"))
            assert "200 /enter" in seen(await browser.get("/"))

            assert "a reset link has been sent" in await terminal.run(forget)
            await choose_password(await terminal.run(outbox), "a different horse")
            assert (await browser.post("/login", data=right)).status_code == 401
            assert "200 / " in seen(
                await browser.post("/login", data=right | {"password": "a different horse"})
            )
            john = {"email": "john@example.com", "password": "yet another horse"}
            assert "Only john@example.com sees this" in seen(await browser.post("/signup", data=john))

            last = await terminal.run(look)
            assert "jane@example.com" in last
            assert '"total_logins"' in last
            assert "password.reset" in last


async def choose_password(mail: str, password: str) -> None:
    """The link in the mail is opened, and its form sent."""
    found = re.search(r"http://\S+/links/reset-password\?token=\S+", mail)
    assert found is not None, mail
    link = urlsplit(found[0])
    async with httpx2.AsyncClient(base_url=f"{link.scheme}://{link.netloc}") as browser:
        assert (await browser.get(f"{link.path}?{link.query}")).status_code == 200
        (token,) = parse_qs(link.query)["token"]
        done = await browser.post(link.path, data={"token": token, "password": password})
    assert done.status_code == 200, done.text
