"""The public keys by which anybody checks access tokens without asking this server."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from server.core.sessions.token_keys import PROTEKT, read_jwks
from server.surfaces.kit.body import SnakeAnswer
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import PUBLIC
from server.surfaces.kit.performing import perform_at_once
from server.surfaces.kit.replying import reply
from server.surfaces.well_known.surface import public_keys

# A new key signs as soon as it is made: whoever meets a `kid` that is not in a kept answer asks again.
CACHE = (("Cache-Control", "public, max-age=300"),)


class EllipticKey(SnakeAnswer):
    """A P-256 key: RFC 7518, section 6.2.1."""

    kid: str
    kty: Literal["EC"]
    alg: Literal["ES256"]
    use: Literal["sig"]
    crv: Literal["P-256"]
    x: str
    y: str


class RsaKey(SnakeAnswer):
    """An RSA key: RFC 7518, section 6.3.1."""

    kid: str
    kty: Literal["RSA"]
    alg: Literal["RS256"]
    use: Literal["sig"]
    n: str
    e: str


class KeysAnswer(SnakeAnswer):
    """A JWK set: RFC 7517, section 5. The key that signs now comes first."""

    keys: tuple[EllipticKey | RsaKey, ...]

    @classmethod
    def of(cls, jwks: Mapping[str, Any]) -> Self:
        """The members that its type has, of each key."""
        return cls(keys=tuple(_KINDS[jwk["kty"]](**jwk) for jwk in jwks["keys"]))


_KINDS: Mapping[str, type[EllipticKey | RsaKey]] = {"EC": EllipticKey, "RSA": RsaKey}


@public_keys.get("/v1/.well-known/jwks.json", guard=anyone, limit=PUBLIC, gives={200: KeysAnswer})
async def read_keys() -> Response:
    """GET /v1/.well-known/jwks.json: the keys of the tokens that the authentication API gives out."""
    return reply(KeysAnswer.of(await perform_at_once(read_jwks, PROTEKT)), headers=CACHE)


@public_keys.get("/.well-known/jwks.json", guard=anyone, limit=PUBLIC, gives={200: KeysAnswer})
async def read_keys_at_root() -> Response:
    """GET /.well-known/jwks.json: the same, where clients look that only know the issuer."""
    return await read_keys()
