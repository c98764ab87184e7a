"""What the kit's tests can ask for."""

from collections.abc import Callable, Iterator

import pytest

from server.base.settings import Settings, load_settings
from server.surfaces.kit.gateway import Gateway
from tests.surfaces.kit.asgi_client import Client
from tests.surfaces.kit.example import DOORS, gateway_of

MakeSettings = Callable[..., Settings]


@pytest.fixture(params=[True, False], ids=["hot", "cold"])
def make_settings(request: pytest.FixtureRequest) -> MakeSettings:
    """Settings for each of the two lanes in turn."""

    def make(**overrides: object) -> Settings:
        return load_settings(hot_lane=request.param, **overrides)

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """The defaults."""
    return make_settings()


@pytest.fixture
def gateway(settings: Settings) -> Iterator[Gateway]:
    """The example surfaces, once through each lane."""
    DOORS.clear()
    yield gateway_of(settings)
    DOORS.clear()


@pytest.fixture
def client(gateway: Gateway) -> Client:
    """Somebody who talks to them."""
    return Client(gateway)
