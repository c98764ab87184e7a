"""SAML 2.0 providers: a request in the URL, a signed response in a form.

Sources: Profiles for SAML 2.0, section 4.1; Bindings, sections 3.4 and 3.5.
"""

import base64
import binascii
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from lxml import etree

from server.outbound.identity_providers.failures import AnswerRejected
from server.outbound.identity_providers.model import Begun, ExternalPerson, ProviderAnswer, RelyingParty
from server.outbound.identity_providers.network import ProviderNetwork
from server.outbound.identity_providers.saml_responses import Expected, read_response
from server.outbound.identity_providers.xml import ASSERTION, PROTOCOL

HTTP_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
MAX_RESPONSE_CHARACTERS = 1_048_576

_NAMESPACES = {"samlp": PROTOCOL.strip("{}"), "saml": ASSERTION.strip("{}")}


@dataclass(frozen=True, slots=True)
class SamlProvider:
    """A provider, as its metadata say.

    Args:
        issuer: Its entity id; compared character by character.
        sign_in_url: Where it takes requests by the HTTP-Redirect binding.
        certificates: In PEM. Each may sign: providers list the next one beside the current one.
        entity_id: What this provider calls us, if not by the instance's own entity id.
        email_attribute: Which attribute holds the address; None for the usual ones.
    """

    issuer: str
    sign_in_url: str
    certificates: tuple[str, ...]
    entity_id: str | None = None
    email_attribute: str | None = None

    async def check(self, network: ProviderNetwork) -> None:
        """Nothing is asked: a browser alone goes between the two."""
        if not network.is_allowed(self.sign_in_url):
            raise AnswerRejected("url_not_allowed")

    async def begin(self, network: ProviderNetwork, us: RelyingParty, *, now: datetime) -> Begun:
        """As of `IdentityProvider`. What is remembered is the request's id."""
        await self.check(network)
        request_id = f"_{secrets.token_hex(20)}"
        request = self._request(request_id, us, now)
        compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = compressor.compress(request) + compressor.flush()
        query = urlencode({"SAMLRequest": base64.b64encode(packed).decode()})
        joint = "&" if "?" in self.sign_in_url else "?"
        return Begun(f"{self.sign_in_url}{joint}{query}", "RelayState", {"request_id": request_id})

    async def identify(
        self,
        network: ProviderNetwork,
        us: RelyingParty,
        answer: ProviderAnswer,
        memory: Mapping[str, str],
        *,
        now: datetime,
    ) -> ExternalPerson:
        """As of `IdentityProvider`. Nobody is asked: the response is signed."""
        del network
        if not answer.saml_response:
            raise AnswerRejected("no_saml_response")
        expected = Expected(
            issuer=self.issuer,
            certificates=self.certificates,
            recipient=us.callback_url,
            audience=self.entity_id or us.entity_id,
            request_id=memory["request_id"],
            email_attribute=self.email_attribute,
        )
        return read_response(_decoded(answer.saml_response), expected, now=now)

    def _request(self, request_id: str, us: RelyingParty, now: datetime) -> bytes:
        """An AuthnRequest, unsigned. Source: Core of SAML 2.0, section 3.4.1."""
        request = etree.Element(
            f"{PROTOCOL}AuthnRequest",
            nsmap=_NAMESPACES,
            attrib={
                "ID": request_id,
                "Version": "2.0",
                "IssueInstant": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "Destination": self.sign_in_url,
                "ProtocolBinding": HTTP_POST,
                "AssertionConsumerServiceURL": us.callback_url,
            },
        )
        etree.SubElement(request, f"{ASSERTION}Issuer").text = self.entity_id or us.entity_id
        etree.SubElement(request, f"{PROTOCOL}NameIDPolicy", attrib={"AllowCreate": "true"})
        return etree.tostring(request)


def _decoded(text: str) -> bytes:
    """The document that *text* is in Base64; providers break its lines."""
    if len(text) > MAX_RESPONSE_CHARACTERS:
        raise AnswerRejected("response_too_long")
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as malformed:
        raise AnswerRejected("response_malformed") from malformed
