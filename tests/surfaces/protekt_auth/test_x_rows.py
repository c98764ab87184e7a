"""The rows that are about more than one surface, as far as they are about these two."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx2
import pytest

from server.base.ids import public_id, uid_of
from tests.support.accounts import PASSWORD, an_email
from tests.support.backend import Backend, error_of, signed_in
from tests.support.product import Product

SHARED = [
    ("POST", "/v1/auth/login", "protekt_auth"),
    ("POST", "/v1/auth/logout", "protekt_auth"),
    ("POST", "/v1/auth/magic-link/send", "protekt_auth"),
    ("POST", "/v1/auth/magic-link/verify", "protekt_auth"),
    ("GET", "/v1/api-keys", "protekt_account"),
    ("POST", "/v1/api-keys", "protekt_account"),
    ("DELETE", "/v1/api-keys/key_00000000000000000000000000", "protekt_account"),
]
"""The operations that another document claims too, and whose they are here."""


# --- X03 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["pk_live_wrong", "", "mgmt_x", "pk_live_" + "A" * 59])
async def test_x03_a_bad_key_is_refused_whatever_the_password_opens_elsewhere(
    app: Backend, product: Product, key: str
) -> None:
    """The password is right for a user of a project, and for a member's account."""
    account = await product.account()
    jane = await app.somebody(email=account.email)
    before = await _sessions(product)

    body = {"email": account.email, "password": PASSWORD}
    for headers in ({"X-Protekt-Key": key}, {"X-Protekt-Key": key, "X-Tenant-ID": "x", "X-API-Key": "mk_x"}):
        answer = await product.http.post("/v1/auth/login", json=body, headers=headers)
        assert error_of(answer) == (401, "invalid_api_key")
        assert answer.headers["X-Surface"] == "protekt_auth"

    assert await _sessions(product) == before
    assert await app.is_alive(jane)


async def test_x03_a_users_password_is_no_members_and_the_other_way_round(
    app: Backend, product: Product
) -> None:
    jane, account = await app.somebody(), await product.account()

    as_member = await product.http.post("/v1/token", json={"email": jane.email, "password": PASSWORD})
    as_user = await app.log_in(account.email)

    assert (as_member.status_code, as_user.status_code) == (401, 401)


# --- X04 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "surface"), SHARED)
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Protekt-Key": "pk_live_wrong"},
        {"Authorization": "Bearer mgmt_wrong"},
        {"X-Protekt-Key": "pk_live_wrong", "Authorization": "Bearer x"},
    ],
    ids=["key", "token", "both"],
)
async def test_x04_shared_operations_say_whose_they_are_and_what_that_depends_on(
    product: Product, method: str, path: str, surface: str, headers: dict[str, str]
) -> None:
    answer = await product.http.request(method, path, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["X-Surface"] == surface
    varies = {name.strip().lower() for name in answer.headers["Vary"].split(",")}
    assert varies >= {"x-protekt-key", "authorization"}


async def test_x04_good_answers_say_so_too(app: Backend, product: Product) -> None:
    jane, account = await app.somebody(), await product.account()

    for answer, surface in (
        (await app.log_in(jane), "protekt_auth"),
        (await app.post("magic-link/send", email=jane.email), "protekt_auth"),
        (await app.post("logout", bearer=jane.access_token), "protekt_auth"),
        (await account.http.get("/v1/api-keys"), "protekt_account"),
    ):
        assert (answer.status_code, answer.headers["X-Surface"]) == (200, surface)
        varies = {name.strip().lower() for name in answer.headers["Vary"].split(",")}
        assert varies >= {"x-protekt-key", "authorization"}


# --- X05 -------------------------------------------------------------------------------------------------


@dataclass
class Place:
    """Where a document is reached."""

    prefix: str
    headers: dict[str, str]


PLACES = [
    Place("", {}),
    Place("/s/protekt", {}),
    Place("", {"Host": "auth.example.com"}),
]


@pytest.mark.parametrize("place", PLACES, ids=["bare", "prefix", "host"])
async def test_x05_prefix_and_bound_host_give_the_same(
    make_product: Callable[..., Product], place: Place
) -> None:
    product = make_product(surface_bindings=(("auth.example.com", "protekt"),))
    app = await Backend.on(product)
    email = an_email()

    async def call(
        method: str, path: str, body: object = None, *, key: str | None = app.key, bearer: str | None = None
    ) -> httpx2.Response:
        headers = dict(place.headers)
        if key is not None:
            headers["X-Protekt-Key"] = key
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        return await product.http.request(
            method, f"{place.prefix}/v1/auth/{path}", json=body, headers=headers
        )

    created = await call("POST", "signup", {"email": email, "password": PASSWORD})
    again = await call("POST", "signup", {"email": email, "password": PASSWORD})
    logged_in = await call("POST", "login", {"email": email, "password": PASSWORD})
    jane = signed_in(logged_in, email)
    listed = await call("GET", "sessions", key=None, bearer=jane.access_token)
    logged_out = await call("POST", "logout", key=None, bearer=jane.access_token)
    unknown = await call("GET", "nothing")
    wrong_method = await call("PUT", "login")

    answers = [created, again, logged_in, listed, logged_out, unknown, wrong_method]
    assert [answer.status_code for answer in answers] == [201, 409, 200, 200, 200, 404, 405]
    assert {answer.headers["X-Surface"] for answer in answers} == {"protekt_auth"}
    assert len(listed.json()["data"]) == 2


@pytest.mark.parametrize("place", PLACES[1:], ids=["prefix", "host"])
async def test_x05_where_one_document_is_alone_a_missing_key_is_its_refusal(
    make_product: Callable[..., Product], place: Place
) -> None:
    product = make_product(surface_bindings=(("auth.example.com", "protekt"),))
    for method, path, surface in SHARED:
        answer = await product.http.request(method, place.prefix + path, headers=place.headers)
        assert (answer.status_code, answer.headers["X-Surface"]) == (401, surface)
        assert "error" in answer.json()


# --- X06 -------------------------------------------------------------------------------------------------


@dataclass
class Credential:
    """Something that opens some doors."""

    headers: dict[str, str]
    auth: httpx2.BasicAuth | None
    opens: frozenset[str]


DOORS = {
    "operators": ("GET", "/api/v1/tenants"),
    "integration": ("GET", "/api/v1/auth-attempts/7/wait"),
    "members": ("GET", "/v1/projects"),
    "key": ("GET", "/v1/auth/users"),
    "user": ("GET", "/v1/auth/sessions"),
}


@pytest.fixture
async def credentials(app: Backend, product: Product) -> AsyncIterator[dict[str, Credential]]:
    """One of each kind, all of them good, in the places where something is looked for."""
    party, account = await product.relying_party(), await product.account()
    operator = await product.operator()
    jane = await app.somebody()

    def bearer(token: str, *opens: str) -> Credential:
        return Credential({"Authorization": f"Bearer {token}"}, None, frozenset(opens))

    def key(text: str, *opens: str) -> Credential:
        return Credential({"X-Protekt-Key": text}, None, frozenset(opens))

    operator_key = operator.headers["Authorization"].removeprefix("Bearer ")
    yield {
        "operator key": bearer(operator_key, "operators"),
        "operator key as project key": key(operator_key),
        "integration key": Credential({}, party.auth, frozenset({"integration"})),
        "integration secret as bearer": bearer(party.secret),
        "integration secret as project key": key(party.secret),
        "management token": bearer(account.token, "members"),
        "management token as project key": key(account.token),
        "user token": bearer(jane.access_token, "user"),
        "user token as project key": key(jane.access_token),
        "refresh token": bearer(jane.refresh_token),
        "project key": key(app.key, "key"),
        "project key as bearer": bearer(app.key),
        "project key as password": Credential({}, httpx2.BasicAuth("key", app.key), frozenset()),
    }
    await operator.aclose()
    await account.http.aclose()


@pytest.mark.parametrize("door", DOORS)
async def test_x06_tokens_do_not_cross(
    product: Product, credentials: dict[str, Credential], door: str
) -> None:
    method, path = DOORS[door]
    for name, credential in credentials.items():
        answer = await product.http.request(
            method, path, headers=credential.headers, auth=credential.auth or httpx2.Auth()
        )
        assert (answer.status_code != 401) is (door in credential.opens), f"{name} at {door}"


async def test_x06_a_users_token_opens_nothing_with_another_projects_key(
    app: Backend, other: Backend
) -> None:
    jane = await app.somebody()

    assert error_of(await other.get("sessions", bearer=jane.access_token)) == (401, "invalid_token")
    assert error_of(await other.post("logout", bearer=jane.access_token)) == (401, "invalid_token")
    assert await app.is_alive(jane)


# --- X08 -------------------------------------------------------------------------------------------------


async def test_x08_each_id_names_one_thing_of_its_kind(app: Backend, product: Product) -> None:
    account, jane = await product.account(), await app.somebody()
    project = await account.http.post(
        "/v1/projects",
        json={"name": "X08", "allowed_origins": [], "redirect_url": "https://app.example.com/"},
    )
    key = await account.http.post("/v1/api-keys", json={"project_id": project.json()["id"], "label": "X08"})
    (member,) = (await account.http.get("/v1/members")).json()["data"]
    ids = {
        "proj": project.json()["id"],
        "key": key.json()["id"],
        "mem": member["id"],
        "usr": jane.id,
        "sess": jane.claims["sid"],
    }
    by_key, by_user = {"X-Protekt-Key": app.key}, {"Authorization": f"Bearer {jane.access_token}"}
    operations = {
        "proj": ("GET", "/v1/projects", {}, 200),
        "key": ("DELETE", "/v1/api-keys", {}, 200),
        "mem": ("DELETE", "/v1/members", {}, 403),  # the last owner
        "usr": ("GET", "/v1/auth/users", by_key, 200),
        "sess": ("DELETE", "/v1/auth/sessions", by_user, 200),
    }

    for kind, (method, path, headers, status) in operations.items():
        for other, text in ids.items():
            for sent in {text, text.replace(other, kind, 1)}:
                answer = await account.http.request(method, f"{path}/{sent}", headers=headers)
                assert answer.status_code == (status if other == kind else 404), f"{method} {path}/{sent}"
        uid = uid_of(kind, ids[kind])
        assert uid is not None
        assert public_id(kind, uid) == ids[kind]
    await account.http.aclose()


# --- X11, X12 --------------------------------------------------------------------------------------------


@pytest.fixture
async def testers(make_product: Callable[..., Product]) -> AsyncIterator[Backend]:
    """An application at a process whose outbox can be read and whose clock can be moved, over HTTP."""
    product = make_product(capture_outbox=True)
    yield await Backend.on(product)
    await product.http.delete("/testing/clock")


async def test_x11_whatever_was_sent_can_be_read_by_a_tester(testers: Backend) -> None:
    email, phone = an_email(), "+4915100000011"
    await testers.post("otp/send", email=email)
    await testers.post("magic-link/send", email=email)
    await testers.post("otp/send", phone=phone)

    mails = await testers.product.http.get("/testing/outbox", params={"to": email})
    messages = await testers.product.http.get("/testing/outbox", params={"to": phone})

    assert [each["template"] for each in mails.json()["messages"]] == ["magic_link", "sign_in_code"]
    sms = messages.json()["messages"][0]
    assert (sms["channel"], sms["to"]) == ("sms", phone)
    code = next(word for word in sms["text"].split() if word.strip(".,").isdigit())
    assert (await testers.post("otp/verify", phone=phone, otp=code.strip(".,"))).status_code == 200


async def test_x11_elsewhere_there_is_no_outbox_to_read(product: Product) -> None:
    assert (await product.http.get("/testing/outbox")).status_code == 404


async def test_x12_expiries_are_seen_in_no_time(testers: Backend) -> None:
    jane = await testers.somebody()
    await testers.post("password/reset", email=jane.email)
    token = (await testers.letter(jane.email)).link_token

    await testers.product.http.post("/testing/clock", json={"advanceSeconds": 901})
    late = await testers.post("password/confirm", reset_token=token, new_password="something else entirely")
    assert error_of(late) == (400, "link_expired")
    assert await testers.is_alive(jane)
    await testers.product.http.post("/testing/clock", json={"advanceSeconds": 2700})
    assert not await testers.is_alive(jane)
    assert (await testers.post("token/refresh", refresh_token=jane.refresh_token)).status_code == 200
    await testers.product.http.post("/testing/clock", json={"advanceSeconds": 30 * 86_400})
    assert (await testers.post("token/refresh", refresh_token=jane.refresh_token)).status_code == 401


async def _sessions(product: Product) -> int:
    async with product.core.db.acquire() as conn:
        count: int = await conn.fetchval("SELECT count(*) FROM sessions")
    return count
