"""What tests can ask for, of identity providers.

openid_provider  npm's `oidc-provider`; skipped where there is no Node.js
saml_provider    npm's `samlp`; likewise
network          the way to identity providers on this machine
"""

from collections.abc import AsyncIterator

import httpx2
import pytest

from server.outbound.identity_providers.network import ProviderNetwork
from tests.support.identity_providers.openid import OpenIdProvider
from tests.support.identity_providers.processes import running
from tests.support.identity_providers.saml import SamlIdentityProvider, write_key

SAML_ISSUER = "urn:countersign:tests:saml-provider"


@pytest.fixture(scope="session")
async def openid_provider() -> AsyncIterator[OpenIdProvider]:
    """It tells addresses at its userinfo endpoint."""
    async with running("openid_provider.mjs") as issuer:
        yield OpenIdProvider(issuer)


@pytest.fixture(scope="session")
async def saml_provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SamlIdentityProvider]:
    """It signs with a key of its own."""
    key_file, certificate_file = write_key(tmp_path_factory.mktemp("saml"))
    async with running("saml_provider.mjs", SAML_ISSUER, str(key_file), str(certificate_file)) as url:
        yield SamlIdentityProvider(url, SAML_ISSUER, certificate_file.read_text())


@pytest.fixture
async def network() -> AsyncIterator[ProviderNetwork]:
    """Nothing is remembered in it yet."""
    async with httpx2.AsyncClient() as client:
        yield ProviderNetwork(client, plain_loopback=True)
