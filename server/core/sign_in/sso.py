"""Signing in with an identity provider: a browser is sent there, and comes back with its word.

The state that goes with it is a one-time secret of ours: used up when it comes back, whatever comes of it,
and the only thing that says which realm, provider and application it is about. A state that was used before,
or that nobody was given, leads nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, TypeAlias
from uuid import UUID

from server.base.errors import (
    AccountDisabled,
    AppError,
    EmailTaken,
    IdentityProviderUnknown,
    InvalidCredentials,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    RegistrationClosed,
    SsoFailed,
    Unavailable,
)
from server.base.secret import Secret
from server.core.audit.events import Event
from server.core.one_time_secrets.actions import issue_token, redeem_token
from server.core.one_time_secrets.model import IssueToken, Purpose, RedeemToken
from server.core.realms.actions import read_realm
from server.core.realms.model import Realm
from server.core.realms.redirects import allowed_redirect
from server.core.sign_in.begin import IdentitySignIn, begin_with_identity
from server.core.sign_in.model import SignInOutcome
from server.core.single_sign_on.actions import WhichProvider, find_active_provider
from server.core.single_sign_on.identities import ExternalIdentity, recognize
from server.core.single_sign_on.model import ConfiguredProvider, relying_party
from server.core.work import Refusal, Work, prepared
from server.outbound.identity_providers.failures import (
    ProviderFailure,
    ProviderRefused,
    ProviderUnreachable,
)
from server.outbound.identity_providers.model import Begun, ProviderAnswer
from server.outbound.identity_providers.network import ProviderNetwork

STATE_SECONDS = 600
"""How long a browser may be away."""

# What this module remembers of a browser that is away, beside what its provider's protocol does.
_SLUG, _PROVIDER = "our.provider", "our.provider_id"
_REDIRECT, _CALLER_STATE = "our.redirect_url", "our.caller_state"

# Why somebody whom the provider vouches for is not let in, where nothing is recorded yet.
_REFUSALS = (SsoFailed, EmailTaken, RegistrationClosed, InvalidCredentials, AccountDisabled)


@dataclass(frozen=True, slots=True)
class StartSso:
    """Who wants to sign in where.

    Args:
        provider: Its slug in the realm.
        redirect_url: Where the browser goes in the end; None: to the realm's own URL.
        caller_state: What the application wants to see again there; None for nothing.
        network: The way to identity providers.
    """

    realm_id: UUID
    provider: str
    redirect_url: str | None
    caller_state: str | None
    network: ProviderNetwork


@dataclass(frozen=True, slots=True)
class SsoStarted:
    """Where to send the browser; for it alone."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FinishSso:
    """What a browser brought back from a provider.

    Args:
        state: Its `state` or `RelayState`.
        answer: What else came.
        refused: The provider said `error` instead.
        network: The way to identity providers.
    """

    state: Secret
    answer: ProviderAnswer
    refused: bool
    network: ProviderNetwork
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class SsoDenied:
    """Nobody is signed in, and the application is told why.

    Args:
        error: `access_denied` if the person or the provider did not want to, else the code of an error.
        description: A sentence.
    """

    error: str
    description: str

    @classmethod
    def by(cls, refusal: AppError) -> Self:
        """For the reason that *refusal* gives."""
        return cls(refusal.code, str(refusal))


@dataclass(frozen=True, slots=True)
class SsoFinished:
    """What came of it, and where the browser goes with it.

    Args:
        redirect_url: Checked when the browser was sent away.
        caller_state: As the application gave it.
    """

    redirect_url: str
    caller_state: str | None
    outcome: SignInOutcome | SsoDenied


@dataclass(frozen=True, slots=True)
class _Begun:
    command: StartSso
    configured: ConfiguredProvider
    redirect_url: str
    begun: Begun


_Unidentified: TypeAlias = ProviderFailure | IdentityProviderUnknown


@dataclass(frozen=True, slots=True)
class _Returned:
    """A browser that was away, and whom it brings, or why nobody."""

    realm: Realm
    memory: Mapping[str, str]
    found: ExternalIdentity | _Unidentified
    user_agent: str | None


async def _begin(work: Work, command: StartSso) -> _Begun:
    """The provider was found, and asked where it takes people."""
    realm = await read_realm(work, command.realm_id)
    redirect_url = allowed_redirect(realm, command.redirect_url)
    configured = await find_active_provider(work, WhichProvider(realm.id, command.provider))
    try:
        begun = await configured.provider.begin(command.network, relying_party(work.settings), now=work.now)
    except ProviderFailure as failure:
        raise Unavailable("The identity provider does not answer as expected") from failure
    return _Begun(command, configured, redirect_url, begun)


@prepared(_begin)
async def start_sso(work: Work, ready: _Begun) -> SsoStarted:
    """A browser that is sent to the URL may come back within ten minutes, once. It takes a `StartSso`.

    Raises:
        RedirectNotAllowed: The redirect URL is not one of the realm's.
        IdentityProviderUnknown: The realm has no such provider.
        Unavailable: The provider does not answer.
    """
    command, configured = ready.command, ready.configured
    memory = {
        _SLUG: configured.slug,
        _PROVIDER: str(configured.id),
        _REDIRECT: ready.redirect_url,
        **ready.begun.memory,
    }
    if command.caller_state is not None:
        memory[_CALLER_STATE] = command.caller_state
    state = await issue_token(
        work,
        IssueToken(
            command.realm_id,
            Purpose.SSO_STATE,
            target=configured.slug,
            ttl_seconds=STATE_SECONDS,
            payload=memory,
        ),
    )
    return SsoStarted(ready.begun.url_with(state))


async def _identify(work: Work, command: FinishSso) -> _Returned:
    """The state is used up, for good, and the provider was heard."""
    try:
        redeemed = await redeem_token(work, RedeemToken(None, Purpose.SSO_STATE, command.state))
    except (LinkUnknown, LinkUsed, LinkExpired) as refused:
        raise SsoFailed from refused
    memory = redeemed.payload
    realm = await read_realm(work, redeemed.realm_id)
    found: ExternalIdentity | _Unidentified
    try:
        configured = await _asked_before(work, realm, memory)
        if command.refused:
            raise ProviderRefused("provider_refused")
        us = relying_party(work.settings)
        person = await configured.provider.identify(command.network, us, command.answer, memory, now=work.now)
        found = ExternalIdentity(realm, configured, person)
    except (ProviderFailure, IdentityProviderUnknown) as failure:
        found = failure
    return _Returned(realm, memory, found, command.user_agent)


async def _asked_before(work: Work, realm: Realm, memory: Mapping[str, str]) -> ConfiguredProvider:
    """The provider that the browser was sent to.

    Raises:
        IdentityProviderUnknown: It was removed or switched off meanwhile, or another has its name by now.
    """
    configured = await find_active_provider(work, WhichProvider(realm.id, memory[_SLUG]))
    if str(configured.id) != memory[_PROVIDER]:
        raise IdentityProviderUnknown
    return configured


@prepared(_identify)
async def finish_sso(work: Work, returned: _Returned) -> SsoFinished:
    """Whoever the provider vouches for is signed in, or one step away from it. It takes a `FinishSso`.

    Who that is in the realm says `recognize`. The provider is heard first, holding no connection; what is
    wrong with its answer the application is told at the URL that the browser goes to.

    Raises:
        SsoFailed: No browser is away with this state, so there is nobody to be told more.
    """
    outcome: SignInOutcome | SsoDenied
    if isinstance(returned.found, ExternalIdentity):
        try:
            outcome = await _sign_in(work, returned.found, returned.user_agent)
        except Refusal as refused:  # which is recorded already
            outcome = _not_let_in(refused.error)
        except _REFUSALS as refused:
            outcome = _deny(work, returned, _not_let_in(refused), refused.code)
    else:
        outcome = _unidentified(work, returned, returned.found)
    return SsoFinished(returned.memory[_REDIRECT], returned.memory.get(_CALLER_STATE), outcome)


async def _sign_in(work: Work, identity: ExternalIdentity, user_agent: str | None) -> SignInOutcome:
    known = await recognize(work, identity)
    return await begin_with_identity(
        work,
        IdentitySignIn(identity.realm, known.principal, identity.configured.slug, known.is_new, user_agent),
    )


def _not_let_in(error: AppError) -> SsoDenied:
    """Whoever it is may not sign in. What is said of a wrong password would be out of place here."""
    if isinstance(error, InvalidCredentials):
        return SsoDenied("access_denied", "The account cannot be signed in to at the moment")
    return SsoDenied.by(error)


def _unidentified(work: Work, returned: _Returned, failure: _Unidentified) -> SsoDenied:
    """The application is told little; the audit log has the reason."""
    if isinstance(failure, IdentityProviderUnknown):
        return _deny(work, returned, SsoDenied.by(failure), failure.code)
    if isinstance(failure, ProviderRefused):
        denied = SsoDenied("access_denied", "The identity provider signed nobody in")
    elif isinstance(failure, ProviderUnreachable):
        denied = SsoDenied.by(Unavailable("The identity provider does not answer"))
    else:
        denied = SsoDenied.by(SsoFailed("The identity provider's answer was not accepted"))
    return _deny(work, returned, denied, failure.reason)


def _deny(work: Work, returned: _Returned, denied: SsoDenied, reason: str) -> SsoDenied:
    work.record(
        Event(
            "sign_in.sso_refused",
            "realm",
            str(returned.realm.id),
            returned.realm.organization_id,
            result="refused",
            data={"provider": returned.memory[_SLUG], "reason": reason},
            realm_id=returned.realm.id,
        )
    )
    return denied
