from datetime import timedelta
from typing import Any

import pytest

from server.base.ids import public_id
from tests.support.accounts import PASSWORD, Account, ProjectClient, a_project, an_email
from tests.support.outbox import latest_message
from tests.support.product import Product


async def test_p17_three_users_who_log_in_five_times(product: Product, account: Account) -> None:
    backend = await _backend(product, account)
    emails = [await _signed_up(backend) for _ in range(3)]
    for email in (*emails, emails[0], emails[1]):
        await _log_in(backend, email)

    usage = await _usage(account)

    assert (usage["mau"], usage["total_logins"]) == (3, 5)
    assert usage["tokens_issued"] == 8
    assert (usage["passwordless_logins"], usage["sso_logins"]) == (0, 0)


async def test_p17_a_project_narrows_the_numbers(product: Product, account: Account) -> None:
    first, second = [await _backend(product, account) for _ in range(2)]
    await _log_in(first, await _signed_up(first))
    for _ in range(2):
        await _log_in(second, await _signed_up(second))

    numbers = [
        await _usage(account, project_id=public_id("proj", backend.project.id)) for backend in (first, second)
    ]

    assert [(each["mau"], each["total_logins"]) for each in numbers] == [(1, 1), (2, 2)]
    assert (await _usage(account))["total_logins"] == 3


async def test_p17_from_and_to_bound_the_numbers_by_day(product: Product, account: Account) -> None:
    backend = await _backend(product, account)
    today = product.core.clock.now().date()
    email = await _signed_up(backend)
    await _log_in(backend, email)
    product.move_clock(days=1)
    for _ in range(2):
        await _log_in(backend, email)

    async def logins(first: int, last: int) -> int:
        days = {"from": str(today + timedelta(first)), "to": str(today + timedelta(last))}
        usage = await _usage(account_tomorrow, **days)
        assert usage["period"] == days
        return int(usage["total_logins"])

    account_tomorrow = await product.signed_in(account.organization, account.email)
    assert [await logins(*days) for days in ((0, 0), (1, 1), (0, 1), (2, 3), (-2, -1))] == [1, 2, 3, 0, 0]


async def test_p17_without_days_it_is_this_month(product: Product, account: Account) -> None:
    today = product.core.clock.now().date()

    period = (await _usage(account))["period"]

    assert period == {"from": str(today.replace(day=1)), "to": str(today)}


async def test_p17_a_passwordless_login_is_counted_as_one(product: Product, account: Account) -> None:
    backend = await _backend(product, account)
    email = await _signed_up(backend)
    await backend.http.post("/v1/auth/magic-link/send", json={"email": email})
    letter = await latest_message(product.core, email, template="magic_link")

    verified = await backend.http.post("/v1/auth/magic-link/verify", json={"token": letter.link_token})

    assert verified.status_code == 200
    usage = await _usage(account)
    assert (usage["mau"], usage["total_logins"], usage["passwordless_logins"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2030-01-02", "to": "2030-01-01"}, "from"),
        ({"from": "2029-01-01", "to": "2030-01-02"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2030-02-30"}, "from"),
        ({"to": "2030-01-01T00:00:00Z"}, "to"),
        ({"to": ""}, "to"),
        ({"project_id": "proj_x"}, "project_id"),
        ({"project_id": f"proj_{'0' * 26}"}, "project_id"),
    ],
)
async def test_p17_what_cannot_be_counted_is_refused_by_name(
    account: Account, query: dict[str, str], field: str
) -> None:
    refused = await account.http.get("/v1/usage", params=query)

    assert (refused.status_code, list(refused.json()["error"]["details"])) == (400, [field])


async def test_p17_another_organization_s_project_is_not_counted(product: Product, account: Account) -> None:
    foreign = await product.made(a_project)

    refused = await account.http.get("/v1/usage", params={"project_id": public_id("proj", foreign.id)})

    assert refused.status_code == 400


async def _backend(product: Product, account: Account) -> ProjectClient:
    return await product.backend(organization=account.organization)


async def _signed_up(backend: ProjectClient) -> str:
    """The address of a new user."""
    email = an_email()
    answer = await backend.http.post("/v1/auth/signup", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return email


async def _log_in(backend: ProjectClient, email: str) -> None:
    answer = await backend.http.post("/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text


async def _usage(account: Account, **query: str) -> dict[str, Any]:
    answer = await account.http.get("/v1/usage", params=query)
    assert answer.status_code == 200, answer.text
    usage: dict[str, Any] = answer.json()
    return usage
