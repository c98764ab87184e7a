"""Single sign-on: a browser is sent to an identity provider, comes back, and goes on to the application."""

from typing import assert_never
from urllib.parse import urlencode

from pydantic import Field

from server.base.errors import (
    IdentityProviderUnknown,
    InvalidApiKey,
    ProjectNotFound,
    RealmNotFound,
    RedirectNotAllowed,
    SsoFailed,
    Unavailable,
)
from server.base.principal import Principal
from server.base.secret import Secret
from server.core.projects.lookup import ProjectOfLoginId, project_of_login_id
from server.core.sign_in.model import SignedIn, StepRequired
from server.core.sign_in.sso import FinishSso, SsoDenied, SsoFinished, StartSso, finish_sso, start_sso
from server.core.single_sign_on.model import relying_party
from server.outbound.identity_providers.model import ProviderAnswer
from server.outbound.identity_providers.saml_metadata import METADATA_TYPE, own_metadata
from server.surfaces.kit.body import Query, SnakeQuery, Url
from server.surfaces.kit.exchange import Exchange, Response, current_exchange
from server.surfaces.kit.guards import anyone, project_key
from server.surfaces.kit.limits import PAGES
from server.surfaces.kit.performing import perform
from server.surfaces.kit.protekt import KEY_HEADER
from server.surfaces.kit.reading import read_form, read_query, user_agent
from server.surfaces.kit.replying import redirect, reply_bytes
from server.surfaces.kit.surface import Guard
from server.surfaces.protekt_auth.bodies import ChallengeBody, SessionTokens
from server.surfaces.protekt_auth.surface import caller_realm, surface

MAX_STATE_CHARACTERS = 1024
MAX_CODE_CHARACTERS = 4096

_BY_KEY = project_key("auth:write")


async def _project(exchange: Exchange) -> Principal:
    """The project whose key is sent, or that `login_id` in the query names: a browser sends no key.

    Raises:
        InvalidApiKey: Neither is there, or there is no such project: all alike.
    """
    if exchange.header(KEY_HEADER) is not None:
        return await _BY_KEY.check(exchange)
    login_id = dict(exchange.query).get("login_id", "")
    nobody = exchange.nobody()
    try:
        project = await exchange.core.perform_at_once(
            project_of_login_id, ProjectOfLoginId(login_id), actor=nobody
        )
    except ProjectNotFound:
        raise InvalidApiKey from None
    return nobody._replace(
        organization_id=project.organization_id, realm_id=project.realm_id, project_id=project.id
    )


project_key_or_login_id = Guard(
    "project_key_or_login_id",
    _project,
    needs=_BY_KEY.needs,
    either=(_BY_KEY,),
    refusal=InvalidApiKey,
    forbids=_BY_KEY.forbids,
)


class AuthorizeQuery(SnakeQuery):
    """With whom to sign in, and where the browser goes in the end."""

    provider: str = Field(max_length=100, description="The provider's name in the project.")
    redirect_url: Url | None = None
    state: str | None = Field(
        None, max_length=MAX_STATE_CHARACTERS, description="What the application wants to see again."
    )
    login_id: str | None = Field(None, description="The project's `lp_…`, where no key is sent.")


class CallbackQuery(SnakeQuery):
    """What a provider says through the browser (RFC 6749, section 4.1.2; RFC 9207)."""

    code: str | None = Field(None, max_length=MAX_CODE_CHARACTERS)
    state: str | None = Field(None, max_length=MAX_STATE_CHARACTERS)
    error: str | None = None
    iss: str | None = None


class SamlForm(Query):
    """What a SAML provider says through the browser (SAML 2.0 Bindings, section 3.5)."""

    saml_response: str = Field(alias="SAMLResponse")
    relay_state: str | None = Field(None, alias="RelayState", max_length=MAX_STATE_CHARACTERS)


@surface.get(
    "/sso/authorize",
    guard=project_key_or_login_id,
    limit=PAGES,
    query=AuthorizeQuery,
    gives={302: None},
    refuses=(IdentityProviderUnknown, RedirectNotAllowed, Unavailable),
)
async def authorize() -> Response:
    """GET /v1/auth/sso/authorize: the browser is sent to the identity provider."""
    query, network = read_query(AuthorizeQuery), current_exchange().serving.providers
    command = StartSso(caller_realm(), query.provider, query.redirect_url, query.state, network)
    return redirect((await perform(start_sso, command)).url)


@surface.get(
    "/sso/callback",
    guard=anyone,
    limit=PAGES,
    query=CallbackQuery,
    gives={302: None},
    refuses=(SsoFailed,),
)
async def callback() -> Response:
    """GET /v1/auth/sso/callback: back from an OpenID provider, the browser goes on to the application.

    What the application is told stands in the fragment, which browsers send to nobody: `access_token`,
    `refresh_token`, `token_type`, `expires_in`; or `mfa_required`, `mfa_token`, `available_methods`; or
    `error`, `error_description`; and `state` as the application gave it.
    """
    query = read_query(CallbackQuery)
    answer = ProviderAnswer(code=query.code, issuer=query.iss)
    return _go_on(await _finish(query.state, answer, refused=query.error is not None), 302)


@surface.post(
    "/sso/callback",
    guard=anyone,
    limit=PAGES,
    form=SamlForm,
    gives={303: None},
    refuses=(SsoFailed,),
)
async def saml_callback() -> Response:
    """POST /v1/auth/sso/callback: back from a SAML provider, the browser goes on as from an OpenID one."""
    form = await read_form(SamlForm)
    answer = ProviderAnswer(saml_response=form.saml_response)
    return _go_on(await _finish(form.relay_state, answer, refused=False), 303)


@surface.get("/sso/metadata", guard=anyone, limit=PAGES, gives={200: None})
async def metadata() -> Response:
    """GET /v1/auth/sso/metadata: what SAML providers need to know of this instance, as XML."""
    us = relying_party(current_exchange().core.settings)
    return reply_bytes(own_metadata(us), METADATA_TYPE)


async def _finish(state: str | None, answer: ProviderAnswer, *, refused: bool) -> SsoFinished:
    if state is None:
        raise SsoFailed
    network = current_exchange().serving.providers
    try:
        return await perform(finish_sso, FinishSso(Secret(state), answer, refused, network, user_agent()))
    except RealmNotFound as gone:
        raise SsoFailed from gone


def _go_on(finished: SsoFinished, status: int) -> Response:
    """To the application, with the outcome in the fragment."""
    told = _told(finished)
    if finished.caller_state is not None:
        told["state"] = finished.caller_state
    return redirect(f"{finished.redirect_url}#{urlencode(told)}", status)


def _told(finished: SsoFinished) -> dict[str, str]:
    match finished.outcome:
        case SignedIn(session=session):
            tokens = SessionTokens.of(session)
            return {
                "access_token": tokens.access_token,
                "refresh_token": tokens.refresh_token,
                "token_type": "Bearer",
                "expires_in": str(tokens.expires_in),
            }
        case StepRequired():
            step = ChallengeBody.of(finished.outcome)
            told = {
                "mfa_required": "true",
                "mfa_token": step.mfa_token,
                "available_methods": ",".join(step.available_methods),
            }
            return told | ({"enrollment_required": "true"} if step.enrollment_required else {})
        case SsoDenied(error=error, description=description):
            return {"error": error, "error_description": description}
        case never:
            assert_never(never)
