"""`pending`, `approve` and `deny`."""

import json

import httpx2
import pytest

from device_sim import Wallet
from tests.device_sim.commands.typed import Run, said
from tests.device_sim.party import Asked, Invited, Party


def test_nothing_pending_is_exit_code_one(run: Run, enrolled: Invited) -> None:
    done = run("pending")
    assert done.exit_code == 1
    assert "Nothing is pending" in said(done)
    assert run("approve").exit_code == 1
    assert run("deny").exit_code == 1

    assert run("pending", "--json").stdout == "null\n"


def test_pending_shows_what_is_asked(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled, challenge=42, title="Payment", message="50 EUR\nto Zoë")
    done = run("pending", "--wait", "5")

    assert done.exit_code == 0
    for words in ("Acme Bank asks", "Payment", "50 EUR", "to Zoë", f"attempt {asked.id}", "wants the number"):
        assert words in done.output
    assert asked.token not in done.output
    assert party.requests[-1].headers["Prefer"].startswith("wait=")


def test_pending_speaks_json(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled, title="Payment", message="\x1b[31m")

    assert json.loads(run("pending", "mine", "--json").stdout) == {
        "enrollment": "mine",
        "attemptId": asked.id,
        "challengeRequired": False,
        "title": "Payment",
        "message": "\x1b[31m",
    }


def test_approve_after_pending_answers_the_same_attempt(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled, challenge=42)
    run("pending")
    done = run("approve", "--challenge", "42")

    assert done.exit_code == 0, done.output
    assert "APPROVED: Done (signed by the integration)" in said(done)
    assert asked.status == "ACCEPTED"


def test_approve_asks_for_the_number(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled, challenge=42)
    assert run("approve").exit_code == 2
    assert asked.status == "READ"

    assert run("approve", typed="42\n").exit_code == 0
    assert asked.status == "ACCEPTED"


def test_a_wrong_number_fails(run: Run, party: Party, enrolled: Invited) -> None:
    party.ask(enrolled, challenge=42)
    done = run("approve", "--challenge", "41", "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["outcome"] == "FAILED"
    assert json.loads(done.stdout)["proven"] is True


@pytest.mark.parametrize(
    ("option", "reason"), [([], None), (["--fraud"], "FRAUD"), (["--mistake"], "MISTAKE")], ids=str
)
def test_deny_with_and_without_a_reason(
    run: Run, party: Party, enrolled: Invited, option: list[str], reason: str | None
) -> None:
    asked = party.ask(enrolled)
    done = run("deny", *option)

    assert done.exit_code == 0, done.output
    assert (asked.status, asked.deny_reason) == ("REJECTED", reason)


def test_two_reasons_are_one_too_many(run: Run, enrolled: Invited) -> None:
    assert run("deny", "--fraud", "--mistake").exit_code == 2


def test_only_the_attempt_that_was_meant_is_answered(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled)
    assert run("approve", "--attempt", str(asked.id + 1)).exit_code == 1
    assert asked.status == "READ"

    assert run("approve", "--attempt", str(asked.id)).exit_code == 0


def test_an_unproven_result_is_a_failure(run: Run, party: Party, enrolled: Invited) -> None:
    party.ask(enrolled)
    party.tamper = lambda at, body: (
        {name: value for name, value in body.items() if not name.endswith("SignedByIntegration")}
        if at == "respond"
        else body
    )
    done = run("approve")

    assert done.exit_code == 1
    assert "FAILED, without a signature" in said(done)


def test_a_tampered_attempt_is_explained_and_remembered(run: Run, party: Party, enrolled: Invited) -> None:
    asked = party.ask(enrolled, message="Pay 5 EUR")
    party.tamper = lambda _, body: body | {"contextMessage": "Pay 500 EUR"}
    done = run("approve")

    assert done.exit_code == 1
    assert "integration's signature of the pending-response does not verify" in said(done)
    assert "contextMessage Pay 500 EUR" in said(done)
    assert asked.token not in done.output
    assert asked.status == "READ"
    assert "✗ pending-response from the server" in said(run("inspect"))


def test_too_many_requests_say_when_to_come_back(run: Run, party: Party, enrolled: Invited) -> None:
    party.refusals = [httpx2.Response(429, headers={"Retry-After": "17"})]
    done = run("pending")

    assert done.exit_code == 1
    assert "429" in said(done)
    assert "try again in 17 s" in said(done)


def test_nobody_there_is_said_with_the_url(run: Run, wallet: Wallet, party: Party) -> None:
    with party.served() as gone:
        assert run("enroll", "--text", party.invite().qr, "--url", gone, "-c", "987654").exit_code == 0
    done = run("pending")

    assert done.exit_code == 1
    assert f"No answer from {gone}/api/v1/auth-attempts/pending" in said(done)


def test_several_enrollments_need_a_name(run: Run, party: Party, url: str, enrolled: Invited) -> None:
    other = party.invite()
    run("enroll", "--text", other.qr, "--url", url, "-c", "987654", "--name", "other")
    party.ask(other)
    done = run("approve")
    assert done.exit_code == 2
    assert "mine, other" in said(done)

    assert run("approve", "third").exit_code == 2
    assert run("approve", "mine").exit_code == 1
    assert run("approve", "other").exit_code == 0


def test_an_enrollment_that_is_not_there_or_empty_is_a_wallet_problem(run: Run, wallet: Wallet) -> None:
    assert run("pending").exit_code == 2
    wallet.path.write_text("{}")
    wallet.path.chmod(0o600)
    assert run("pending").exit_code == 2
    wallet.path.chmod(0o644)
    done = run("list")
    assert done.exit_code == 2
    assert "chmod 600" in said(done)


def test_an_answered_attempt_is_not_pending_any_more(run: Run, party: Party, enrolled: Invited) -> None:
    asked: Asked = party.ask(enrolled)
    assert run("approve").exit_code == 0
    assert run("approve").exit_code == 1
    assert asked.status == "ACCEPTED"
