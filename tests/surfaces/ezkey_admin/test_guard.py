import httpx2
import pytest

from server.app import SURFACES
from server.surfaces.ezkey_admin import surface
from server.surfaces.ezkey_admin.operators import sign_in
from server.surfaces.kit.guards import operator_key
from server.surfaces.kit.limits import OPERATIONS
from server.surfaces.kit.surface import Route
from tests.support.factories import an_api_key, an_operator_key
from tests.support.product import Product, a_product

GUARDED = [route for route in surface.routes if route.handler is not sign_in]


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route.method} {route.path}")
async def test_every_route_wants_an_operator_key(product: Product, route: Route) -> None:
    api_key = await product.made(an_api_key)
    path = route.path.replace("{id:int32}", "1")

    for headers in (
        {},
        {"Authorization": f"Bearer ezkey_okey_{'0' * 20}_{'A' * 43}"},
        {"Authorization": f"Bearer {api_key.secret.reveal()}"},
    ):
        answer = await product.http.request(route.method, path, headers=headers)

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="countersign"'
        assert answer.json()["type"] == "https://ezkey.io/problems/invalid-operator-key"


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_has_the_same_guard_and_limit(route: Route) -> None:
    assert route.guard is operator_key
    assert route.limit is OPERATIONS


async def test_a_revoked_key_is_refused_at_once(product: Product, operator: httpx2.AsyncClient) -> None:
    issued = await product.made(an_operator_key)
    mine = {"Authorization": f"Bearer {issued.secret.reveal()}"}
    assert (await product.http.get("/api/v1/tenants", headers=mine)).status_code == 200

    await operator.post(f"operator-keys/{issued.key.id}/revoke")

    assert (await product.http.get("/api/v1/tenants", headers=mine)).status_code == 401


async def test_an_integration_is_no_operator_and_an_operator_no_integration(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()

    assert (await product.http.get("/api/v1/auth-attempts", auth=party.auth)).status_code == 401
    assert (await operator.post("auth-attempts", json={"challengeRequested": False})).status_code == 401


async def test_what_an_operator_may_do_is_limited(product: Product) -> None:
    limited = a_product(product.core.db, limit_operator="3/60")
    client = await limited.operator()

    answers = [await client.get("/api/v1/tenants") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_the_surface_is_served() -> None:
    assert surface in SURFACES
