"""Projects' keys, users' and members' tokens as the guards read them. What makes them right is the core's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from server.base.errors import InvalidAccessToken, InvalidApiKey, InvalidManagementToken
from server.base.principal import Actor, Principal
from server.core.api_keys.model import ProjectCredential
from server.core.api_keys.project_keys import AuthenticateProjectKey
from server.core.sessions.authenticate import AuthenticateAccessToken, AuthenticateReferenceToken
from server.core.sessions.model import UserSession
from server.core.work import Work
from server.crypto.tokens import digest, new_project_key, project_key_name
from server.surfaces.kit import guards
from server.surfaces.kit.cors import Cors
from server.surfaces.kit.counting import ProcessCounting
from server.surfaces.kit.exchange import Response, current_exchange
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.guards import key_or_user, management_token, project_key, user
from server.surfaces.kit.limits import ACCOUNT, PROJECT, Limiter
from server.surfaces.kit.metrics import Metrics
from server.surfaces.kit.openapi import openapi_document
from server.surfaces.kit.protekt import DIALECT
from server.surfaces.kit.replying import no_content
from server.surfaces.kit.surface import Surface
from tests.surfaces.kit.asgi_client import Answer, Client
from tests.surfaces.kit.claimants import is_allowed
from tests.surfaces.kit.conftest import MakeSettings
from tests.surfaces.kit.example import core_without_database

START = 1_800_000_000.0
REALM, PROJECT_ID, OTHER_PROJECT = UUID(int=1), UUID(int=2), UUID(int=3)
KEY_UID, USER, SESSION = UUID(int=4), UUID(int=5), UUID(int=6)
ORIGIN = "https://app.example"
KEY = new_project_key()
TOKEN, MANAGEMENT_TOKEN = "eyJ.eyJ.sig", "mgmt_x"

surface = Surface(
    "guarded", base="/v1", dialect=DIALECT, title="Guarded", cors=Cors(is_allowed, (), ("X-Request-Id",))
)
callers: list[Principal] = []


async def remember_caller() -> Response:
    """Whoever calls is remembered."""
    callers.append(current_exchange().caller)
    return no_content()


for path, guard, limit in (
    ("/member", management_token(), ACCOUNT),
    ("/owner", management_token("owner", "admin"), ACCOUNT),
    ("/project", project_key("auth:write"), PROJECT),
    ("/user", user("auth:write"), PROJECT),
    ("/either", key_or_user("auth:write"), PROJECT),
):
    surface.post(path, guard=guard, limit=limit, gives={204: None})(remember_caller)


@dataclass
class Found:
    """What the core finds, and what it was asked."""

    scopes: frozenset[str] = frozenset({"auth:write"})
    project_id: UUID | None = PROJECT_ID
    role: str = "developer"
    asked: list[object] = field(default_factory=list)

    async def key(self, work: Work, command: AuthenticateProjectKey) -> ProjectCredential:
        """The project's key."""
        self.asked.append(command)
        assert work.actor.kind is Actor.ANYONE
        if command.key.reveal() != KEY:
            raise InvalidApiKey
        return ProjectCredential(
            id=70,
            uid=KEY_UID,
            key_id=project_key_name(KEY) or "",
            organization_id=1,
            project_id=PROJECT_ID,
            realm_id=REALM,
            scopes=self.scopes,
            allowed_origins=(ORIGIN,),
            key_digest=digest(KEY),
            expires_at=None,
            revoked_at=None,
            last_used_at=work.now,
            owner_active=True,
        )

    async def session(self, _: Work, command: AuthenticateAccessToken) -> UserSession:
        """The user's session."""
        self.asked.append(command)
        if command.token.reveal() != TOKEN:
            raise InvalidAccessToken
        return UserSession(
            session_id=SESSION,
            principal_id=USER,
            realm_id=REALM,
            organization_id=1,
            project_id=self.project_id,
            allowed_origins=(ORIGIN,),
            amr=("pwd",),
            claims={},
        )

    async def member(self, _: Work, command: AuthenticateReferenceToken) -> Principal:
        """The member."""
        self.asked.append(command)
        if command.token.reveal() != MANAGEMENT_TOKEN:
            raise InvalidManagementToken
        return Principal(Actor.MEMBER, id="9", organization_id=1, role=self.role)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    found = Found()
    monkeypatch.setattr(guards, "authenticate_project_key", found.key)
    monkeypatch.setattr(guards, "authenticate_access_token", found.session)
    monkeypatch.setattr(guards, "authenticate_member", found.member)
    callers.clear()
    return found


@pytest.fixture
def client(make_settings: MakeSettings, found: Found) -> Client:
    settings = make_settings(limit_failed_keys="3/60")
    limiter = Limiter(settings, Metrics(), counting=ProcessCounting(lambda: START))
    return Client(Gateway(core_without_database(settings), [surface], settings, limiter))


BY_KEY = {"X-Protekt-Key": KEY}
BY_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
BY_MANAGEMENT_TOKEN = {"Authorization": f"Bearer {MANAGEMENT_TOKEN}"}


async def call(client: Client, path: str, headers: Mapping[str, str], peer: str = "192.0.2.1") -> Answer:
    return await client.send("POST", path, headers={"Origin": ORIGIN, **headers}, peer=peer)


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]


# --- who it is --------------------------------------------------------------------------------------


async def test_a_backend_proves_itself_with_its_projects_key(client: Client) -> None:
    answer = await call(client, "/v1/project", BY_KEY)

    assert (answer.status, answer.header("access-control-allow-origin")) == (204, ORIGIN)
    assert callers == [
        Principal(
            Actor.PROJECT,
            id=str(KEY_UID),
            surface="guarded",
            organization_id=1,
            address="192.0.2.1",
            request_id=answer.header("x-request-id"),
            realm_id=REALM,
            project_id=PROJECT_ID,
            scopes=frozenset({"auth:write"}),
        )
    ]


@pytest.mark.parametrize(
    ("headers", "scopes"), [(BY_TOKEN, frozenset()), (BY_TOKEN | BY_KEY, frozenset({"auth:write"}))]
)
async def test_a_user_proves_themself_with_a_token_with_or_without_the_key(
    client: Client, headers: Mapping[str, str], scopes: frozenset[str]
) -> None:
    for path in ("/v1/user", "/v1/either"):
        answer = await call(client, path, headers)

        assert (answer.status, answer.header("access-control-allow-origin")) == (204, ORIGIN)
        assert callers.pop() == Principal(
            Actor.USER,
            id=str(USER),
            surface="guarded",
            organization_id=1,
            address="192.0.2.1",
            request_id=answer.header("x-request-id"),
            realm_id=REALM,
            project_id=PROJECT_ID,
            session_id=SESSION,
            scopes=scopes,
        )


async def test_a_key_alone_will_do_where_either_does(client: Client) -> None:
    assert (await call(client, "/v1/either", BY_KEY)).status == 204
    assert callers[0].kind is Actor.PROJECT


async def test_a_member_proves_themself_with_a_management_token(client: Client) -> None:
    answer = await call(client, "/v1/member", BY_MANAGEMENT_TOKEN)

    assert (answer.status, answer.header("access-control-allow-origin")) == (204, None)
    (caller,) = callers
    assert (caller.kind, caller.id, caller.role) == (Actor.MEMBER, "9", "developer")
    assert (caller.surface, caller.address) == ("guarded", "192.0.2.1")


# --- who may not ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/v1/project", {}, "invalid_api_key"),
        ("/v1/project", {"X-Protekt-Key": ""}, "invalid_api_key"),
        ("/v1/project", {"X-Protekt-Key": "é"}, "invalid_api_key"),
        ("/v1/project", {"X-Protekt-Key": "x" * 600}, "invalid_api_key"),
        ("/v1/project", {"X-Protekt-Key": "pk_live_wrong"}, "invalid_api_key"),
        ("/v1/project", {"X-Protekt-Key": KEY[:-1] + "!"}, "invalid_api_key"),
        ("/v1/project", BY_TOKEN, "invalid_api_key"),
        ("/v1/user", {}, "invalid_token"),
        ("/v1/user", BY_KEY, "invalid_token"),
        ("/v1/user", {"Authorization": f"Bearer {TOKEN}x"}, "invalid_token"),
        ("/v1/user", {"Authorization": f"Basic {TOKEN}"}, "invalid_token"),
        ("/v1/user", {"Authorization": "Bearer " + "x" * 5000}, "invalid_token"),
        ("/v1/user", BY_MANAGEMENT_TOKEN, "invalid_token"),
        ("/v1/user", BY_TOKEN | {"X-Protekt-Key": "pk_live_wrong"}, "invalid_api_key"),
        ("/v1/user", BY_TOKEN | {"X-Protekt-Key": ""}, "invalid_api_key"),
        ("/v1/either", {}, "invalid_api_key"),
        ("/v1/either", BY_KEY | {"Authorization": "Bearer wrong"}, "invalid_token"),
        ("/v1/either", BY_KEY | {"Authorization": ""}, "invalid_token"),
        ("/v1/member", {}, "invalid_management_token"),
        ("/v1/member", BY_KEY, "invalid_management_token"),
        ("/v1/member", BY_TOKEN, "invalid_management_token"),
    ],
)
async def test_whoever_proves_nothing_is_refused(
    client: Client, path: str, headers: Mapping[str, str], code: str
) -> None:
    answer = await call(client, path, headers)

    assert refusal(answer) == (401, code)
    assert callers == []


@pytest.mark.parametrize("project_id", [None, OTHER_PROJECT])
async def test_a_token_of_another_project_than_the_key_is_as_good_as_none(
    client: Client, found: Found, project_id: UUID | None
) -> None:
    found.project_id = project_id

    assert refusal(await call(client, "/v1/user", BY_KEY | BY_TOKEN)) == (401, "invalid_token")
    assert (await call(client, "/v1/user", BY_TOKEN)).status == (401 if project_id is None else 204)


@pytest.mark.parametrize(
    ("path", "headers"), [("/v1/project", BY_KEY), ("/v1/user", BY_KEY | BY_TOKEN), ("/v1/either", BY_KEY)]
)
async def test_a_key_without_the_scope_may_not_and_scripts_may_read_so(
    client: Client, found: Found, path: str, headers: Mapping[str, str]
) -> None:
    found.scopes = frozenset({"auth:read"})

    answer = await call(client, path, headers)

    assert refusal(answer) == (403, "insufficient_scope")
    assert answer.header("access-control-allow-origin") == ORIGIN


@pytest.mark.parametrize(("role", "status"), [("owner", 204), ("admin", 204), ("developer", 403), ("", 403)])
async def test_a_role_may_be_needed(client: Client, found: Found, role: str, status: int) -> None:
    found.role = role

    answer = await call(client, "/v1/owner", BY_MANAGEMENT_TOKEN)

    assert answer.status == status
    assert status == 204 or refusal(answer) == (403, "permission_denied")


# --- guesses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        ("/v1/project", {"X-Protekt-Key": KEY[:-1] + "!"}, BY_KEY),
        ("/v1/user", {"Authorization": "Bearer wrong"}, BY_TOKEN),
        ("/v1/member", {"Authorization": "Bearer wrong"}, BY_MANAGEMENT_TOKEN),
    ],
)
async def test_an_address_with_too_many_wrong_ones_is_limited_and_right_ones_are_served(
    client: Client, path: str, wrong: Mapping[str, str], right: Mapping[str, str]
) -> None:
    statuses = [(await call(client, path, wrong)).status for _ in range(4)]

    assert statuses == [401, 401, 401, 429]
    assert (await call(client, path, right)).status == 204
    assert (await call(client, path, wrong, peer="192.0.2.2")).status == 401


async def test_tokens_that_ran_out_are_no_guesses_of_the_backend_that_brings_them(client: Client) -> None:
    old = BY_KEY | {"Authorization": "Bearer old"}

    statuses = {(await call(client, "/v1/user", old)).status for _ in range(5)}

    assert statuses == {401}


# --- the reference ----------------------------------------------------------------------------------


def test_the_document_says_what_each_guard_asks_for() -> None:
    document = openapi_document(surface, version="1")

    assert set(document["components"]["securitySchemes"]) == {"management_token", "project_key", "user"}
    security = {path: item["post"]["security"] for path, item in document["paths"].items()}
    assert security["/v1/owner"] == [{"management_token": []}]
    assert security["/v1/either"] == [{"project_key": []}, {"user": []}]
    statuses = {path: set(item["post"]["responses"]) for path, item in document["paths"].items()}
    assert "403" not in statuses["/v1/member"]
    assert all("403" in statuses[path] for path in ("/v1/owner", "/v1/project", "/v1/user", "/v1/either"))


def test_a_guard_says_which_scope_or_roles_it_needs() -> None:
    needs = {route.path: (route.guard.name, route.guard.needs) for route in surface.routes}

    assert needs["/v1/owner"] == ("management_token", "owner, admin")
    assert needs["/v1/project"] == ("project_key", "auth:write")
    assert needs["/v1/member"] == ("management_token", "")
