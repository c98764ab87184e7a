import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.base.settings import Settings
from server.commands import demo as demo_command
from server.commands import instance
from server.serve.instance import newest_revision
from tests.commands.conftest import Run

PATIENCE_SECONDS = 60


def test_the_version_is_the_package_s(run: Run) -> None:
    said = run("--version")

    assert said.exit_code == 0
    assert said.out.startswith("countersign 0.")


def test_without_arguments_it_says_what_there_is(run: Run) -> None:
    said = run()

    assert {"serve", "worker", "migrate", "doctor", "demo", "admin"} <= set(said.out.split())


def test_migrate_says_where_the_database_is(run: Run) -> None:
    for arguments in (("migrate",), ("migrate", "--check")):
        said = run(*arguments)

        assert (said.exit_code, said.out) == (0, f"The database is at {newest_revision()}.\n")


def test_migrate_check_changes_nothing_and_ends_with_1_when_there_is_something_to_do(
    run: Run, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)

    for _ in range(2):
        said = run("migrate", "--check")
        assert (said.exit_code, said.out) == (1, "")
        assert "this version expects" in said.err
    assert run("migrate").exit_code == 0
    assert run("migrate", "--check").exit_code == 0


def test_migrate_check_does_not_make_a_database(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("COUNTERSIGN_DATA_DIR", str(tmp_path / "data"))

    assert run("migrate", "--check").exit_code == 1
    assert not (tmp_path / "data").exists()


def test_the_doctor_finds_nothing_wrong_with_a_good_instance(run: Run) -> None:
    run("migrate")

    said = run("doctor")

    assert said.exit_code == 0
    assert "wrong" not in said.out


def test_the_doctor_ends_with_1_when_something_is_wrong(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file = tmp_path / "keys.json"
    monkeypatch.setenv("COUNTERSIGN_MASTER_KEY_FILE", str(key_file))
    key_file.write_text("{}", encoding="utf-8")
    key_file.chmod(0o644)

    said = run("doctor")

    assert said.exit_code == 1
    assert "wrong" in said.out


def test_the_doctor_ends_with_2_when_a_setting_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_PORT", "eighty")

    said = run("doctor")

    assert said.exit_code == 2
    assert "COUNTERSIGN_PORT" in said.out


def test_options_of_serve_are_put_before_the_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []

    def serve(settings: Settings) -> int:
        served.append(settings)
        return 3

    monkeypatch.setattr(instance, "serve_instance", serve)
    monkeypatch.setenv("COUNTERSIGN_PORT", "8081")
    monkeypatch.setenv("COUNTERSIGN_WORKERS", "2")

    said = run("serve", "--port", 0, "--host", "127.0.0.2", "--server", "hypercorn")

    assert said.exit_code == 3
    assert [(each.host, each.port, each.workers, each.server) for each in served] == [
        ("127.0.0.2", 0, 2, "hypercorn")
    ]


def test_worker_ends_with_what_the_jobs_end_with(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "run_jobs_only", lambda _: 0)

    assert run("worker").exit_code == 0


def test_the_demonstration_says_what_it_needs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "server.demo", None)

    said = run("demo")

    assert said.exit_code == 1
    assert "countersign-server[demo]" in said.err


def test_the_demonstration_is_told_what_to_keep(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import server.demo  # noqa: PLC0415 - the tests above take it away

    asked: list[dict[str, object]] = []

    def run_demo(**options: object) -> int:
        asked.append(options)
        return 0

    monkeypatch.setattr(server.demo, "run_demo", run_demo)

    assert run("demo", "--keep", "--folder", "somewhere").exit_code == 0
    assert asked == [{"keep": True, "folder": Path("somewhere")}]
    assert demo_command.demo.__doc__


@pytest.mark.timeout(180)
def test_commands_share_the_embedded_database_with_a_running_server(tmp_path: Path) -> None:
    """The whole of it as an operator does it, with real processes."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COUNTERSIGN_") and name != "DATABASE_URL"
    } | {"COUNTERSIGN_DATA_DIR": str(tmp_path / "data"), "COUNTERSIGN_PORT": "0"}

    def countersign(*arguments: str) -> Any:  # noqa: ANN401 - whatever it prints
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "server", *arguments],
            env=environment,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stderr == b""
        return json.loads(done.stdout)

    key = countersign("admin", "operator-keys", "create", "First", "--json")["secret"]
    key_file = tmp_path / "data" / "master-keys.json"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    log = tmp_path / "log"
    with log.open("wb") as file:
        server = subprocess.Popen([sys.executable, "-m", "server", "serve"], env=environment, stdout=file)
    try:
        url = _until(lambda: _url_in(log))
        tenant = countersign("admin", "tenants", "create", "Acme", "--json")
        headers = {"Authorization": f"Bearer {key}"}
        seen = httpx2.get(f"{url}/api/v1/tenants/{tenant['id']}", headers=headers)
        assert seen.json() == tenant
        made = httpx2.post(f"{url}/api/v1/tenants", headers=headers, json={"name": "Other"}).json()
        assert countersign("admin", "tenants", "show", str(made["id"]), "--json") == made
        assert httpx2.get(f"{url}/health").status_code == 200
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_SECONDS) == 0


def _url_in(log: Path) -> str:
    for line in log.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        if told["event"] == "serve.listening":
            url: str = told["url"]
            return url
    return ""


def _until(found: Callable[[], str]) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if it := found():
            return it
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
