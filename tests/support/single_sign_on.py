"""Single sign-on by the core's actions, with a provider that says whatever a test wants."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.base.secret import Secret
from server.core.sign_in.model import SignedIn
from server.core.sign_in.sso import FinishSso, SsoDenied, SsoFinished, StartSso, finish_sso, start_sso
from server.core.single_sign_on.actions import AddIdentityProvider, add_identity_provider
from server.core.single_sign_on.model import Provider
from server.outbound.identity_providers.model import ProviderAnswer
from server.outbound.identity_providers.network import ProviderNetwork
from tests.support.application import Application
from tests.support.identity_providers.made_provider import MadeOpenIdProvider


@dataclass
class Sso:
    """An application, its provider `google`, and a browser between them."""

    application: Application
    provider: MadeOpenIdProvider
    network: ProviderNetwork

    @classmethod
    async def of(cls, application: Application) -> "Sso":
        """The application with a provider of its own."""
        provider = MadeOpenIdProvider(int(application.core.clock.now().timestamp()))
        made = cls(application, provider, provider.network())
        await made.add()
        return made

    async def add(
        self, slug: str = "google", provider: Provider | None = None, email_domains: tuple[str, ...] = ()
    ) -> None:
        """The application has this provider too."""
        await self.application.do(
            add_identity_provider,
            AddIdentityProvider(
                self.application.realm.id,
                slug,
                provider or self.provider.client,
                email_domains,
                self.network,
            ),
        )

    async def start(
        self, slug: str = "google", redirect_url: str | None = None, state: str | None = None
    ) -> str:
        """Where the browser is sent."""
        command = StartSso(self.application.realm.id, slug, redirect_url, state, self.network)
        return (await self.application.do(start_sso, command)).url

    async def come_back(self, query: Mapping[str, str], *, refused: bool = False) -> SsoFinished:
        """The browser brings this query."""
        answer = ProviderAnswer(code=query.get("code"), saml_response=query.get("SAMLResponse"))
        state = Secret(query.get("state") or query["RelayState"])
        return await self.application.do(
            finish_sso, FinishSso(state, answer, refused, self.network, "Tests/1.0")
        )

    async def sign_in(self, subject: str, **claims: object) -> SsoFinished:
        """There and back."""
        return await self.come_back(self.provider.sign_in(await self.start(), subject, **claims))

    async def signed_in(self, subject: str, **claims: object) -> SignedIn:
        """There and back, with a session."""
        outcome = (await self.sign_in(subject, **claims)).outcome
        assert isinstance(outcome, SignedIn), outcome
        return outcome

    async def denied(self, subject: str, **claims: object) -> str:
        """There and back, with an error."""
        outcome = (await self.sign_in(subject, **claims)).outcome
        assert isinstance(outcome, SsoDenied), outcome
        return outcome.error

    async def reasons(self) -> list[object]:
        """Why sign-ins were refused, by the audit log."""
        return [event["data"] for event in await self.application.events("sign_in.sso_refused")]
