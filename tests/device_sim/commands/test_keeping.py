"""`list`, `inspect` and `remove`."""

import json

from device_sim import Wallet
from tests.device_sim.commands.typed import Run
from tests.device_sim.party import Invited, Party


def test_list_shows_every_enrollment(run: Run, enrolled: Invited) -> None:
    done = run("list")
    assert done.exit_code == 0
    for word in ("mine", "Acme", "Bank", str(enrolled.id), "P-256", "active"):
        assert word in done.output

    (entry,) = json.loads(run("list", "--json").stdout)
    assert entry["name"] == "mine"
    assert entry["enrollmentId"] == enrolled.id
    assert entry["state"] == "active"
    assert entry["tenantName"] == "Acme Corp"


def test_an_empty_wallet_lists_nothing(run: Run) -> None:
    assert run("list").exit_code == 0
    assert run("inspect").exit_code == 0
    assert json.loads(run("list", "--json").stdout) == []


def test_inspect_shows_keys_messages_and_ticks_but_no_secret(
    run: Run, party: Party, enrolled: Invited, wallet: Wallet
) -> None:
    asked = party.ask(enrolled, title="Payment")
    run("approve")
    done = run("inspect", "mine")
    enrollment = wallet.entry("mine").enrollment

    assert done.exit_code == 0
    for kind in ("bind-response", "verify-request", "verify-response", "pending-response", "respond-request"):
        assert f"✓ {kind}" in done.output
    assert "✗" not in done.output
    assert enrollment.binding is not None
    assert enrollment.binding.integration_public_key in done.output
    assert enrollment.key.public_key in "".join(done.output.split())
    for secret in (enrolled.token, asked.token, enrollment.key.private_key, "987654"):
        assert secret not in "".join(done.output.split())


def test_inspect_speaks_json(run: Run, party: Party, enrolled: Invited) -> None:
    party.ask(enrolled)
    run("deny")
    text = run("inspect", "--json").stdout
    (entry,) = json.loads(text)

    assert entry["devicePublicKey"] == enrolled.key
    assert [message["kind"] for message in entry["messages"]][-1] == "respond-response"
    assert all(message["valid"] for message in entry["messages"])
    assert enrolled.token not in text


def test_remove_asks_first(run: Run, enrolled: Invited, wallet: Wallet) -> None:
    assert run("remove", "mine", typed="n\n").exit_code == 1
    assert len(wallet.entries()) == 1
    assert run("remove", "mine", typed="y\n").exit_code == 0
    assert not wallet.entries()
    assert run("remove", "mine", "--yes").exit_code == 2
