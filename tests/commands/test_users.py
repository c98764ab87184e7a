"""One person of a realm at the command line."""

import pytest

from tests.commands.conftest import Run
from tests.support.accounts import an_email
from tests.support.factories import a_name

REALM = "protekt-accounts"


@pytest.fixture
def email(run: Run) -> str:
    """Somebody of the accounts' realm."""
    email = an_email()
    made = run("admin", "create-owner", "--email", email, "--organization", a_name("Acme"))
    assert made.exit_code == 0
    return email


def test_somebody_is_shown_by_address_and_by_id(run: Run, email: str) -> None:
    shown = run("admin", "users", "show", REALM, email.upper(), "--json").json()

    assert (shown["email"], shown["enabled"], shown["locked_at"]) == (email, True, None)
    assert shown["factors"] == []
    assert run("admin", "users", "show", REALM, shown["id"], "--json").json() == shown
    assert email in run("admin", "users", "show", REALM, email).out


def test_somebody_gets_codes_on_paper_and_loses_them(run: Run, email: str) -> None:
    made = run("admin", "users", "recovery-codes", REALM, email, "--json").json()
    again = run("admin", "users", "recovery-codes", REALM, email)
    left = run("admin", "users", "remove-factor", REALM, email, "recovery_code", "--json").json()

    assert len(set(made["recovery_codes"])) == 10
    assert made["user"]["factors"] == ["recovery_code"]
    assert "shown once" in again.out
    assert made["recovery_codes"][0] not in again.out
    assert left["factors"] == []


def test_somebody_is_unlocked(run: Run, email: str) -> None:
    assert run("admin", "users", "unlock", REALM, email, "--json").json()["locked_at"] is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", REALM, "nobody@example.com"), "No such user"),
        (("show", REALM, "usr_00000000000000000000000000"), "No such user"),
        (("show", "nowhere", "nobody@example.com"), "No such realm"),
    ],
)
def test_nobody_is_told(run: Run, arguments: tuple[str, ...], told: str) -> None:
    refused = run("admin", "users", *arguments)

    assert (refused.exit_code, told in refused.err) == (1, True), refused.err


def test_what_somebody_does_not_have_is_told(run: Run, email: str) -> None:
    for arguments, told in (
        (("remove-factor", REALM, email, "totp"), "This factor is not set up"),
        (("link-phone", REALM, email, 7), "No such enrollment"),
    ):
        refused = run("admin", "users", *arguments)
        assert (refused.exit_code, told in refused.err) == (1, True), refused.err
