import httpx2
import pytest

from server.base.secret import Secret
from server.core.operators.actions import (
    CreateOperator,
    SetOperatorStatus,
    create_operator,
    set_operator_status,
)
from tests.support.accounts import PASSWORD, an_email
from tests.support.product import Product
from tests.support.work import OPERATOR

PROBLEM = "https://ezkey.io/problems/"


@pytest.fixture
async def email(product: Product) -> str:
    """The address of an operator of the test's own."""
    email = an_email("operator")
    await product.core.perform(create_operator, CreateOperator(email, Secret(PASSWORD)), actor=OPERATOR)
    return email


async def test_an_operator_who_signs_in_may_do_what_one_with_a_key_may(product: Product, email: str) -> None:
    answer = await _sign_in(product, email)

    assert answer.status_code == 200
    assert answer.json()["expiresAt"] > product.core.clock.now().isoformat()
    listed = await product.http.get("/api/v1/tenants", headers=_bearer(answer))
    assert listed.status_code == 200


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(
    product: Product, email: str
) -> None:
    answers = [
        await _sign_in(product, email, "a wrong one"),
        await _sign_in(product, an_email(), PASSWORD),
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["type"] == PROBLEM + "invalid-credentials"


async def test_a_token_is_refused_after_signing_out(product: Product, email: str) -> None:
    one, other = await _sign_in(product, email), await _sign_in(product, email)

    left = await product.http.post("/api/v1/operators/sign-out", headers=_bearer(one))

    assert left.status_code == 204
    again = await product.http.post("/api/v1/operators/sign-out", headers=_bearer(one))
    assert (again.status_code, again.json()["type"]) == (401, PROBLEM + "invalid-operator-key")
    assert (await product.http.get("/api/v1/tenants", headers=_bearer(other))).status_code == 200


async def test_a_key_is_revoked_and_not_signed_out(operator: httpx2.AsyncClient) -> None:
    answer = await operator.post("operators/sign-out")

    assert (answer.status_code, answer.json()["type"]) == (403, PROBLEM + "permission-denied")
    assert (await operator.get("tenants")).status_code == 200


async def test_an_operator_who_is_switched_off_is_refused_at_once(product: Product, email: str) -> None:
    token = _bearer(await _sign_in(product, email))

    command = SetOperatorStatus(email, enabled=False)
    await product.core.perform(set_operator_status, command, actor=OPERATOR)

    assert (await product.http.get("/api/v1/tenants", headers=token)).status_code == 401
    assert (await _sign_in(product, email)).status_code == 401


async def test_what_an_operator_does_is_recorded_with_their_id(product: Product, email: str) -> None:
    token = _bearer(await _sign_in(product, email))

    made = await product.http.post("/api/v1/tenants", json={"name": an_email()}, headers=token)

    async with product.core.db.acquire() as conn:
        actor = await conn.fetchval(
            """
            SELECT p.email
              FROM audit_events AS a
              JOIN principals AS p ON p.id::text = a.actor_id
             WHERE a.event = 'tenant.created'
               AND a.target_id = $1
               AND a.actor_kind = 'operator'
            """,
            str(made.json()["id"]),
        )
    assert actor == email


async def test_operators_and_members_are_strangers_to_each_other(product: Product, email: str) -> None:
    account = await product.account()
    operator = _bearer(await _sign_in(product, email))

    assert (await _sign_in(product, account.email)).status_code == 401
    assert (await account.http.get("/api/v1/tenants")).status_code == 401
    assert (await product.http.get("/v1/projects", headers=operator)).status_code == 401
    credentials = {"email": email, "password": PASSWORD}
    assert (await product.http.post("/v1/token", json=credentials)).status_code == 401


async def _sign_in(product: Product, email: str, password: str = PASSWORD) -> httpx2.Response:
    credentials = {"email": email, "password": password}
    return await product.http.post("/api/v1/operators/sign-in", json=credentials)


def _bearer(answer: httpx2.Response) -> dict[str, str]:
    """The header by which an operator who signed in calls."""
    return {"Authorization": f"Bearer {answer.json()['token']}"}
