import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from server.crypto.access_tokens import (
    ALGORITHMS,
    REQUIRED_CLAIMS,
    BadToken,
    NewTokenKey,
    SigningKey,
    TokenAlgorithm,
    VerifyingKey,
    generate,
    jwks,
    sign,
    unverified_kid,
    verify,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ISSUER, AUDIENCE, KID = "https://auth.example.com", "lp_shop", "protekt-1"
CLAIMS: Mapping[str, object] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "usr_1",
    "sid": "sess_1",
    "jti": "0d5b2f4e",
    "iat": SECONDS,
    "exp": SECONDS + 3600,
    "amr": ["pwd", "otp"],
    "email": "josé@example.com",
}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def a_key(algorithm: TokenAlgorithm, name: str = "first") -> NewTokenKey:
    """A pair of keys, made once for each name: RSA takes its time."""
    return _made(algorithm, name)


@cache
def _made(algorithm: TokenAlgorithm, name: str) -> NewTokenKey:
    return generate(algorithm)


def a_token(
    algorithm: TokenAlgorithm = "ES256", claims: Mapping[str, object] = CLAIMS, *, key: str = "first"
) -> str:
    """A token as the server signs it."""
    return sign(SigningKey(algorithm, a_key(algorithm, key).private_key), claims, KID)


def a_signed_text(
    header: Mapping[str, object], payload: str | None = None, algorithm: TokenAlgorithm = "ES256"
) -> str:
    """A token signed by the right key over any header and payload, without the code that is tested."""
    payload = json.dumps(CLAIMS) if payload is None else payload
    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(payload.encode())}"
    key = load_der_private_key(a_key(algorithm).private_key, None)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
        signature = r.to_bytes(32) + s.to_bytes(32)
    return f"{signed}.{_encoded(signature)}"


def read(
    token: str,
    algorithm: TokenAlgorithm = "ES256",
    *,
    issuer: str = ISSUER,
    audience: str | None = AUDIENCE,
    now: datetime = NOW,
) -> Mapping[str, object]:
    """What the token says, if it is accepted."""
    keys = {KID: VerifyingKey(a_key(algorithm).public_jwk)}
    return verify(keys, token, issuer=issuer, audience=audience, now=now)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@each_algorithm
def test_the_claims_of_a_token_are_those_that_were_signed(algorithm: TokenAlgorithm) -> None:
    token = a_token(algorithm)

    assert read(token, algorithm) == CLAIMS
    assert read(token, algorithm, audience=None) == CLAIMS
    assert unverified_kid(token) == KID
    assert json.loads(_decoded(token.split(".")[0])) == {"alg": algorithm, "typ": "JWT", "kid": KID}


@each_algorithm
def test_a_relying_party_verifies_a_token_with_the_published_keys_alone(algorithm: TokenAlgorithm) -> None:
    published = json.dumps(
        jwks({KID: a_key(algorithm).public_jwk, "other": a_key("ES256", "other").public_jwk})
    )
    keys = jwt.PyJWKSet.from_json(published)

    fresh = {**CLAIMS, "iat": int(datetime.now(UTC).timestamp()), "exp": 2**33}
    read_there = jwt.decode(
        a_token(algorithm, fresh), keys[KID], [algorithm], audience=AUDIENCE, issuer=ISSUER
    )

    assert read_there == fresh


@each_algorithm
def test_only_public_members_of_a_key_are_published(algorithm: TokenAlgorithm) -> None:
    public = {"ES256": {"kty", "crv", "x", "y"}, "RS256": {"kty", "n", "e"}}[algorithm]
    key = a_key(algorithm)

    assert key.public_jwk.keys() == public | {"alg", "use"}
    assert jwks({KID: key.public_jwk}) == {"keys": [{**key.public_jwk, "kid": KID}]}
    assert (key.public_jwk["alg"], key.public_jwk["use"]) == (algorithm, "sig")


def test_new_keys_are_new_and_of_the_size_that_is_promised() -> None:
    es256, rs256 = a_key("ES256"), a_key("RS256")

    assert generate("ES256").public_jwk != es256.public_jwk
    assert es256.public_jwk["crv"] == "P-256"
    assert len(_decoded(rs256.public_jwk["n"])) == 3072 // 8


def test_keys_show_nothing_of_themselves() -> None:
    key = a_key("ES256")

    assert repr(key.private_key) not in repr(key)
    assert repr(SigningKey("ES256", key.private_key)) == "<SigningKey ES256>"
    assert repr(VerifyingKey(key.public_jwk)) == "<VerifyingKey ES256>"


@each_algorithm
def test_a_token_that_is_made_by_hand_is_accepted_as_well(algorithm: TokenAlgorithm) -> None:
    """What the forgeries below start from is right in all but what each changes."""
    assert (
        read(a_signed_text({"alg": algorithm, "typ": "JWT", "kid": KID}, None, algorithm), algorithm)
        == CLAIMS
    )


# --- forged ---


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_a_token_without_a_signature_is_refused(algorithm: str) -> None:
    _, payload, signature = a_token().split(".")
    header = _encoded(json.dumps({"alg": algorithm, "typ": "JWT", "kid": KID}).encode())

    for forged in (f"{header}.{payload}.", f"{header}.{payload}.{signature}", f"{header}.{payload}"):
        with pytest.raises(BadToken):
            read(forged)


@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512"])
@each_algorithm
def test_the_public_key_is_no_secret_to_sign_with(algorithm: TokenAlgorithm, name: str) -> None:
    key = a_key(algorithm)
    public = load_der_private_key(key.private_key, None).public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(key.public_jwk).encode(),
        _decoded(key.public_jwk.get("x", key.public_jwk.get("n", ""))),
    ]
    _, payload, _ = a_token(algorithm).split(".")
    header = _encoded(json.dumps({"alg": name, "typ": "JWT", "kid": KID}).encode())
    for secret in secrets:
        mac = hmac.new(secret, f"{header}.{payload}".encode(), getattr(hashlib, f"sha{name[2:]}")).digest()
        with pytest.raises(BadToken):
            read(f"{header}.{payload}.{_encoded(mac)}", algorithm)


@pytest.mark.parametrize("name", ["ES384", "ES512", "PS256", "RS256", "EdDSA", "ES256K", "es256", 256, None])
def test_another_algorithm_than_the_keys_own_is_refused(name: object) -> None:
    with pytest.raises(BadToken):
        read(a_signed_text({"alg": name, "typ": "JWT", "kid": KID}))


def test_the_right_signature_by_another_key_is_refused() -> None:
    with pytest.raises(BadToken):
        read(a_token(key="other"))
    with pytest.raises(BadToken):
        read(a_token("RS256"), "ES256")


@pytest.mark.parametrize("kid", ["protekt-2", "", "../../etc/passwd", None, 1, [KID], {"a": KID}])
def test_a_token_of_a_key_that_does_not_count_here_is_refused(kid: object) -> None:
    with pytest.raises(BadToken):
        read(a_signed_text({"alg": "ES256", "typ": "JWT", "kid": kid}))


def test_a_token_that_brings_its_own_key_is_refused() -> None:
    """`jwk`, `jku`, `x5c` and `x5u` are ignored: the key is the one that is known by the `kid`."""
    other = a_key("ES256", "other")
    header = {"alg": "ES256", "typ": "JWT", "jwk": other.public_jwk, "jku": "https://evil.example/jwks"}
    signing = load_der_private_key(other.private_key, None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)

    with pytest.raises(BadToken):
        read(jwt.encode(dict(CLAIMS), signing, "ES256", headers=header))
    with pytest.raises(BadToken):
        read(jwt.encode(dict(CLAIMS), signing, "ES256", headers={**header, "kid": KID}))


@pytest.mark.parametrize("typ", ["at+jwt", "jwt", "JWS", "", None, 1, ["JWT"]])
def test_a_token_of_another_type_is_refused(typ: object) -> None:
    with pytest.raises(BadToken):
        read(a_signed_text({"alg": "ES256", "typ": typ, "kid": KID}))
    with pytest.raises(BadToken):
        read(a_signed_text({"alg": "ES256", "kid": KID}))


@pytest.mark.parametrize(
    "member",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": "b64"},
        {"b64": False},
        {"b64": False, "crit": ["b64"]},
    ],
)
def test_a_header_that_must_be_understood_and_is_not_is_refused(member: dict[str, object]) -> None:
    with pytest.raises(BadToken):
        read(a_signed_text({"alg": "ES256", "typ": "JWT", "kid": KID, **member}))


@each_algorithm
def test_a_changed_character_anywhere_is_refused(algorithm: TokenAlgorithm) -> None:
    """Of header, payload and signature each, at every place, and the dots."""
    token = a_token(algorithm)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place, character in enumerate(token):
        other = "A" if character == "." else alphabet[alphabet.index(character) ^ 32]
        with pytest.raises(BadToken):
            read(f"{token[:place]}{other}{token[place + 1 :]}", algorithm)


@each_algorithm
def test_a_token_cut_short_or_extended_is_refused(algorithm: TokenAlgorithm) -> None:
    token = a_token(algorithm)
    pieces = [token[:size] for size in range(0, len(token), 7)] + [token[:-1]]
    for changed in (*pieces, token + "A", token + ".", f".{token}", token + "\n", f" {token}", token + "="):
        with pytest.raises(BadToken):
            read(changed, algorithm)


def test_the_other_signature_that_anybody_can_make_of_one_is_the_same_token() -> None:
    """Of an ECDSA signature (r, s), (r, n - s) verifies as well. What is denied is denied by its `jti`."""
    token = a_token()
    signed, _, signature = token.rpartition(".")
    r, s = _decoded(signature)[:32], int.from_bytes(_decoded(signature)[32:])
    other = f"{signed}.{_encoded(r + (P256_ORDER - s).to_bytes(32))}"

    assert other != token
    assert read(other)["jti"] == read(token)["jti"]


@pytest.mark.parametrize("r", [0, 1, P256_ORDER, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, P256_ORDER, 2**256 - 1])
def test_a_signature_that_no_key_makes_is_refused(r: int, s: int) -> None:
    """Among them the (0, 0) that broken verifiers accept for every message (CVE-2022-21449)."""
    signed, _, _ = a_token().rpartition(".")

    with pytest.raises(BadToken):
        read(f"{signed}.{_encoded(r.to_bytes(32) + s.to_bytes(32))}")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_no_token(text: str) -> None:
    _, payload, signature = a_token().split(".")
    for forged in (
        text,
        f"{text}.{payload}.{signature}",
        f"{_encoded(text.encode('utf-8', 'replace'))}..",
        f"..{text}",
    ):
        assert unverified_kid(forged) is None
        with pytest.raises(BadToken):
            read(forged)


@pytest.mark.parametrize(
    "header",
    ["[" * 4000, '{"a":' * 1000, "[]", "null", "1", '"a"', "{", "", "\ud800", '{"kid": "a"} ', "9" * 5000],
)
def test_a_header_that_is_no_object_is_refused_whatever_it_is(header: str) -> None:
    token = f"{_encoded(header.encode('utf-8', 'surrogatepass'))}.e30.AAAA"

    with pytest.raises(BadToken):
        read(token)


def test_a_token_longer_than_any_of_ours_is_not_looked_at() -> None:
    assert unverified_kid(a_token("ES256", {**CLAIMS, "name": "x" * 5000})) == KID
    assert unverified_kid(a_token("ES256", {**CLAIMS, "name": "x" * 7000})) is None


# --- claims ---


@pytest.mark.parametrize("name", REQUIRED_CLAIMS)
def test_a_token_without_a_required_claim_is_refused(name: str) -> None:
    without = {claim: value for claim, value in CLAIMS.items() if claim != name}

    for claims in (without, {**without, name: None}):
        with pytest.raises(BadToken):
            read(a_signed_text({"alg": "ES256", "typ": "JWT", "kid": KID}, json.dumps(claims)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", "https://auth.example.com/"),
        ("iss", "https://AUTH.example.com"),
        ("aud", "lp_other"),
        ("aud", [AUDIENCE]),
        ("aud", [AUDIENCE, "lp_other"]),
        ("aud", ""),
        ("exp", str(SECONDS + 3600)),
        ("exp", SECONDS + 3600.5),
        ("exp", True),
        ("exp", [SECONDS + 3600]),
        ("iat", str(SECONDS)),
        ("iat", False),
        ("nbf", "0"),
        ("nbf", None),
    ],
)
def test_a_claim_that_is_another_or_of_another_kind_is_refused(name: str, value: object) -> None:
    with pytest.raises(BadToken):
        read(a_signed_text({"alg": "ES256", "typ": "JWT", "kid": KID}, json.dumps({**CLAIMS, name: value})))


@pytest.mark.parametrize("name", ["sub", "jti", "sid"])
@pytest.mark.parametrize("value", [1, ["a"], {"a": "b"}, True])
def test_an_id_that_is_not_text_is_refused(name: str, value: object) -> None:
    with pytest.raises(BadToken):
        read(a_signed_text({"alg": "ES256", "typ": "JWT", "kid": KID}, json.dumps({**CLAIMS, name: value})))


@pytest.mark.parametrize("payload", ["", "[]", "null", "{", '"a"', "[" * 4000, "NaN"])
def test_a_payload_that_is_no_object_is_refused(payload: str) -> None:
    with pytest.raises(BadToken):
        read(a_signed_text({"alg": "ES256", "typ": "JWT", "kid": KID}, payload))


def test_a_token_is_valid_until_the_second_of_its_exp_by_the_given_clock() -> None:
    token = a_token()

    assert read(token, now=NOW + timedelta(seconds=3599, microseconds=999_999))
    for late in (timedelta(hours=1), timedelta(days=400)):
        with pytest.raises(BadToken, match="expired"):
            read(token, now=NOW + late)


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_of_the_future_is_refused_unless_clocks_explain_it(name: str) -> None:
    token = a_token(claims={**CLAIMS, name: SECONDS + 10})

    assert read(token)
    with pytest.raises(BadToken, match="not valid yet"):
        read(token, now=NOW - timedelta(seconds=1))


def test_an_audience_that_is_not_asked_for_may_be_any() -> None:
    token = a_token(claims={**CLAIMS, "aud": "lp_other"})

    assert read(token, audience=None)["aud"] == "lp_other"
    with pytest.raises(BadToken):
        read(token)


# --- keys ---


def test_a_private_key_is_that_of_its_algorithm() -> None:
    p384 = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    for algorithm, key in (
        ("ES256", a_key("RS256").private_key),
        ("RS256", a_key("ES256").private_key),
        ("ES256", p384),
    ):
        with pytest.raises(ValueError, match="private key"):
            SigningKey(algorithm, key)  # type: ignore[arg-type] # the pairs are of one type each
    with pytest.raises(ValueError, match="deserialize"):
        SigningKey("ES256", b"")


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"alg": "ES256"},
        {"alg": "ES256", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"alg": "HS256", "kty": "oct", "k": "c2VjcmV0"},
        {"alg": "none", "kty": "oct", "k": ""},
        {"alg": "RS256", "kty": "oct", "k": "c2VjcmV0"},
        {**a_key("ES256").public_jwk, "alg": "RS256"},
        {**a_key("ES256").public_jwk, "alg": "HS256"},
        {**a_key("ES256").public_jwk, "crv": "P-384"},
        {**a_key("ES256").public_jwk, "d": "AAAA"},
    ],
)
def test_what_is_no_public_key_of_its_algorithm_verifies_nothing(jwk: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not a"):
        VerifyingKey(jwk)
