from pathlib import Path

import pytest

from server.outbound.identity_providers.oidc import OidcProvider
from tests.commands.conftest import Run
from tests.support.factories import a_name
from tests.support.identity_providers.openid import OpenIdProvider
from tests.support.identity_providers.saml import SamlIdentityProvider

CALLBACK = "http://127.0.0.1:8080/v1/auth/sso/callback"


@pytest.fixture
def project(run: Run) -> str:
    organization = a_name("Organization")
    run(
        "admin",
        "create-owner",
        "--email",
        f"{organization}@example.com".replace(" ", "."),
        "--organization",
        organization,
    )
    made: str = run(
        *("admin", "projects", "create", a_name("Project"), "--organization", organization),
        *("--redirect-url", "https://app.example.com/", "--json"),
    ).json()["id"]
    return made


@pytest.fixture
async def client(openid_provider: OpenIdProvider) -> OidcProvider:
    return await openid_provider.client(CALLBACK)


@pytest.fixture
async def metadata_file(saml_provider: SamlIdentityProvider, tmp_path: Path) -> Path:
    file = tmp_path / "metadata.xml"
    file.write_bytes(await saml_provider.metadata())
    return file


def test_an_openid_provider_is_added_shown_listed_switched_off_and_removed(
    run: Run, project: str, client: OidcProvider
) -> None:
    assert client.client_secret is not None
    secret = client.client_secret.reveal()
    which = ("google", "--project", project)

    added = run(
        *("admin", "sso", "add", *which, "--type", "oidc", "--issuer", client.issuer),
        *("--client-id", client.client_id, "--client-secret-stdin", "--scope", "email"),
        *("--email-domain", "example.com", "--json"),
        stdin=f"{secret}\n",
    )
    body = added.json()
    assert (body["slug"], body["issuer"], body["client_id"]) == ("google", client.issuer, client.client_id)
    assert (body["has_client_secret"], body["scopes"]) == (True, ["openid", "email"])
    assert (body["callback_url"], body["entity_id"], body["certificates"]) == (CALLBACK, None, [])
    assert (body["active"], body["email_domains"]) == (True, ["example.com"])
    assert secret not in added.out

    assert run("admin", "sso", "show", *which, "--json").json() == body
    assert run("admin", "sso", "list", "--project", project, "--json").json() == {"data": [body]}
    assert "google" in run("admin", "sso", "list", "--project", project).out
    assert run("admin", "sso", "deactivate", *which, "--json").json()["active"] is False
    assert run("admin", "sso", "reactivate", *which, "--json").json()["active"] is True
    assert "is gone" in run("admin", "sso", "remove", *which).out
    assert run("admin", "sso", "list", "--project", project, "--json").json() == {"data": []}


@pytest.mark.parametrize("from_url", [True, False])
def test_a_saml_provider_is_added_by_its_metadata(
    run: Run, project: str, saml_provider: SamlIdentityProvider, metadata_file: Path, *, from_url: bool
) -> None:
    source = f"{saml_provider.url}/metadata" if from_url else metadata_file

    body = run(
        *("admin", "sso", "add", "corp", "--project", project, "--type", "saml", "--metadata", source),
        *("--email-attribute", "mail", "--email-domain", "corp.example", "--json"),
    ).json()

    assert (body["issuer"], body["sign_in_url"]) == (saml_provider.issuer, saml_provider.sign_in_url())
    assert body["entity_id"] == CALLBACK.replace("callback", "metadata")
    assert (body["email_attribute"], body["email_domains"]) == ("mail", ["corp.example"])
    (certificate,) = body["certificates"]
    assert len(certificate["fingerprint"]) == 64
    assert certificate["not_before"] < body["created_at"] < certificate["not_after"]
    assert (body["client_id"], body["has_client_secret"], body["scopes"]) == (None, False, [])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--type", "oidc"), "needs --issuer and --client-id"),
        (("--type", "oidc", "--issuer", "https://idp.example"), "needs --issuer and --client-id"),
        (("--type", "oidc", "--issuer", "http://idp.example", "--client-id", "us"), "url_not_allowed"),
        (("--type", "oidc", "--issuer", "http://127.0.0.1:9", "--client-id", "us"), "no_answer"),
        (("--type", "saml"), "needs --metadata"),
        (("--type", "saml", "--metadata", "/nowhere.xml"), "No such file"),
        (("--type", "saml", "--metadata", "http://idp.example/metadata"), "url_not_allowed"),
        (("--type", "saml", "--metadata", "/dev/null"), "metadata_malformed"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    run: Run, project: str, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = run("admin", "sso", "add", "corp", "--project", project, *arguments)

    assert (ran.exit_code, ran.out) == (1, "")
    assert sentence in ran.err
    assert run("admin", "sso", "list", "--project", project, "--json").json() == {"data": []}


@pytest.mark.parametrize("command", ["show", "deactivate", "reactivate", "remove"])
def test_an_unknown_provider_or_project_is_refused(run: Run, project: str, command: str) -> None:
    ran = run("admin", "sso", command, "nobody", "--project", project)
    assert (ran.exit_code, ran.err) == (1, "countersign: No such identity provider.\n")

    ran = run("admin", "sso", command, "nobody", "--project", "proj_nobody")
    assert (ran.exit_code, ran.err) == (1, "countersign: No such project.\n")
