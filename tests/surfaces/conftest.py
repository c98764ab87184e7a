"""Every test of a surface runs through both lanes."""

import pytest


@pytest.fixture(params=["hot", "cold"])
def lane(request: pytest.FixtureRequest) -> str:
    """Hot routes are served in front of Quart, or by it."""
    which: str = request.param
    return which
