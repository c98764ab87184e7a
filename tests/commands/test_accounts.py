"""Owners, members, projects and operators at the command line."""

from typing import Any

import pytest

from tests.commands.conftest import Run
from tests.support.accounts import PASSWORD, an_email
from tests.support.factories import a_name

REDIRECT = ("--redirect-url", "https://app.example/signed-in")


@pytest.fixture
def organization(run: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """An organization with an owner."""
    name = a_name("Acme")
    monkeypatch.setenv("COUNTERSIGN_OWNER_PASSWORD", PASSWORD)
    assert _owner(run, name)["is_new"]
    monkeypatch.delenv("COUNTERSIGN_OWNER_PASSWORD")
    return name


def test_an_owner_whom_nobody_gave_a_password_gets_one_that_is_shown_once(run: Run) -> None:
    email = an_email()

    made = run("admin", "create-owner", "--email", email, "--organization", a_name("Acme"))

    assert made.exit_code == 0
    assert email in made.out
    assert "password" in made.out
    assert "shown once" in made.out


def test_the_body_of_an_owner_holds_the_password_that_was_made_up(run: Run) -> None:
    made = _owner(run, a_name("Acme"))

    assert len(made["password"]) == 24
    assert made["member"]["role"] == "owner"
    assert made["member"]["id"].startswith("mem_")


@pytest.mark.parametrize("how", ["environment", "standard input"])
def test_a_password_that_was_given_is_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    arguments = ["admin", "create-owner", "--email", an_email(), "--organization", a_name("Acme"), "--json"]
    if how == "environment":
        monkeypatch.setenv("COUNTERSIGN_OWNER_PASSWORD", PASSWORD)
        made = run(*arguments)
    else:
        made = run(*arguments, "--password-stdin", stdin=f"{PASSWORD}\n")

    assert made.json()["password"] is None
    assert PASSWORD not in made.out + made.err


def test_a_password_that_is_not_good_enough_is_refused(run: Run) -> None:
    refused = run("admin", "create-owner", "--email", an_email(), "--password-stdin", stdin="short\n")

    assert refused.exit_code == 1
    assert "password must have at least 8 characters" in refused.err


def test_an_account_that_is_there_becomes_an_owner_and_keeps_its_password(run: Run) -> None:
    email = an_email()
    first = _owner(run, a_name("Acme"), email)

    second = run("admin", "create-owner", "--email", email, "--organization", a_name("Other"))

    assert first["is_new"]
    assert "keeps its password" in second.out
    again = run("admin", "create-owner", "--email", email, "--organization", first["organization"])
    assert again.exit_code == 1
    assert "member or invited already" in again.err


def test_members_are_listed_invited_and_removed(run: Run, organization: str) -> None:
    of = ("--organization", organization)
    (owner,) = run("admin", "members", "list", *of, "--json").json()["data"]
    email = an_email("invited")

    assert run("admin", "members", "invite", email, "--admin", *of).exit_code == 0
    assert "/links/invitation?token=" in run("outbox", "--to", email).out
    assert "invited already" in run("admin", "members", "invite", email, *of).err
    assert run("admin", "members", "withdraw", email, *of).exit_code == 0
    assert run("admin", "members", "invite", email, *of).exit_code == 0
    assert "last owner" in run("admin", "members", "remove", owner["email"], *of).err
    _owner(run, organization)
    assert run("admin", "members", "remove", owner["email"].upper(), *of).exit_code == 0
    assert owner["email"] not in run("admin", "members", "list", *of).out
    assert run("admin", "members", "remove", owner["email"], *of).exit_code == 1


def test_an_unknown_organization_is_refused(run: Run) -> None:
    unknown = ("--organization", a_name("Nobody"))

    for command in (
        ("members", "list"),
        ("members", "invite", an_email()),
        ("projects", "list"),
        ("projects", "create", "App", *REDIRECT),
    ):
        refused = run("admin", *command, *unknown)
        assert (refused.exit_code, refused.err) == (1, "countersign: No such organization.\n")


def test_a_project_is_made_listed_shown_and_deleted(run: Run, organization: str) -> None:
    of = ("--organization", organization)
    origins = ("--allow-origin", "https://a.example", "--allow-origin", "http://localhost:3000")
    made = run(
        "admin", "projects", "create", "My App", *REDIRECT, *origins, *of, "--mfa-required", "--json"
    ).json()

    assert made["id"].startswith("proj_")
    assert made["allowed_origins"] == ["https://a.example", "http://localhost:3000"]
    assert (made["token_expiry"], made["mfa_required"]) == (3600, True)
    assert run("admin", "projects", "list", *of, "--json").json()["data"] == [made]
    assert made["login_id"] in run("admin", "projects", "list", *of).out
    for name in (made["id"], made["login_id"]):
        assert run("admin", "projects", "show", name, "--json").json() == made
    assert run("admin", "projects", "delete", made["id"], stdin="n\n").exit_code == 1
    assert run("admin", "projects", "delete", made["id"], "--yes").exit_code == 0
    assert run("admin", "projects", "list", *of, "--json").json()["data"] == []
    gone = run("admin", "projects", "show", made["id"])
    assert (gone.exit_code, gone.err) == (1, "countersign: No such project.\n")


def test_an_operator_is_made_listed_and_switched_off_and_on(run: Run) -> None:
    email = an_email("operator")

    made = run("admin", "operators", "create", "--email", email, "--json").json()

    assert len(made["password"]) == 24
    assert made["operator"] in run("admin", "operators", "list", "--json").json()["operators"]
    assert run("admin", "operators", "disable", email.upper(), "--json").json()["enabled"] is False
    assert run("admin", "operators", "enable", email, "--json").json()["enabled"] is True
    assert "taken" in run("admin", "operators", "create", "--email", email).err
    assert run("admin", "operators", "disable", an_email()).err == "countersign: No such user.\n"


def test_who_forgot_a_password_is_sent_a_link(run: Run, organization: str) -> None:
    (owner,) = run("admin", "members", "list", "--organization", organization, "--json").json()["data"]
    operator, nobody = an_email("operator"), an_email("nobody")
    run("admin", "operators", "create", "--email", operator)

    said = [
        run("admin", "members", "reset-password", owner["email"]),
        run("admin", "operators", "reset-password", operator),
        run("admin", "members", "reset-password", nobody),
    ]

    assert [each.exit_code for each in said] == [0, 0, 0]
    assert "/links/reset-password?token=" in run("outbox", "--to", owner["email"]).out
    assert "/links/reset-password?token=" in run("outbox", "--to", operator).out
    assert "/links/" not in run("outbox", "--to", nobody).out


def _owner(run: Run, organization: str, email: str | None = None) -> Any:  # noqa: ANN401 - JSON
    arguments = ("--email", email or an_email(), "--organization", organization, "--json")
    return run("admin", "create-owner", *arguments).json()
