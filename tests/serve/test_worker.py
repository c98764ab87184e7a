"""A process that runs the jobs alone, seen from outside."""

import signal
from pathlib import Path

from tests.serve.instances import instance


async def test_it_runs_jobs_until_it_is_asked_to_stop(tmp_path: Path, unused_database_url: str) -> None:
    async with instance(tmp_path, unused_database_url, module="tests.serve.jobs_alone") as running:
        await running.line("jobs.running")
        running.send(signal.SIGTERM)
        assert await running.ended() == (0, "")


async def test_it_says_why_it_cannot(tmp_path: Path) -> None:
    async with instance(tmp_path, "postgresql://127.0.0.1:1/x", module="tests.serve.jobs_alone") as running:
        code, errors = await running.ended()
    assert (code, errors.count("\n")) == (2, 1)
    assert errors.startswith("countersign: The database does not answer")
