"""Realms, their rules and the keys of their tokens at the command line."""

import pytest

from tests.commands.conftest import Run
from tests.support.factories import a_name

REDIRECT = ("--redirect-url", "https://app.example/signed-in")


@pytest.fixture
def project_id(run: Run) -> str:
    """A new project of an organization of its own."""
    organization = ("--organization", a_name("Acme"))
    assert run("admin", "create-owner", "--email", "owner@example.org", *organization).exit_code == 0
    made = run("admin", "projects", "create", a_name("Shop"), *REDIRECT, *organization, "--json")
    project_id: str = made.json()["id"]
    return project_id


def test_realms_are_listed_and_shown_by_any_of_their_names(run: Run, project_id: str) -> None:
    listed = run("admin", "realms", "list", "--json").json()["data"]
    shown = run("admin", "realms", "show", project_id, "--json").json()
    people = run("admin", "realms", "show", "protekt-accounts")

    assert [realm["name"] for realm in listed[:2]] == ["platform", "protekt-accounts"]
    assert shown in listed
    assert shown["project_id"] == project_id
    assert run("admin", "realms", "show", shown["id"], "--json").json() == shown
    assert "registration_open=false\n" in people.out
    assert "factors=totp,sms,push,recovery_code\n" in people.out
    assert "idle_seconds=\n" in people.out


def test_rules_are_changed_as_they_are_shown_and_put_back(run: Run, project_id: str) -> None:
    rules = ("mfa=required", "factors=push,totp", "idle_seconds=900", "registration_open=false")
    changed = run("admin", "realms", "policy", "set", project_id, *rules, "--json").json()["policy"]
    back = run("admin", "realms", "policy", "set", project_id, "mfa=", "idle_seconds=", "--json").json()[
        "policy"
    ]

    assert (changed["mfa"], changed["idle_seconds"]) == ("required", 900)
    assert (changed["factors"], changed["registration_open"]) == (["totp", "push"], False)
    assert (back["mfa"], back["idle_seconds"], back["registration_open"]) == ("optional", None, False)


def test_a_rule_that_is_none_is_told_and_nothing_changes(run: Run, project_id: str) -> None:
    set_policy = ("admin", "realms", "policy", "set", project_id)

    for rule, told in (
        ("max_sessions=0", "max_sessions must be a whole number from 1 to 1000"),
        ("sessions=5", "sessions is not a rule of sign-in"),
    ):
        refused = run(*set_policy, "mfa=required", rule)
        assert (refused.exit_code, told in refused.err) == (1, True), refused.err
    assert run(*set_policy, "mfa").exit_code == 2
    assert run("admin", "realms", "show", project_id, "--json").json()["policy"]["mfa"] == "optional"


def test_a_realm_that_is_not_there_is_told(run: Run) -> None:
    refused = run("admin", "realms", "show", "nowhere")

    assert (refused.exit_code, "No such realm" in refused.err) == (1, True)


def test_a_realm_uses_the_phones_of_an_integration(run: Run, project_id: str, integration_id: int) -> None:
    used = run("admin", "realms", "push", project_id, integration_id, "--json").json()
    unused = run("admin", "realms", "push", project_id, "--json").json()

    assert (used["push_integration_id"], unused["push_integration_id"]) == (integration_id, None)
    assert run("admin", "realms", "push", project_id, 2_147_483_647).exit_code == 1


@pytest.mark.parametrize("option", [(), ("--distrust",)])
def test_token_keys_are_rotated(run: Run, option: tuple[str, ...]) -> None:
    first, second = run("keys", "rotate-tokens", *option), run("keys", "rotate-tokens", *option)

    assert "New access tokens are signed with the key protekt-" in first.out
    assert first.out != second.out
    assert run("admin", "audit", "list", "--search", "token_key.rotated", "--json").json()["total"] >= 2
