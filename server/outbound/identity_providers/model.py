"""What every kind of identity provider has in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from server.base.contact import MAX_EMAIL_CHARACTERS
from server.base.secret import Secret
from server.outbound.identity_providers.failures import AnswerRejected
from server.outbound.identity_providers.network import ProviderNetwork

MAX_SUBJECT_LENGTH = 256
"""In characters. Source: Core of SAML 2.0, section 8.3.7; OpenID Connect Core 1.0, section 2, says 255."""

CLOCK_SKEW = timedelta(seconds=120)
"""How far a provider's clock may be from ours."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """What providers know this instance by.

    Args:
        callback_url: Where they send browsers back to: OpenID Connect's redirect URI, SAML's assertion
            consumer service.
        entity_id: The name that SAML providers know.
    """

    callback_url: str
    entity_id: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in at a provider that a browser is about to be sent to.

    Args:
        url: Where to send it, but for the state. It has a query.
        state_parameter: What the state is called in that query.
        memory: What `identify` must be given again, and nobody else may learn.
    """

    url: str
    state_parameter: str
    memory: Mapping[str, str] = field(repr=False)

    def url_with(self, state: Secret) -> str:
        """Where to send the browser, which will come back with *state*: up to 80 characters of Base64URL."""
        return f"{self.url}&{self.state_parameter}={state.reveal()}"


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What a browser brought back from a provider, of which nothing is believed yet.

    Args:
        code: OpenID Connect's authorization code.
        saml_response: SAML's response, in Base64.
        issuer: The `iss` beside the code, if there was one (RFC 9207).
    """

    code: str | None = field(default=None, repr=False)
    saml_response: str | None = field(default=None, repr=False)
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a SAML provider said and must say only once."""

    id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ExternalPerson:
    """Whom a provider has signed in.

    Args:
        subject: The provider's name for this person, which it gives to nobody else; up to 256 characters.
        email: An address as the provider spells it; None if it tells none.
        email_verified: Whether it says that the address is the person's; None if it says nothing.
        assertion: What must not count a second time; None where the protocol sees to that by itself.
    """

    subject: str
    email: str | None
    email_verified: bool | None
    assertion: Assertion | None = None


def person(
    subject: object, email: object, *, email_verified: bool | None, assertion: Assertion | None = None
) -> ExternalPerson:
    """Whom a provider says it has signed in, if it says so in a way that can be kept.

    An address that is none, or that nobody could read, is left out.

    Raises:
        AnswerRejected: The subject is not 1 to 256 characters that can be shown.
    """
    if (
        not isinstance(subject, str)
        or not 1 <= len(subject) <= MAX_SUBJECT_LENGTH
        or not subject.isprintable()
    ):
        raise AnswerRejected("no_subject")
    if not isinstance(email, str) or not 0 < len(email) <= MAX_EMAIL_CHARACTERS or not email.isprintable():
        email = None
    return ExternalPerson(subject, email, email_verified, assertion)


class IdentityProvider(Protocol):
    """Somebody who signs people in for us."""

    @property
    def issuer(self) -> str:
        """The provider's own name: OpenID Connect's issuer, SAML's entity id."""

    async def check(self, network: ProviderNetwork) -> None:
        """The provider could be asked.

        Raises:
            ProviderUnreachable, AnswerRejected: It does not answer, or not as one.
        """

    async def begin(self, network: ProviderNetwork, us: RelyingParty, *, now: datetime) -> Begun:
        """A browser can be sent there.

        Raises:
            ProviderUnreachable, AnswerRejected: The provider does not answer, or not as one.
        """

    async def identify(
        self,
        network: ProviderNetwork,
        us: RelyingParty,
        answer: ProviderAnswer,
        memory: Mapping[str, str],
        *,
        now: datetime,
    ) -> ExternalPerson:
        """Whom the provider signed in, for this very sign-in.

        Raises:
            ProviderRefused: It says that it signed nobody in.
            AnswerRejected: What came back is not its word, or not for us, now and for this sign-in.
            ProviderUnreachable: It does not answer.
        """
