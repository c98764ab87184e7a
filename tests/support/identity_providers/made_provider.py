"""An OpenID Connect provider without a network, that says whatever a test wants."""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from joserfc.jwk import ECKey
from joserfc.jwt import encode

from server.outbound.identity_providers.network import ProviderNetwork
from server.outbound.identity_providers.oidc import DISCOVERY_PATH, OidcProvider

ISSUER = "https://idp.example"
CLIENT_ID = "client-1"
CODE_PREFIX = "code-of-"


@cache
def _key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})


@dataclass
class MadeOpenIdProvider:
    """A provider whose codes name whom they are of.

    Args:
        now: Its clock, in seconds since 1970, as tokens have it.
        reachable: Whether it answers at all.
        claims: By code, what its ID token says.
        metadata: What its metadata say else, or instead.
        token_answer: What its token endpoint answers instead.
    """

    now: int
    issuer: str = ISSUER
    reachable: bool = True
    claims: dict[str, dict[str, object]] = field(default_factory=dict)
    metadata: dict[str, object] = field(default_factory=dict)
    token_answer: dict[str, object] | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def client(self) -> OidcProvider:
        """What we are there."""
        return OidcProvider(self.issuer, CLIENT_ID)

    def network(self) -> ProviderNetwork:
        """The way to it alone."""
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        return ProviderNetwork(client, plain_loopback=False)

    def sign_in(self, url: str, subject: str, **claims: object) -> dict[str, str]:
        """The query that a browser comes back with that was sent to *url*, once *subject* signed in."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = f"{CODE_PREFIX}{len(self.claims)}"
        self.claims[code] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": subject,
            "iat": self.now,
            "exp": self.now + 300,
            "nonce": asked["nonce"],
            **claims,
        }
        return {"code": code, "state": asked["state"]}

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        if not self.reachable:
            raise httpx2.ConnectError("refused", request=request)
        if request.url.path.endswith(DISCOVERY_PATH):
            usual = {name: f"{self.issuer}/{name}" for name in _ENDPOINTS} | {"issuer": self.issuer}
            return _json(usual | self.metadata)
        if request.url.path.endswith("/jwks_uri"):
            return _json({"keys": [_key().as_dict(private=False)]})
        if request.url.path.endswith("/userinfo"):
            return _json({"sub": "somebody else"})
        if self.token_answer is not None:
            return _json(self.token_answer)
        claims = self.claims.get(dict(parse_qsl(request.content.decode())).get("code", ""))
        if claims is None:
            return _json({"error": "invalid_grant"}, 400)
        token = encode({"alg": "ES256", "kid": "one"}, claims, _key(), algorithms=["ES256"])
        return _json({"id_token": token, "access_token": "access", "token_type": "Bearer"})


_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def _json(body: dict[str, Any], status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, stream=httpx2.ByteStream(json.dumps(body).encode()))
