"""OpenID Connect providers: the authorization code flow with PKCE.

Sources: OpenID Connect Core 1.0, section 3.1; Discovery 1.0, section 4; RFC 6749, section 4.1; RFC 7636;
RFC 9207; RFC 9700, section 2.1.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from server.base.secret import Secret
from server.outbound.identity_providers.failures import AnswerRejected
from server.outbound.identity_providers.id_tokens import UnknownKey, read_key_set, verify_id_token
from server.outbound.identity_providers.model import (
    Begun,
    ExternalPerson,
    ProviderAnswer,
    RelyingParty,
    person,
)
from server.outbound.identity_providers.network import JsonObject, ProviderNetwork

DISCOVERY_PATH = "/.well-known/openid-configuration"
DEFAULT_SCOPES = ("openid", "email")

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """A provider, and what we are there.

    Args:
        issuer: Its name, below which its metadata is found; compared character by character.
        client_id: Ours at the provider.
        client_secret: Ours too; None for a public client, which PKCE alone protects.
        scopes: What is asked for; `openid` among them.
    """

    issuer: str
    client_id: str
    client_secret: Secret | None = None
    scopes: tuple[str, ...] = DEFAULT_SCOPES

    async def check(self, network: ProviderNetwork) -> None:
        """The provider's metadata and its keys can be read."""
        metadata = await self._metadata(network)
        read_key_set(await network.document(metadata["jwks_uri"]))

    async def begin(self, network: ProviderNetwork, us: RelyingParty, *, now: datetime) -> Begun:
        """As of `IdentityProvider`. What is remembered is the nonce and PKCE's verifier."""
        del now
        metadata = await self._metadata(network)
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        url = prepare_grant_uri(
            metadata["authorization_endpoint"],
            client_id=self.client_id,
            response_type="code",
            redirect_uri=us.callback_url,
            scope=" ".join(self.scopes),
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return Begun(url, "state", {"nonce": nonce, "verifier": verifier})

    async def identify(
        self,
        network: ProviderNetwork,
        us: RelyingParty,
        answer: ProviderAnswer,
        memory: Mapping[str, str],
        *,
        now: datetime,
    ) -> ExternalPerson:
        """As of `IdentityProvider`. The code is exchanged, and the ID token that comes for it is checked."""
        if not answer.code:
            raise AnswerRejected("no_code")
        metadata = await self._metadata(network)
        self._check_issuer_of(answer, metadata)
        tokens = await self._exchange(network, metadata, us, answer.code, memory["verifier"])
        access_token = tokens.get("access_token")
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise AnswerRejected("no_id_token")
        if not isinstance(access_token, str):
            access_token = None

        async def claims_by(keys: JsonObject) -> Mapping[str, Any]:
            return verify_id_token(
                id_token,
                read_key_set(keys),
                issuer=self.issuer,
                client_id=self.client_id,
                nonce=memory["nonce"],
                access_token=access_token,
                now=now,
            )

        try:
            claims = await claims_by(await network.document(metadata["jwks_uri"]))
        except UnknownKey:
            try:
                claims = await claims_by(await network.document(metadata["jwks_uri"], anew=True))
            except UnknownKey as unknown:
                raise AnswerRejected("id_token_key_unknown") from unknown
        endpoint = metadata.get("userinfo_endpoint")
        if "email" not in claims and access_token and isinstance(endpoint, str):
            told = await self._user_info(network, endpoint, access_token, claims["sub"])
            claims = {**told, **claims}
        return _person(claims)

    async def _metadata(self, network: ProviderNetwork) -> JsonObject:
        """The provider's metadata, which are its own.

        Source: OpenID Connect Discovery 1.0, section 4.3.
        """
        metadata = await network.document(self.issuer.rstrip("/") + DISCOVERY_PATH)
        if metadata.get("issuer") != self.issuer:
            raise AnswerRejected("metadata_of_another_issuer")
        for name in _ENDPOINTS:
            url = metadata.get(name)
            if not isinstance(url, str) or not network.is_allowed(url):
                raise AnswerRejected("metadata_incomplete")
        return metadata

    def _check_issuer_of(self, answer: ProviderAnswer, metadata: JsonObject) -> None:
        """The code is of this provider as far as its answer says. Source: RFC 9207, section 2.4."""
        told = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.issuer != self.issuer and (told or answer.issuer is not None):
            raise AnswerRejected("answer_of_another_issuer")

    async def _exchange(
        self, network: ProviderNetwork, metadata: JsonObject, us: RelyingParty, code: str, verifier: str
    ) -> JsonObject:
        """What the provider gives for *code*. Source: RFC 6749, section 4.1.3; RFC 7636, section 4.5."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": us.callback_url,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        # Basic is what every provider speaks that says nothing. Source: Discovery 1.0, section 3.
        methods = metadata.get("token_endpoint_auth_methods_supported") or ("client_secret_basic",)
        if self.client_secret is None:
            form["client_id"] = self.client_id
        elif "client_secret_basic" in methods:
            headers["Authorization"] = _basic(self.client_id, self.client_secret)
        else:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret.reveal()}
        status, tokens = await network.ask_json(
            "POST", metadata["token_endpoint"], form=form, headers=headers
        )
        if status != HTTPStatus.OK:
            raise AnswerRejected("code_refused")
        return tokens

    async def _user_info(
        self, network: ProviderNetwork, endpoint: str, access_token: str, subject: str
    ) -> JsonObject:
        """What else the provider tells about *subject*. Source: OpenID Connect Core 1.0, section 5.3."""
        status, told = await network.ask_json(
            "GET",
            endpoint,
            headers={"Accept": "application/json", "Authorization": f"Bearer {access_token}"},
        )
        if status != HTTPStatus.OK:
            raise AnswerRejected("user_info_refused")
        # Access tokens can be swapped; the subject of the ID token cannot.
        if told.get("sub") != subject:
            raise AnswerRejected("user_info_of_another")
        return told


def _person(claims: Mapping[str, Any]) -> ExternalPerson:
    verified = claims.get("email_verified")
    return person(
        claims["sub"],
        claims.get("email"),
        # Some providers write the boolean as text.
        email_verified=None if verified is None else verified is True or verified == "true",
    )


def _basic(client_id: str, secret: Secret) -> str:
    """Both are form-encoded first: a colon or a plus in one means itself. Source: RFC 6749, section 2.3.1."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
