"""Access tokens: JWTs that the server signs, and that whoever has its public keys can check.

A token names its key by `kid`, and the key, not the token, says by which algorithm it is checked. Times are
compared with the instant that the caller gives, so the instance's clock is the only one.

Source: RFC 7515, RFC 7517, RFC 7519; RFC 8725 for what a verifier must insist on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from server.crypto.encoding import InvalidEncoding, b64url_decode

TokenAlgorithm = Literal["ES256", "RS256"]

ALGORITHMS: tuple[TokenAlgorithm, ...] = get_args(TokenAlgorithm)
REQUIRED_CLAIMS = ("iss", "aud", "sub", "exp", "iat", "jti", "sid")

_TYPE = "JWT"
_TEXTS = ("sub", "jti", "sid")
# Members of a header that change how the rest is read (RFC 7515, 4.1.11; RFC 7797).
_DEMANDING = frozenset({"crit", "b64"})
_RSA_BITS = 3072  # as strong as P-256: NIST SP 800-57 part 1, table 2
_LONGEST = 8192
# Two machines of one instance need not agree on the second in which a token was made.
_SKEW_SECONDS = 10


class BadToken(Exception):
    """The token is malformed, not one of these keys', for others, or not valid at this instant.

    The text is for the log; the caller is told none of it.
    """


@dataclass(frozen=True, slots=True)
class NewTokenKey:
    """A new pair of keys.

    Args:
        algorithm: What it signs by.
        private_key: The private half, unencrypted PKCS #8 in DER; sealed at rest. Not shown by `repr`.
        public_jwk: The public half as a JWK with `alg` and `use`, without `kid`. Source: RFC 7517.
    """

    algorithm: TokenAlgorithm
    private_key: bytes = field(repr=False)
    public_jwk: dict[str, str]


class SigningKey:
    """The private half of a token key, parsed, ready to sign. It shows its algorithm only.

    Args:
        algorithm: The key's own.
        private_key: Unencrypted PKCS #8 in DER, as `generate` gives it.

    Raises:
        ValueError: It is not a private key of this algorithm.
    """

    __slots__ = ("algorithm", "parsed")

    def __init__(self, algorithm: TokenAlgorithm, private_key: bytes) -> None:
        self.parsed = _parsed(algorithm, private_key)
        self.algorithm = algorithm

    def __repr__(self) -> str:
        return f"<SigningKey {self.algorithm}>"


class VerifyingKey:
    """The public half of a token key, parsed, ready to verify by its own algorithm and no other.

    Args:
        public_jwk: As `generate` gives it; other members are ignored.

    Raises:
        ValueError: It is not the public key of one of `ALGORITHMS`.
    """

    __slots__ = ("algorithm", "parsed")

    def __init__(self, public_jwk: Mapping[str, str]) -> None:
        algorithm = public_jwk.get("alg")
        if algorithm not in ALGORITHMS or "d" in public_jwk:
            raise ValueError("not a public key of a known algorithm")
        try:
            self.parsed = jwt.PyJWK(dict(public_jwk), algorithm=algorithm)
        except jwt.PyJWTError:
            raise ValueError("not a JWK of its algorithm") from None
        self.algorithm = algorithm

    def verify(self, signed: bytes, signature: bytes) -> bool:
        """Whether the signature of *signed* is by this key."""
        return bool(self.parsed.Algorithm.verify(signed, self.parsed.key, signature))

    def __repr__(self) -> str:
        return f"<VerifyingKey {self.algorithm}>"


def generate(algorithm: TokenAlgorithm) -> NewTokenKey:
    """A new pair: P-256 for ES256; RSA of 3072 bits for RS256, which may take a second to find."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if algorithm == "ES256":
        key = ec.generate_private_key(ec.SECP256R1())
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    members: dict[str, str] = {name: value for name, value in jwk.items() if isinstance(value, str)}
    return NewTokenKey(
        algorithm,
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        {**members, "alg": algorithm, "use": "sig"},
    )


def sign(key: SigningKey, claims: Mapping[str, object], kid: str) -> str:
    """The claims as a signed token that names its key: `typ` JWT, some 600 characters by ES256.

    Args:
        key: The private half.
        claims: What JSON can hold; times as whole seconds since 1970. All of `REQUIRED_CLAIMS`, or `verify`
            will not accept the token.
        kid: The key's id.
    """
    return jwt.encode(dict(claims), key.parsed, algorithm=key.algorithm, headers={"kid": kid, "typ": _TYPE})


def verify(
    keys: Mapping[str, VerifyingKey], token: str, *, issuer: str, audience: str | None, now: datetime
) -> Mapping[str, Any]:
    """The claims of a token that one of *keys* signed, and that is valid at *now*.

    Args:
        keys: The keys that count here, by their `kid`.
        token: A stranger's text.
        issuer: What `iss` must be.
        audience: What `aud` must be, as one text; None accepts any, for callers that compare it themselves.
        now: Aware. `exp` must be later; `iat` and `nbf` at most 10 seconds later.

    Raises:
        BadToken: It is none; the cause says why. Of what a token must have, nothing is optional:
            `REQUIRED_CLAIMS`, a `kid` of *keys*, `typ` JWT, the key's own `alg`, no `crit` that is unknown.
    """
    header = _header_of(token)
    if header is None:
        raise BadToken("not a token")
    key = keys.get(header.kid) if header.kid is not None else None
    if key is None:
        raise BadToken("the token's key is not known here")
    if not header.is_plain or header.algorithm != key.algorithm:
        raise BadToken("the token is of another type or algorithm")
    signed, _, signature = token.rpartition(".")
    try:
        is_signed = key.verify(signed.encode("ascii"), b64url_decode(signature))
        # What it holds is read when it is known whose it is.
        claims = json.loads(b64url_decode(signed.partition(".")[2])) if is_signed else None
    except (InvalidEncoding, ValueError, RecursionError) as cause:
        raise BadToken("not a token") from cause
    if not isinstance(claims, dict):
        raise BadToken("the signature is not the key's, or it signs no claims")
    _check(claims, issuer, audience, now)
    return claims


def _check(claims: Mapping[str, Any], issuer: str, audience: str | None, now: datetime) -> None:
    if any(claims.get(name) is None for name in REQUIRED_CLAIMS):
        raise BadToken("a claim is missing")
    if claims["iss"] != issuer or (audience is not None and claims["aud"] != audience):
        raise BadToken("the token is another issuer's, or for others")
    if not all(type(claims[name]) is str for name in _TEXTS):
        raise BadToken("an id is not text")
    seconds = now.timestamp()
    if seconds >= _time(claims["exp"]):
        raise BadToken("the token has expired")
    if max(_time(claims["iat"]), _time(claims.get("nbf", 0))) > seconds + _SKEW_SECONDS:
        raise BadToken("the token is not valid yet")


def unverified_kid(token: str) -> str | None:
    """The key that *token* says it was signed with; None if it names none or is no token. It may lie."""
    header = _header_of(token)
    return None if header is None else header.kid


def jwks(public_jwks: Mapping[str, Mapping[str, str]]) -> dict[str, list[dict[str, str]]]:
    """The public keys as they are published, each with its `kid`, in the order given.

    Args:
        public_jwks: The public half of each key (`NewTokenKey.public_jwk`) by its `kid`.

    Source: RFC 7517, section 5.
    """
    return {"keys": [{**jwk, "kid": kid} for kid, jwk in public_jwks.items()]}


class _Header(NamedTuple):
    """What a token says of its signature.

    Args:
        is_plain: It is a JWT, and nothing in it must be understood that is not.
    """

    kid: str | None
    algorithm: object
    is_plain: bool


def _header_of(token: str) -> _Header | None:
    if len(token) > _LONGEST or not token.isascii():
        return None
    return _read_header(token.partition(".")[0])


# The tokens of one key have one header.
@lru_cache(maxsize=64)
def _read_header(text: str) -> _Header | None:
    try:
        header = json.loads(b64url_decode(text))
    except (InvalidEncoding, ValueError, RecursionError):
        return None
    if not isinstance(header, dict):
        return None
    kid = header.get("kid")
    return _Header(
        kid if isinstance(kid, str) else None,
        header.get("alg"),
        header.get("typ") == _TYPE and not _DEMANDING & header.keys(),
    )


def _time(claim: object) -> int:
    # `True` is an int to Python.
    if type(claim) is not int:
        raise BadToken("a time is not a whole number of seconds")
    return claim


def _parsed(algorithm: TokenAlgorithm, private_key: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    key = load_der_private_key(private_key, password=None)
    if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1":
        return key
    if algorithm == "RS256" and isinstance(key, rsa.RSAPrivateKey):
        return key
    raise ValueError(f"not a private key for {algorithm}")
