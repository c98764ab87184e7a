"""ID tokens as no real provider gives them."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import encode

from server.outbound.identity_providers.failures import AnswerRejected
from server.outbound.identity_providers.id_tokens import UnknownKey, read_key_set, verify_id_token

NOW = datetime(2027, 5, 1, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER, CLIENT, NONCE = "https://idp.example", "client-1", "nonce-1"
CLAIMS = {"iss": ISSUER, "aud": CLIENT, "sub": "jane", "iat": AT, "exp": AT + 300, "nonce": NONCE}

KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
CURVE = ECKey.generate_key("P-256", {"kid": "two"})
FOREIGN = RSAKey.generate_key(2048, {"kid": "one"})
KEYS = read_key_set({"keys": [KEY.as_dict(private=False), CURVE.as_dict(private=False)]})
SECRET = "the secret that both know, long enough for HS256"


def token(
    key: Key = KEY,
    alg: str = "RS256",
    *,
    header: Mapping[str, object] | None = None,
    claims: Mapping[str, object] | None = None,
) -> str:
    registry = JWSRegistry(algorithms=[alg], strict_check_header=False)
    head = said({"alg": alg, "kid": "one", **(header or {})})
    return encode(head, said({**CLAIMS, **(claims or {})}), key, registry=registry)


def said(members: Mapping[str, object]) -> dict[str, object]:
    """Those of *members* that are not left out with None."""
    return {name: value for name, value in members.items() if value is not None}


def verify(text: str, access_token: str | None = None) -> Mapping[str, object]:
    return verify_id_token(
        text,
        KEYS,
        issuer=ISSUER,
        client_id=CLIENT,
        nonce=NONCE,
        access_token=access_token,
        now=NOW,
    )


def b64(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def test_a_token_of_the_provider_is_believed() -> None:
    assert verify(token())["sub"] == "jane"
    assert verify(token(CURVE, "ES256", header={"kid": "two"}))["sub"] == "jane"
    assert verify(token(claims={"aud": [CLIENT, "another"], "azp": CLIENT}))["sub"] == "jane"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://mallory.example"},
        {"iss": f"{ISSUER}/"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"aud": None},
        {"aud": []},
        {"aud": {CLIENT: True}},
        {"aud": [CLIENT, "another"]},  # without azp nobody knows whose it is
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "nonce-2"},
        {"nonce": None},
        {"nonce": ""},
        {"exp": AT - 120},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": float("nan")},
        {"iat": AT + 121},
        {"iat": None},
        {"nbf": AT + 121},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"at_hash": "AAAA"},
    ],
    ids=str,
)
def test_claims_that_are_not_for_this_sign_in_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(AnswerRejected, match="id_token_claims_invalid"):
        verify(token(claims=changes), access_token="access")


def test_clocks_may_differ_by_two_minutes() -> None:
    assert verify(token(claims={"exp": AT - 119, "iat": AT + 119, "nbf": AT + 119}))["sub"] == "jane"


def test_the_access_token_is_the_one_that_came_beside_it() -> None:
    half = b64(hashlib.sha256(b"access").digest()[:16])

    assert verify(token(claims={"at_hash": half}), access_token="access")["sub"] == "jane"


def none_token() -> str:
    return f"{b64(json.dumps({'alg': 'none', 'kid': 'one'}))}.{b64(json.dumps(CLAIMS))}."


def resigned_by_mallory() -> str:
    head, body, _ = token().split(".")
    return f"{head}.{body}.{token(FOREIGN).rpartition('.')[2]}"


def changed() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{b64(json.dumps({**CLAIMS, 'sub': 'mallory'}))}.{signature}"


def with_a_key_of_its_own() -> str:
    return token(FOREIGN, header={"jwk": FOREIGN.as_dict(private=False)})


def with_something_critical() -> str:
    head = b64(json.dumps({"alg": "RS256", "kid": "one", "crit": ["tenant"], "tenant": 7}))
    signed = f"{head}.{b64(json.dumps(CLAIMS))}"
    assert KEY.private_key is not None
    signature = KEY.private_key.sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{b64(signature)}"


def with_the_public_key_as_secret() -> str:
    return token(OctKey.import_key(KEY.as_pem(private=False)), "HS256")


@pytest.mark.parametrize(
    "text",
    [
        none_token(),
        none_token().replace("none", "None"),
        token(OctKey.import_key(SECRET), "HS256"),
        token(OctKey.import_key(CLIENT.ljust(40)), "HS512"),
        token(FOREIGN),
        resigned_by_mallory(),
        changed(),
        with_a_key_of_its_own(),
        token().rpartition(".")[0] + ".",
        token().rpartition(".")[0],
        with_something_critical(),
        token(CURVE, "ES256"),  # the key named is of another kind
        "",
        "a.b.c",
        "é.é.é",
        "." * 10_000,
        token(claims={"filler": "x" * 200_000}),
    ],
)
def test_signatures_that_are_not_the_providers_are_refused(text: str) -> None:
    with pytest.raises(AnswerRejected, match="id_token_signature_invalid"):
        verify(text)


@pytest.mark.parametrize("header", [{"kid": "three"}, {"kid": None}])
def test_a_key_that_is_not_in_the_set_is_told_apart(header: dict[str, object]) -> None:
    with pytest.raises(UnknownKey):
        verify(token(header=header))


def test_headers_that_are_not_understood_are_no_matter() -> None:
    assert verify(token(header={"x5t": "AAAA", "tenant": "7"}))["sub"] == "jane"


def test_a_key_set_gives_the_keys_that_can_be_used() -> None:
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024).as_dict(private=False)
    encrypts = {**KEY.as_dict(private=False), "use": "enc"}
    shared = {"kty": "oct", "k": b64(SECRET), "kid": "one"}
    odd: list[object] = [{"kty": "AKP"}, {"kty": "RSA"}, {"kty": "RSA", "n": 1, "e": []}, {}, 7, None, "x"]

    keys = read_key_set({"keys": [short, encrypts, shared, *odd, CURVE.as_dict(private=False)]})

    assert [key.kid for key in keys] == ["two"]


@pytest.mark.parametrize(
    "document", [{}, {"keys": []}, {"keys": {}}, {"keys": None}, {"keys": [{"kty": "oct", "k": "AAAA"}]}]
)
def test_a_document_without_such_keys_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(AnswerRejected, match="no_usable_keys"):
        read_key_set(document)
