"""Actions performed so that how long they take tells little."""

import asyncio
from types import SimpleNamespace

import pytest

from server.base.errors import InvalidCredentials
from server.surfaces.kit import performing
from server.surfaces.kit.performing import BEAT_SECONDS, perform_evenly


@pytest.mark.parametrize(("passed", "waited"), [(0.0264, 0.0036), (0.0001, 0.0099), (0.01, 0.01)])
async def test_what_came_of_it_comes_at_the_next_beat(
    monkeypatch: pytest.MonkeyPatch, passed: float, waited: float
) -> None:
    waits: list[float] = []

    async def act(_: object, command: str) -> str:
        if command == "refuse":
            raise InvalidCredentials
        return command

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(performing, "perform", lambda action, command: action(None, command))
    monkeypatch.setattr(performing, "current_exchange", lambda: SimpleNamespace(started=100.0))
    monkeypatch.setattr(performing, "now", lambda: 100.0 + passed)
    monkeypatch.setattr(asyncio, "sleep", sleep)

    assert await perform_evenly(act, "done") == "done"
    with pytest.raises(InvalidCredentials):
        await perform_evenly(act, "refuse")

    assert waits == [pytest.approx(waited)] * 2
    assert max(waits) <= BEAT_SECONDS
