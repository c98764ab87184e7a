"""P28: anybody can check an access token without asking this server, and nobody can make one."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import jwt
import pytest

from server.core.principals.model import RealmPrincipal
from server.core.realms.model import Realm
from server.core.sessions.token_keys import RotateTokenKeys, rotate_token_keys
from server.core.work import Work
from tests.support.accounts import a_realm
from tests.support.product import Product
from tests.support.scene import made_on
from tests.support.sign_in import a_principal, access_token_of, an_open_session

PATHS = ("/v1/.well-known/jwks.json", "/.well-known/jwks.json")


async def _signed_in(work: Work) -> tuple[Realm, RealmPrincipal, str]:
    realm = await a_realm(work)
    principal = await a_principal(work, realm)
    opened = await an_open_session(work, realm, principal)
    return realm, principal, access_token_of(opened).reveal()


async def keys_of(product: Product, path: str = PATHS[0]) -> dict[str, Any]:
    """The published keys by their ids."""
    response = await product.http.get(path)
    assert response.status_code == 200, response.text
    return {key["kid"]: key for key in response.json()["keys"]}


def read(token: str, keys: Mapping[str, Any], audience: str | None) -> dict[str, Any]:
    """What a relying party does with PyJWT and the published keys."""
    kid = jwt.get_unverified_header(token)["kid"]
    claims: dict[str, Any] = jwt.decode(
        token,
        jwt.PyJWK(keys[kid]),
        algorithms=["ES256", "RS256"],
        audience=audience,
        options={"require": ["iss", "aud", "exp", "jti"]},
    )
    return claims


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_p28_a_token_is_verified_with_the_published_keys(
    make_product: Callable[..., Product], algorithm: str
) -> None:
    product = make_product(token_algorithm=algorithm)
    realm, principal, token = await made_on(product.core, _signed_in)

    claims = read(token, await keys_of(product), realm.login_id)

    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert claims["email"] == principal.email
    assert claims["iss"] == product.core.settings.base_url
    with pytest.raises(jwt.InvalidAudienceError):
        read(token, await keys_of(product), "lp_another")


async def test_p28_forgeries_do_not_verify(product: Product) -> None:
    _, _, token = await made_on(product.core, _signed_in)
    keys = await keys_of(product)
    kid = jwt.get_unverified_header(token)["kid"]
    head, body, signature = token.split(".")
    altered = body[:-2] + ("AA" if body[-2:] != "AA" else "BB")
    none = _encoded({"alg": "none", "typ": "JWT", "kid": kid})
    shared = _encoded({"alg": "HS256", "typ": "JWT", "kid": kid})
    mac = hmac.digest(json.dumps(keys[kid]).encode(), f"{shared}.{body}".encode(), hashlib.sha256)

    for forged in (
        f"{head}.{altered}.{signature}",
        f"{none}.{body}.",
        f"{shared}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
    ):
        with pytest.raises(jwt.InvalidTokenError):
            read(forged, keys, None)


async def test_the_keys_are_at_both_places_and_may_be_kept_for_some_minutes(product: Product) -> None:
    answers: list[httpx2.Response] = [await product.http.get(path) for path in PATHS]

    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["keys"]
    assert [answer.headers["cache-control"] for answer in answers] == ["public, max-age=300"] * 2
    assert [answer.headers["x-surface"] for answer in answers] == ["public_keys"] * 2


async def test_both_places_have_one_budget_by_address(make_product: Callable[..., Product]) -> None:
    product = make_product(limit_public="2/60")

    answers = [(await product.http.get(path)).status_code for path in (*PATHS, PATHS[0])]

    assert answers == [200, 200, 429]


async def test_no_private_half_is_published(make_product: Callable[..., Product]) -> None:
    for algorithm in ("ES256", "RS256"):
        keys = await keys_of(make_product(token_algorithm=algorithm))

        assert not {"d", "p", "q", "dp", "dq", "qi"} & {member for key in keys.values() for member in key}


async def test_after_a_rotation_old_tokens_verify_and_new_ones_too(product: Product) -> None:
    _, _, before = await made_on(product.core, _signed_in)
    await made_on(product.core, _rotated)
    _, _, after = await made_on(product.core, _signed_in)

    keys = await keys_of(product)

    assert next(iter(keys)) == jwt.get_unverified_header(after)["kid"]
    for token in (before, after):
        assert jwt.decode(
            token, jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]]), options={"verify_aud": False}
        )


async def _rotated(work: Work) -> str:
    return await rotate_token_keys(work, RotateTokenKeys())


def _encoded(header: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
