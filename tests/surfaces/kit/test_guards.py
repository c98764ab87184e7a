"""Keys as the guards read them. What makes a key right is the core's, and tested there."""

from base64 import b64encode
from collections.abc import Mapping, Sequence

import pytest

from server.base.errors import InvalidApiKey, InvalidOperatorKey
from server.base.principal import Actor, Principal
from server.core.api_keys import remembered
from server.core.api_keys.actions import AuthenticateApiKey
from server.core.api_keys.model import ApiCredential
from server.core.operators.actions import AuthenticateOperator
from server.core.work import Work
from server.crypto.tokens import digest
from server.surfaces.kit import guards
from server.surfaces.kit.counting import ProcessCounting
from server.surfaces.kit.exchange import Response, current_exchange
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.guards import anyone, integration_key, operator_key
from server.surfaces.kit.limits import CREATES, OPERATIONS, UNLIMITED, Limiter
from server.surfaces.kit.metrics import Metrics
from server.surfaces.kit.replying import no_content
from server.surfaces.kit.surface import HOT, Surface
from tests.surfaces.kit.asgi_client import Answer, Client
from tests.surfaces.kit.conftest import MakeSettings
from tests.surfaces.kit.example import DIALECT, core_without_database

START = 1_800_000_000.0
KEY_ID, KEY_SECRET = "ezkey_ikey_" + "0" * 20, "ezkey_skey_" + "1" * 40
OPERATOR_KEY = "ezkey_okey_" + "2" * 20 + "_" + "x" * 43

surface = Surface("guarded", base="/v1", dialect=DIALECT, title="Guarded")
callers: list[Principal] = []


async def remember_caller() -> Response:
    """Whoever calls is remembered."""
    callers.append(current_exchange().caller)
    return no_content()


for path, guard, limit in (
    ("/integration", integration_key, CREATES),
    ("/operator", operator_key, OPERATIONS),
    ("/anyone", anyone, UNLIMITED),
):
    surface.post(path, guard=guard, limit=limit, lane=HOT, gives={204: None})(remember_caller)


class Keys:
    """The keys that the core would find, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[AuthenticateApiKey | AuthenticateOperator] = []

    async def api_key(self, work: Work, command: AuthenticateApiKey) -> ApiCredential:
        """The integration 7, for its key."""
        self.asked.append(command)
        assert work.actor.kind is Actor.ANYONE
        if (command.key_id, command.secret.reveal()) != (KEY_ID, KEY_SECRET):
            raise InvalidApiKey
        return ApiCredential(
            id=70,
            organization_id=1,
            integration_id=7,
            secret_digest=digest(KEY_SECRET),
            ip_whitelist=(),
            expires_at=None,
            revoked_at=None,
            last_used_at=work.now,
            owner_active=True,
        )

    async def operator_key(self, _: Work, command: AuthenticateOperator) -> Principal:
        """The operator 9, for their key."""
        self.asked.append(command)
        if command.credential.reveal() != OPERATOR_KEY:
            raise InvalidOperatorKey
        return Principal(Actor.OPERATOR, id="9")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    found = Keys()
    monkeypatch.setattr(remembered, "authenticate_api_key", found.api_key)
    monkeypatch.setattr(guards, "authenticate_operator", found.operator_key)
    callers.clear()
    return found


@pytest.fixture
def client(make_settings: MakeSettings, keys: Keys) -> Client:
    settings = make_settings(limit_failed_keys="3/60")
    limiter = Limiter(settings, Metrics(), counting=ProcessCounting(lambda: START))
    return Client(Gateway(core_without_database(settings), [surface], settings, limiter))


def basic(user: str = KEY_ID, password: str = KEY_SECRET, scheme: str = "Basic") -> dict[str, str]:
    return {"authorization": f"{scheme} {b64encode(f'{user}:{password}'.encode()).decode()}"}


async def call(
    client: Client, path: str, headers: Mapping[str, str] | Sequence[tuple[str, str]], peer: str = "192.0.2.1"
) -> Answer:
    return await client.send("POST", path, headers=headers, peer=peer)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
async def test_an_integration_proves_itself_with_both_halves_of_its_key(client: Client, scheme: str) -> None:
    answer = await call(client, "/v1/integration", basic(scheme=scheme))

    assert answer.status == 204
    (caller,) = callers
    assert (caller.kind, caller.id) == (Actor.INTEGRATION, "70")
    assert (caller.integration_id, caller.organization_id) == (7, 1)
    assert (caller.surface, caller.address) == ("guarded", "192.0.2.1")
    assert caller.request_id == answer.header("x-request-id")


async def test_an_operator_proves_themself_with_a_bearer_token(client: Client) -> None:
    answer = await call(client, "/v1/operator", {"authorization": f"Bearer {OPERATOR_KEY}"})

    assert answer.status == 204
    assert answer.header("x-ratelimit-limit") == "600"
    (caller,) = callers
    assert (caller.kind, caller.id, caller.surface) == (Actor.OPERATOR, "9", "guarded")


async def test_anyone_needs_nothing_and_is_nobody(client: Client) -> None:
    assert (await call(client, "/v1/anyone", basic())).status == 204
    assert callers[0].kind is Actor.ANYONE


@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic ",
        f"Bearer {OPERATOR_KEY}",
        "Basic !!!!",
        "Basic " + b64encode(b"no-colon").decode(),
        "Basic " + b64encode(f":{KEY_SECRET}".encode()).decode(),
        "Basic " + b64encode(f"{KEY_ID}:".encode()).decode(),
        "Basic " + b64encode(f"{KEY_ID}:größer".encode()).decode(),
        "Basic " + b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode().rstrip("="),
        "Basic " + b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode() + " ",
        "Basic  " + b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode(),
        "Basic " + "A" * 600,
    ],
)
async def test_credentials_that_are_not_basic_are_refused_without_a_look(
    client: Client, keys: Keys, value: str
) -> None:
    answer = await call(client, "/v1/integration", {"authorization": value})

    assert (answer.status, answer.body) == (401, b"")
    assert answer.header("www-authenticate") == 'Basic realm="countersign", charset="UTF-8"'
    assert keys.asked == []


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer a b", "Bearer é", "Basic abc", "Bearer " + "a" * 600]
)
async def test_credentials_that_are_no_bearer_token_are_refused_without_a_look(
    client: Client, keys: Keys, value: str
) -> None:
    answer = await call(client, "/v1/operator", {"authorization": value})

    assert answer.status == 401
    assert keys.asked == []


async def test_two_authorizations_are_none(client: Client, keys: Keys) -> None:
    pair = next(iter(basic().items()))

    assert (await call(client, "/v1/integration", [pair, pair])).status == 401
    assert keys.asked == []


async def test_a_wrong_key_looks_like_none_at_all(client: Client) -> None:
    wrong = await call(client, "/v1/integration", basic(password="ezkey_skey_wrong"))
    none = await call(client, "/v1/integration", {})

    assert (wrong.status, wrong.body) == (none.status, none.body) == (401, b"")
    assert {name for name, _ in wrong.headers} == {name for name, _ in none.headers}


async def test_an_address_with_too_many_wrong_keys_is_limited_and_right_keys_are_served(
    client: Client,
) -> None:
    wrong = [await call(client, "/v1/integration", basic(password=f"wrong-{n}")) for n in range(3)]
    refused = await call(client, "/v1/integration", basic(password="wrong-4"))
    right = await call(client, "/v1/integration", basic())
    operator = await call(client, "/v1/operator", {"authorization": f"Bearer {OPERATOR_KEY}"})
    elsewhere = await call(client, "/v1/integration", basic(), peer="192.0.2.2")

    assert [answer.status for answer in wrong] == [401, 401, 401]
    assert (refused.status, right.status, operator.status, elsewhere.status) == (429, 204, 204, 204)
    assert refused.header("retry-after") == "61"
    assert (refused.header("x-ratelimit-limit"), refused.header("x-ratelimit-remaining")) == ("3", "0")


async def test_right_keys_do_not_use_up_what_wrong_ones_do(client: Client) -> None:
    answers = [await call(client, "/v1/integration", basic()) for _ in range(10)]

    assert {answer.status for answer in answers} == {204}


async def test_a_call_without_a_key_is_refused_before_its_body_is_read(client: Client) -> None:
    request = client.start("POST", "/v1/integration", body=[b"{"], complete=False)

    assert (await request.finish(1)).status == 401
