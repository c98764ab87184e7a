import base64
import hashlib
import hmac
import json

import httpx2
import jwt
import pytest

from tests.support.backend import Backend, claims_of, error_of
from tests.support.product import Product


async def test_p25_a_refresh_rotates_and_reuse_ends_the_session(app: Backend) -> None:
    jane = await app.somebody()
    elsewhere = await app.again(jane)

    first = await app.post("token/refresh", refresh_token=jane.refresh_token)

    assert first.status_code == 200
    fresh = first.json()
    assert set(fresh) == {"access_token", "refresh_token", "expires_in"}
    assert fresh["refresh_token"] != jane.refresh_token
    assert claims_of(fresh["access_token"])["jti"] != jane.claims["jti"]
    assert (await app.get("sessions", bearer=fresh["access_token"])).status_code == 200

    reused = await app.post("token/refresh", refresh_token=jane.refresh_token)
    assert error_of(reused) == (401, "invalid_refresh_token")
    dead = await app.post("token/refresh", refresh_token=fresh["refresh_token"])
    assert error_of(dead) == (401, "invalid_refresh_token")
    assert (await app.get("sessions", bearer=fresh["access_token"])).status_code == 401
    assert await app.is_alive(elsewhere)


async def test_p25_a_refresh_token_is_no_good_elsewhere(app: Backend, other: Backend) -> None:
    """And being shown there is no reuse."""
    jane = await app.somebody()

    foreign = await other.post("token/refresh", refresh_token=jane.refresh_token)
    unknown = await app.post("token/refresh", refresh_token="rt_unknown")
    access = await app.post("token/refresh", refresh_token=jane.access_token)

    assert {foreign.content, unknown.content, access.content} == {foreign.content}
    assert error_of(foreign) == (401, "invalid_refresh_token")
    assert (await app.post("token/refresh", refresh_token=jane.refresh_token)).status_code == 200


async def test_p25_a_session_ends_at_its_time_however_often_it_is_refreshed(product: Product) -> None:
    app = await Backend.on(product, access_token_seconds=600, session_seconds=1000)
    jane = await app.somebody()
    product.move_clock(seconds=590)

    late = (await app.post("token/refresh", refresh_token=jane.refresh_token)).json()
    assert 400 <= late["expires_in"] <= 410
    product.move_clock(seconds=420)

    assert (await app.get("sessions", bearer=late["access_token"])).status_code == 401
    assert (await app.post("token/refresh", refresh_token=late["refresh_token"])).status_code == 401


async def test_p26_a_good_token_is_told(app: Backend) -> None:
    jane = await app.somebody()

    answer = await _verify(app, jane.access_token)

    assert answer.status_code == 200
    claims = jane.claims
    assert answer.json() == {
        "valid": True,
        "claims": {
            "sub": jane.id,
            "email": jane.email,
            "iat": claims["iat"],
            "exp": claims["exp"],
            "project_id": claims["project_id"],
        },
    }
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["project_id"].startswith("proj_")


async def test_p26_a_token_that_is_not_good_is_refused_alike(
    app: Backend, other: Backend, product: Product
) -> None:
    jane, elsewhere, gone = await app.somebody(), await other.somebody(), await app.somebody()
    await app.post("logout", bearer=gone.access_token)
    head, payload, signature = jane.access_token.split(".")
    altered = f"{head}.{_with(payload, sub='usr_00000000000000000000000000')}.{signature}"

    answers = [
        await _verify(app, token)
        for token in (altered, elsewhere.access_token, gone.access_token, jane.refresh_token, "", "a.b.c")
    ]
    product.move_clock(seconds=3601)
    answers.append(await _verify(app, jane.access_token))

    assert [error_of(answer) for answer in answers] == [(401, "invalid_token")] * 7
    assert len({answer.content for answer in answers}) == 1


async def test_p26_verifying_is_no_use_of_the_session(app: Backend, product: Product) -> None:
    jane = await app.somebody()
    (before,) = (await app.get("sessions", bearer=jane.access_token)).json()["data"]
    watching = await app.again(jane)
    product.move_clock(minutes=10)

    assert (await _verify(app, jane.access_token)).status_code == 200

    listed = (await app.get("sessions", bearer=watching.access_token)).json()["data"]
    after = next(session for session in listed if session["id"] == before["id"])
    assert after["last_active_at"] == before["last_active_at"]


async def test_p27_one_access_token_is_revoked_and_its_session_lives(app: Backend) -> None:
    jane = await app.somebody()

    answer = await app.call("POST", "token/revoke", {"token": jane.access_token})

    assert (answer.status_code, answer.json()) == (200, {"revoked": True})
    assert not await app.is_alive(jane)
    assert (await _verify(app, jane.access_token)).status_code == 401
    fresh = await app.post("token/refresh", refresh_token=jane.refresh_token)
    assert fresh.status_code == 200
    assert (await app.get("sessions", bearer=fresh.json()["access_token"])).status_code == 200


async def test_p27_one_refresh_token_is_revoked_and_the_access_token_lives(app: Backend) -> None:
    jane = await app.somebody()

    answer = await app.call("POST", "token/revoke", {"token": jane.refresh_token})

    assert answer.json() == {"revoked": True}
    assert (await app.post("token/refresh", refresh_token=jane.refresh_token)).status_code == 401
    assert await app.is_alive(jane)


async def test_p27_a_foreign_token_is_not_revoked(app: Backend, other: Backend) -> None:
    jane = await app.somebody()

    for token in (jane.access_token, jane.refresh_token, "rt_unknown"):
        refused = await other.call("POST", "token/revoke", {"token": token})
        assert error_of(refused) == (401, "invalid_token")

    assert await app.is_alive(jane)
    assert (await app.post("token/refresh", refresh_token=jane.refresh_token)).status_code == 200


async def test_p28_a_token_verifies_with_the_published_keys(app: Backend, product: Product) -> None:
    jane = await app.somebody()

    answer = await product.http.get("/v1/.well-known/jwks.json")
    assert answer.status_code == 200
    keys = jwt.PyJWKSet.from_dict(answer.json())
    head = jwt.get_unverified_header(jane.access_token)
    key = keys[head["kid"]]
    claims = jwt.decode(
        jane.access_token,
        key,
        algorithms=["ES256", "RS256"],
        audience=jane.claims["aud"],
        issuer=product.core.settings.base_url,
        options={"require": ["iss", "aud", "exp", "jti", "sub", "iat"]},
    )

    assert claims["sub"] == jane.id
    assert all("d" not in published for published in answer.json()["keys"])


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_p28_a_forged_token_is_refused(app: Backend, product: Product, algorithm: str) -> None:
    """Unsigned, or signed with the public key as if it were a secret."""
    jane = await app.somebody()
    published = (await product.http.get("/v1/.well-known/jwks.json")).json()["keys"]
    kid = jwt.get_unverified_header(jane.access_token)["kid"]
    public = next(key for key in published if key["kid"] == kid)
    payload = jane.access_token.split(".")[1]
    head = _encoded({"alg": algorithm, "typ": "JWT", "kid": kid})
    secret = json.dumps(public, separators=(",", ":")).encode()
    signed = hmac.new(secret, f"{head}.{payload}".encode(), hashlib.sha256).digest()
    signature = "" if algorithm == "none" else _b64(signed)
    forged = f"{head}.{payload}.{signature}"

    assert error_of(await _verify(app, forged)) == (401, "invalid_token")
    assert error_of(await app.get("sessions", bearer=forged)) == (401, "invalid_token")


async def _verify(app: Backend, token: str) -> httpx2.Response:
    return await app.call("POST", "token/verify", {"token": token})


def _with(payload: str, **claims: object) -> str:
    """A token's payload that says something else."""
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return _encoded(said | claims)


def _encoded(value: object) -> str:
    return _b64(json.dumps(value, separators=(",", ":")).encode())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
