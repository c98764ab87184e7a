"""ID tokens: what an OpenID Connect provider says about whom it signed in."""

import warnings
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc.errors import InvalidKeyIdError, JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, Key, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import Token, decode

from server.outbound.identity_providers.failures import AnswerRejected
from server.outbound.identity_providers.model import CLOCK_SKEW

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""What a provider may sign with. No `none`; no HS256, whose key would be the client secret that both know."""

LEAST_RSA_BITS = 2048


class UnknownKey(Exception):
    """The token names a key that is not in the set; the set may have changed."""


class _Registry(JWSRegistry):
    """As of RFC 7515: header parameters that are not understood are ignored, unless `crit` lists them."""

    max_header_length = 8192  # some providers put their certificates into it

    def __init__(self) -> None:
        super().__init__(algorithms=ALGORITHMS, strict_check_header=False)


_REGISTRY = _Registry()


def read_key_set(document: Mapping[str, Any]) -> KeySet:
    """The keys in *document* that may sign tokens; those of kinds that are not known are left out.

    Raises:
        AnswerRejected: It is no key set, or has none.

    Source: RFC 7517, section 5.
    """
    listed = document.get("keys")
    keys = list(_usable(listed)) if isinstance(listed, list) else []
    if not keys:
        raise AnswerRejected("no_usable_keys")
    return KeySet(keys)


def verify_id_token(
    token: str,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str | None,
    now: datetime,
) -> Mapping[str, Any]:
    """The claims of *token*, which *issuer* signed for this client and this sign-in, and which is current.

    Args:
        token: A JWS in compact form.
        keys: The issuer's, as of `read_key_set`.
        nonce: What the sign-in began with.
        access_token: What came beside it, for `at_hash`.

    Raises:
        UnknownKey: It names a key that is not in *keys*.
        AnswerRejected: Anything else about it is wrong.

    Source: OpenID Connect Core 1.0, section 3.1.3.7.
    """
    read = _decoded(token, keys)
    claims = CodeIDToken(
        read.claims,
        read.header,
        {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client_id},
            "sub": {"essential": True},
        },
        {"nonce": nonce, "client_id": client_id, "access_token": access_token},
    )
    try:
        claims.validate(now=int(now.timestamp()), leeway=int(CLOCK_SKEW.total_seconds()))
    except JoseError as wrong:
        raise AnswerRejected("id_token_claims_invalid") from wrong
    return dict(claims)


def _decoded(token: str, keys: KeySet) -> Token:
    try:
        return decode(token, keys, registry=_REGISTRY)
    except InvalidKeyIdError as unknown:
        raise UnknownKey from unknown
    except (JoseError, ValueError) as wrong:
        raise AnswerRejected("id_token_signature_invalid") from wrong


def _usable(listed: Iterable[object]) -> Iterable[Key]:
    for jwk in listed:
        if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)  # of what is left out here
                key = JWKRegistry.import_key(jwk)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, ECKey | OKPKey) or (
            isinstance(key, RSAKey) and key.public_key.key_size >= LEAST_RSA_BITS
        ):
            yield key
