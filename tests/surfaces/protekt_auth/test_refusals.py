"""P49: one shape for every refusal, and one for every key that is not good."""

import httpx2
import pytest

from server.core.api_keys.project_keys import RevokeProjectKey, revoke_project_key
from server.surfaces import protekt_auth
from server.surfaces.kit.surface import Route
from tests.support.accounts import PASSWORD, a_project_key, an_email
from tests.support.backend import Backend, error_of
from tests.support.product import Product

WITH_KEY = [
    route
    for route in protekt_auth.surface.routes
    if {"project_key", "key_or_user"} & set(route.guard.schemes)
]
ID = f"usr_{'0' * 26}"


def _name(route: Route) -> str:
    return f"{route.method} {route.template}"


async def _called(product: Product, route: Route, **headers: str) -> httpx2.Response:
    path = route.template.replace("{id}", ID)
    return await product.http.request(route.method, path, headers=headers)


@pytest.mark.parametrize("route", WITH_KEY, ids=_name)
async def test_p49_a_missing_or_wrong_key_is_refused_everywhere_alike(product: Product, route: Route) -> None:
    missing = await _called(product, route)
    answers = [
        await _called(product, route, **{"X-Protekt-Key": key})
        for key in ("pk_live_wrong", "", "pk_live_" + "a" * 43, "x" * 600, "mgmt_abc")
    ]

    if missing.headers["X-Surface"] == "protekt_auth":
        answers.append(missing)
    for answer in answers:
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] in {"invalid_api_key", "invalid_token"}
        assert answer.headers["X-Surface"] == "protekt_auth"


async def test_p49_a_revoked_key_is_refused_at_once(app: Backend) -> None:
    product = app.product
    issued = await product.made(a_project_key, project=app.project)
    backend = Backend(product, app.project, issued.secret.reveal())
    assert (await backend.get("users")).status_code == 200

    await product.made(
        revoke_project_key, command=RevokeProjectKey(app.project.organization_id, issued.key.uid)
    )

    assert error_of(await backend.get("users")) == (401, "invalid_api_key")
    refused = await backend.post("signup", email=an_email(), password=PASSWORD)
    assert error_of(refused) == (401, "invalid_api_key")


async def test_p49_what_is_not_there_or_not_taken_has_the_shape_too(app: Backend) -> None:
    unknown = await app.call("GET", "nothing/here")
    method = await app.call("PUT", "users")
    no_json = await app.product.http.post(
        "/v1/auth/signup",
        content=b"email=x",
        headers={"X-Protekt-Key": app.key, "Content-Type": "application/x-www-form-urlencoded"},
    )
    broken = await app.product.http.post(
        "/v1/auth/signup",
        content=b'{"email": "a@example.com", "email": "b@example.com"}',
        headers={"X-Protekt-Key": app.key, "Content-Type": "application/json"},
    )

    assert error_of(unknown) == (404, "route_not_found")
    assert error_of(method) == (405, "method_not_allowed")
    assert error_of(no_json) == (415, "unsupported_media_type")
    assert error_of(broken) == (400, "malformed_body")


async def test_p49_a_failing_key_is_counted_against_its_address(product: Product) -> None:
    app = await Backend.on(product)
    limited = Backend(product, app.project, "pk_live_wrong")
    product.gateway.serving.limiter._settings = product.core.settings.model_copy(
        update={"limit_failed_keys": "2/60"}
    )

    codes = [error_of(await limited.get("users")) for _ in range(3)]

    assert codes == [(401, "invalid_api_key")] * 2 + [(429, "too_many_requests")]
    assert (await app.get("users")).status_code == 200
