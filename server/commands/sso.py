"""countersign admin sso: the identity providers of a project."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Self, TypeVar

import typer

from server.base.secret import Secret
from server.commands.options import AsJson
from server.commands.performing import perform, refuse, settings_or_exit, whoever_is_logged_in, with_core
from server.commands.showing import show, show_lines, show_list
from server.core.projects.lookup import find_project
from server.core.single_sign_on import actions
from server.core.single_sign_on.described_providers import DescribedProvider, certificates_of, saml_provider
from server.core.single_sign_on.model import ConfiguredProvider, Provider, ProviderType, relying_party
from server.core.work import Core, Work
from server.outbound.http import open_client
from server.outbound.identity_providers.failures import ProviderFailure
from server.outbound.identity_providers.network import ProviderNetwork
from server.outbound.identity_providers.oidc import DEFAULT_SCOPES, OidcProvider
from server.outbound.identity_providers.saml import SamlProvider
from server.surfaces.kit.body import Instant, SnakeAnswer

app = typer.Typer(no_args_is_help=True, help="Single sign-on: the identity providers of a project.")

COLUMNS = ("slug", "type", "issuer", "active", "created_at")

Slug = Annotated[
    str, typer.Argument(show_default=False, help="What applications call it: google, okta, corp …")
]
ProjectOption = Annotated[
    str, typer.Option("--project", show_default=False, help="The project's `proj_…` or `lp_…`.")
]
Type = Annotated[ProviderType, typer.Option("--type", show_default=False, help="What it speaks.")]
Issuer = Annotated[
    str | None, typer.Option(show_default=False, help="oidc: its issuer, below which it is found.")
]
ClientId = Annotated[str | None, typer.Option(show_default=False, help="oidc: our client id there.")]
SecretStdin = Annotated[
    bool,
    typer.Option(
        "--client-secret-stdin",
        help="oidc: read our client secret from standard input, up to its first line break. Without it the "
        "client has none.",
    ),
]
Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", show_default=False, help="oidc: what to ask for; openid and email if not said."),
]
Metadata = Annotated[
    str | None, typer.Option(show_default=False, help="saml: its metadata, a file or an https URL.")
]
EntityId = Annotated[
    str | None,
    typer.Option(show_default=False, help="saml: what it calls us, if not by the instance's entity id."),
]
EmailAttribute = Annotated[
    str | None, typer.Option(show_default=False, help="saml: which attribute holds the address.")
]
EmailDomains = Annotated[
    list[str] | None,
    typer.Option(
        "--email-domain",
        show_default=False,
        help="A domain of addresses that it decides about: they count as verified if it says nothing. May be "
        "given again.",
    ),
]

Outcome = TypeVar("Outcome")


class CertificateBody(SnakeAnswer):
    """A certificate that the provider may sign with."""

    fingerprint: str
    not_before: Instant
    not_after: Instant


class ProviderBody(SnakeAnswer):
    """An identity provider, and what it must be told about us. Never a client secret."""

    slug: str
    type: ProviderType
    active: bool
    issuer: str
    client_id: str | None
    has_client_secret: bool
    scopes: list[str]
    sign_in_url: str | None
    email_attribute: str | None
    certificates: list[CertificateBody]
    email_domains: list[str]
    callback_url: str
    entity_id: str | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, configured: ConfiguredProvider) -> Self:
        """What operators see."""
        provider, us = configured.provider, relying_party(settings_or_exit())
        oidc = provider if isinstance(provider, OidcProvider) else None
        saml = provider if isinstance(provider, SamlProvider) else None
        return cls(
            slug=configured.slug,
            type=configured.type,
            active=configured.active,
            issuer=provider.issuer,
            client_id=oidc.client_id if oidc else None,
            has_client_secret=oidc is not None and oidc.client_secret is not None,
            scopes=list(oidc.scopes) if oidc else [],
            sign_in_url=saml.sign_in_url if saml else None,
            email_attribute=saml.email_attribute if saml else None,
            certificates=[
                CertificateBody(
                    fingerprint=certificate.fingerprint,
                    not_before=certificate.not_before,
                    not_after=certificate.not_after,
                )
                for certificate in (certificates_of(saml) if saml else ())
            ],
            email_domains=list(configured.email_domains),
            callback_url=us.callback_url,
            entity_id=(saml.entity_id or us.entity_id) if saml else None,
            created_at=configured.created_at,
            updated_at=configured.updated_at,
        )


class ProviderList(SnakeAnswer):
    """The identity providers of a project, by name."""

    data: list[ProviderBody]


@app.command("add")
def add_provider(
    slug: Slug,
    project: ProjectOption,
    type_: Type,
    issuer: Issuer = None,
    client_id: ClientId = None,
    scope: Scopes = None,
    metadata: Metadata = None,
    entity_id: EntityId = None,
    email_attribute: EmailAttribute = None,
    email_domain: EmailDomains = None,
    *,
    client_secret_stdin: SecretStdin = False,
    json: AsJson = False,
) -> None:
    """Let a project's users sign in with an identity provider, which is asked before it is taken.

    The callback_url that is shown is what the provider must be told; a SAML provider also the entity_id, or
    the metadata that are there.
    """
    secret = Secret(sys.stdin.readline().rstrip("\r\n")) if client_secret_stdin else None

    async def add(core: Core, network: ProviderNetwork) -> ConfiguredProvider:
        provider: Provider
        if type_ is ProviderType.OIDC:
            if not issuer or not client_id:
                refuse("An OpenID Connect provider needs --issuer and --client-id.")
            scopes = tuple(dict.fromkeys(("openid", *(scope or DEFAULT_SCOPES))))
            provider = OidcProvider(issuer, client_id, secret, scopes)
        else:
            if not metadata:
                refuse("A SAML provider needs --metadata.")
            described = DescribedProvider(await _read(network, metadata), entity_id, email_attribute)
            provider = saml_provider(described, now=core.clock.now())
        actor = whoever_is_logged_in()
        found = await core.perform(find_project, project, actor=actor)
        command = actions.AddIdentityProvider(
            found.realm_id, slug, provider, tuple(email_domain or ()), network
        )
        return await core.perform(actions.add_identity_provider, command, actor=actor)

    show(ProviderBody.of(_with_network(add)), as_json=json)


@app.command("list")
def list_providers(project: ProjectOption, *, json: AsJson = False) -> None:
    """List a project's identity providers by name."""

    async def find(work: Work, text: str) -> tuple[ConfiguredProvider, ...]:
        return await actions.list_identity_providers(work, (await find_project(work, text)).realm_id)

    body = ProviderList(data=[ProviderBody.of(configured) for configured in perform(find, project)])
    show_list(body, body.data, COLUMNS, as_json=json)


@app.command("show")
def show_provider(slug: Slug, project: ProjectOption, *, json: AsJson = False) -> None:
    """Show an identity provider, without our secret there."""
    show(ProviderBody.of(perform(_of_project(actions.read_identity_provider, slug), project)), as_json=json)


@app.command("deactivate")
def deactivate_provider(slug: Slug, project: ProjectOption, *, json: AsJson = False) -> None:
    """Let nobody sign in with the provider; open sessions go on."""
    _set_active(slug, project, active=False, json=json)


@app.command("reactivate")
def reactivate_provider(slug: Slug, project: ProjectOption, *, json: AsJson = False) -> None:
    """Let people sign in with the provider as before."""
    _set_active(slug, project, active=True, json=json)


@app.command("remove")
def remove_provider(slug: Slug, project: ProjectOption) -> None:
    """Forget the provider. Who was whom there is remembered, for one of the same issuer."""
    perform(_of_project(actions.remove_identity_provider, slug), project)
    show_lines([f"{slug} is gone"])


def _set_active(slug: str, project: str, *, active: bool, json: bool) -> None:
    async def change(work: Work, which: actions.WhichProvider) -> ConfiguredProvider:
        command = actions.SetProviderActive(which.realm_id, which.slug, active)
        return await actions.set_provider_active(work, command)

    show(ProviderBody.of(perform(_of_project(change, slug), project)), as_json=json)


def _of_project(
    action: Callable[[Work, actions.WhichProvider], Awaitable[Outcome]], slug: str
) -> Callable[[Work, str], Awaitable[Outcome]]:
    """*action* on the provider of that name, for a command that is what an operator calls the project."""

    async def act(work: Work, text: str) -> Outcome:
        return await action(work, actions.WhichProvider((await find_project(work, text)).realm_id, slug))

    return act


def _with_network(act: Callable[[Core, ProviderNetwork], Awaitable[Outcome]]) -> Outcome:
    settings = settings_or_exit()

    async def work(core: Core) -> Outcome:
        async with open_client() as client:
            return await act(core, ProviderNetwork(client, plain_loopback=settings.mode == "development"))

    return with_core(settings, work, application_name="countersign admin")


async def _read(network: ProviderNetwork, source: str) -> bytes:
    """What is in the file or at the URL."""
    if "://" not in source:
        try:
            return Path(source).read_bytes()  # noqa: ASYNC240 - nobody else waits for this program
        except OSError as failure:
            refuse(f"The metadata could not be read: {failure.strerror}.")
    try:
        return (await network.ask("GET", source))[1]
    except ProviderFailure as failure:
        refuse(f"The metadata could not be read ({failure}).")
