"""What the tests of the command line can ask for.

run     runs `countersign` in this process, on an instance of the worker's own
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from server.__main__ import app
from server.commands import instance, performing
from tests.support.database import DatabaseServer
from tests.support.factories import a_name


@dataclass(frozen=True)
class Ran:
    """What a command printed and ended with."""

    exit_code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - whatever was printed
        """What it printed, when it ended well."""
        assert self.exit_code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture(scope="session")
async def instance_url(postgres: DatabaseServer, worker_id: str) -> AsyncIterator[str]:
    """A database that belongs to one key file: the commands of all tests of this worker use both."""
    url = await postgres.create_database(f"{worker_id}_commands")
    yield url
    await postgres.drop_database(url)


@pytest.fixture(scope="session")
def instance_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder with that key file."""
    return tmp_path_factory.mktemp("instance")


@pytest.fixture
def run(instance_url: str, instance_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command line. Logs stay those of the test run."""
    monkeypatch.setenv("DATABASE_URL", instance_url)
    monkeypatch.setenv("COUNTERSIGN_DATA_DIR", str(instance_folder))
    for module in (performing, instance):
        monkeypatch.setattr(module, "configure_logs", lambda *_, **__: None)

    def obey(*arguments: object, stdin: str | None = None) -> Ran:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return obey


@pytest.fixture
def tenant_id(run: Run) -> int:
    """A new tenant."""
    made: int = run("admin", "tenants", "create", a_name("Tenant"), "--json").json()["id"]
    return made


@pytest.fixture
def integration_id(run: Run, tenant_id: int) -> int:
    """A new integration."""
    arguments = ("admin", "integrations", "create", a_name("Shop"), "--tenant", tenant_id, "--json")
    made: int = run(*arguments).json()["id"]
    return made
