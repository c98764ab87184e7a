"""What a caller is told when that which they proved to be is gone before the action is done."""

import pytest
from structlog.testing import capture_logs

from server.base.errors import InvalidAccessToken, InvalidApiKey, RealmNotFound, UserNotFound
from server.base.principal import Actor, Principal
from server.surfaces.kit.exchange import Exchange, Response
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.limits import UNLIMITED, Limiter
from server.surfaces.kit.metrics import Metrics
from server.surfaces.kit.surface import Guard, Surface
from tests.surfaces.kit.asgi_client import Client
from tests.surfaces.kit.conftest import MakeSettings
from tests.surfaces.kit.example import DIALECT, core_without_database

surface = Surface(
    "lapsing",
    base="/v1",
    dialect=DIALECT,
    title="Lapsing",
    lapsed={
        Actor.PROJECT: {RealmNotFound: InvalidApiKey},
        Actor.USER: dict.fromkeys((RealmNotFound, UserNotFound), InvalidAccessToken),
    },
)


async def _whoever(exchange: Exchange) -> Principal:
    return Principal(Actor(exchange.header("x-kind") or ""))


async def _nobody(_: Exchange) -> Principal:
    raise UserNotFound


async def no_realm() -> Response:
    """The caller's realm is gone."""
    raise RealmNotFound


async def no_user() -> Response:
    """The caller, or whom they ask for, is gone."""
    raise UserNotFound


whoever = Guard("whoever", _whoever)
surface.get("/realm", guard=whoever, limit=UNLIMITED, gives={204: None})(no_realm)
surface.get("/me", guard=whoever, limit=UNLIMITED, gives={204: None})(no_user)
surface.get("/users", guard=whoever, limit=UNLIMITED, gives={204: None}, refuses=(UserNotFound,))(no_user)
surface.get("/guard", guard=Guard("nobody", _nobody), limit=UNLIMITED, gives={204: None})(no_user)


@pytest.fixture
def client(make_settings: MakeSettings) -> Client:
    settings = make_settings()
    core = core_without_database(settings)
    return Client(Gateway(core, [surface], settings, Limiter(settings, Metrics())))


@pytest.mark.parametrize(
    ("kind", "path", "code", "cause"),
    [
        (Actor.PROJECT, "/v1/realm", "invalid_api_key", "RealmNotFound"),
        (Actor.USER, "/v1/realm", "invalid_token", "RealmNotFound"),
        (Actor.USER, "/v1/me", "invalid_token", "UserNotFound"),
        (Actor.PROJECT, "/v1/me", "user_not_found", None),
        (Actor.USER, "/v1/users", "user_not_found", None),
        (Actor.MEMBER, "/v1/realm", "realm_not_found", None),
        (Actor.USER, "/v1/guard", "user_not_found", None),
    ],
)
async def test_a_proof_is_no_good_any_more_once_what_it_proves_is_gone(
    client: Client, kind: Actor, path: str, code: str, cause: str | None
) -> None:
    with capture_logs() as logs:
        answer = await client.send("GET", path, headers={"x-kind": kind})

    (line,) = logs
    assert (line["error"], line["cause"]) == (code, cause)
    assert answer.status == (404 if code.endswith("not_found") else 401)
