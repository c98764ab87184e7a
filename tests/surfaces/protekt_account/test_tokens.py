import pytest

from tests.support.accounts import PASSWORD, Account, an_email
from tests.support.product import Product

UNAUTHORIZED = "invalid_management_token"


async def test_p01_a_right_password_gives_a_token_that_is_good_for_hours(
    product: Product, account: Account
) -> None:
    answer = await product.http.post("/v1/token", json={"email": account.email, "password": PASSWORD})

    assert answer.status_code == 200
    body = answer.json()
    assert body["management_token"].startswith("mgmt_")
    assert body["expires_at"] > product.core.clock.now().isoformat()
    assert answer.headers["Cache-Control"] == "no-store"


async def test_p01_a_wrong_password_and_an_unknown_address_are_answered_alike(
    product: Product, account: Account
) -> None:
    answers = [
        await product.http.post("/v1/token", json={"email": email, "password": password})
        for email, password in ((account.email, "a wrong one"), (an_email(), PASSWORD))
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["error"]["code"] == "invalid_credentials"


async def test_p01_an_address_may_be_written_in_any_casing(product: Product, account: Account) -> None:
    answer = await product.http.post(
        "/v1/token", json={"email": f" {account.email.upper()} ", "password": PASSWORD}
    )

    assert answer.status_code == 200


async def test_p01_a_token_ends_by_itself(product: Product, account: Account) -> None:
    product.move_clock(hours=11, minutes=59)
    assert (await account.http.get("/v1/projects")).status_code == 200

    product.move_clock(minutes=1)

    assert (await account.http.get("/v1/projects")).status_code == 401


async def test_p01_after_too_many_wrong_passwords_even_the_right_one_must_wait(
    product: Product, account: Account
) -> None:
    async def sign_in(password: str) -> int:
        credentials = {"email": account.email, "password": password}
        answer = await product.http.post("/v1/token", json=credentials)
        return answer.status_code

    assert [await sign_in("a wrong one") for _ in range(10)] == [401] * 10
    assert [await sign_in("a wrong one"), await sign_in(PASSWORD)] == [429, 429]
    product.move_clock(minutes=15)
    assert await sign_in(PASSWORD) == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "jane@example.com"},
        {"password": PASSWORD},
        {"email": "jane", "password": PASSWORD},
        {"email": None, "password": PASSWORD},
        {"email": "jane@example.com", "password": 12345678},
    ],
)
async def test_p01_an_address_and_a_password_are_needed(product: Product, body: dict[str, object]) -> None:
    answer = await product.http.post("/v1/token", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_fields"


async def test_p02_a_revoked_token_is_refused_at_once(product: Product, account: Account) -> None:
    another = await product.signed_in(account.organization, account.email)

    answer = await account.http.post("/v1/token/revoke")

    assert (answer.status_code, answer.json()) == (200, {"revoked": True})
    for refused in (await account.http.get("/v1/projects"), await account.http.post("/v1/token/revoke")):
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == UNAUTHORIZED
    assert (await another.http.get("/v1/projects")).status_code == 200


async def test_p03_neither_a_project_key_nor_a_user_s_token_opens_the_account_api(
    product: Product, account: Account
) -> None:
    backend = await product.backend()
    credentials = {"email": an_email(), "password": PASSWORD}
    user = (await backend.http.post("/v1/auth/signup", json=credentials)).json()

    for token in (backend.key, user["access_token"], user["refresh_token"], "mgmt_", "x"):
        answer = await product.http.get("/v1/projects", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == UNAUTHORIZED
    by_header = await backend.http.get("/v1/projects")
    assert (by_header.status_code, by_header.json()["error"]["code"]) == (401, UNAUTHORIZED)


async def test_p03_a_management_token_is_no_user_s_token(product: Product, account: Account) -> None:
    backend = await product.backend()

    for http in (account.http, backend.http):
        answer = await http.get("/v1/auth/sessions", headers={"Authorization": f"Bearer {account.token}"})
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_token"


async def test_who_is_a_member_of_nothing_is_refused(product: Product, account: Account) -> None:
    """Their password is right, and they act for nobody."""
    async with product.core.db.acquire() as conn:
        await conn.execute("UPDATE organizations SET active = false WHERE id = $1", account.organization.id)

    again = await product.http.post("/v1/token", json={"email": account.email, "password": PASSWORD})

    assert (again.status_code, again.json()["error"]["code"]) == (401, "invalid_credentials")
    assert (await account.http.get("/v1/projects")).status_code == 401
