"""`enroll`: every way in, and what a wrong number costs."""

import json
from pathlib import Path

import pytest
import segno

from device_sim import Wallet
from tests.device_sim.commands.typed import Run, said
from tests.device_sim.party import Invited, Party


def test_enroll_by_a_qr_picture(run: Run, party: Party, url: str, wallet: Wallet, tmp_path: Path) -> None:
    invited = party.invite()
    picture = tmp_path / "qr.png"
    segno.make(invited.qr).save(str(picture), scale=4)
    done = run("enroll", "--qr", str(picture), "--url", url, "--challenge", "987654")

    assert done.exit_code == 0, done.output
    assert "Enrolled as acme-bank (P-256)" in said(done)
    assert wallet.entry("acme-bank").enrollment.verified


def test_enroll_by_id_and_token_with_an_ed25519_key(run: Run, party: Party, url: str, wallet: Wallet) -> None:
    invited = party.invite()
    done = run(
        *("enroll", "--id", str(invited.id), "--token", invited.token, "--url", url),
        *("--challenge", "987654", "--ed25519", "--name", "mine", "--tier", "STRONG"),
    )

    assert done.exit_code == 0, done.output
    assert wallet.entry("mine").enrollment.key.algorithm == "Ed25519"
    assert json.loads(party.requests[-1].content)["devicePrivateKeyStorageTier"] == "STRONG"


def test_enroll_reads_the_text_from_stdin(run: Run, party: Party, url: str) -> None:
    done = run("enroll", "--text", "-", "--url", url, "-c", "987654", typed=party.invite().qr + "\n")

    assert done.exit_code == 0, done.output


def test_enroll_asks_for_the_number_up_to_three_times(run: Run, party: Party, url: str) -> None:
    invited = party.invite()
    done = run("enroll", "--text", invited.qr, "--url", url, typed="no number\n111111\n987654\n")
    assert done.exit_code == 0, done.output
    assert invited.wrong_challenges == 1

    done = run("enroll", "--text", party.invite().qr, "--url", url, typed="1\n2\n3\n4\n")
    assert done.exit_code == 1
    assert "stays in the wallet" in said(done)


def test_enroll_goes_on_where_a_wrong_number_ended_it(
    run: Run, party: Party, url: str, wallet: Wallet
) -> None:
    invited = party.invite()
    wrong = run("enroll", "--text", invited.qr, "--url", url, "--challenge", "111111")
    assert wrong.exit_code == 1
    assert "refused verify with 400" in said(wrong)
    assert run("list").output.split()[-1] == "bound"

    right = run("enroll", "--text", invited.qr, "--url", url, "--challenge", "987654")
    assert right.exit_code == 0, right.output
    assert len(wallet.entries()) == 1
    assert [request.url.path.rpartition("/")[2] for request in party.requests] == ["bind", "verify", "verify"]


def test_enroll_without_anybody_to_ask_needs_the_number(run: Run, party: Party, url: str) -> None:
    done = run("enroll", "--text", party.invite().qr, "--url", url)

    assert done.exit_code == 2
    assert "--challenge" in said(done)


def test_enroll_twice_is_refused_before_the_server_is_asked(
    run: Run, party: Party, url: str, enrolled: Invited
) -> None:
    before = len(party.requests)
    done = run("enroll", "--text", enrolled.qr, "--url", url, "--challenge", "987654")

    assert done.exit_code == 2
    assert "already, as mine" in said(done)
    assert len(party.requests) == before


def test_a_name_that_is_taken_does_not_cost_the_invitation(
    run: Run, party: Party, url: str, enrolled: Invited
) -> None:
    second = party.invite()
    done = run("enroll", "--text", second.qr, "--url", url, "--challenge", "987654", "--name", "mine")

    assert done.exit_code == 2
    assert second.status == "CREATED"


def test_a_bind_that_the_integration_did_not_sign_is_explained(
    run: Run, party: Party, url: str, wallet: Wallet
) -> None:
    invited = party.invite()
    party.tamper = lambda _, body: body | {"integrationName": "Evil [red]Bank\x1b[31m"}
    done = run("enroll", "--text", invited.qr, "--url", url, "--challenge", "987654")

    assert done.exit_code == 1
    assert "integration's signature of the bind-response does not verify" in said(done)
    assert r"Evil [red]Bank\x1b[31m" in said(done)
    assert invited.token not in done.output
    assert not wallet.entries()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--text", "456|token", "--id", "7", "--token", "token"],
        ["--id", "7"],
        ["--token", "token"],
        ["--id", "0", "--token", "token"],
        ["--text", "not an invitation"],
        ["--text", '{"enrollmentId":"456","enrollmentProofToken":"t","authUrl":null}'],
        ["--text", "456|token"],
        ["--text", "456|token", "--url", "http://auth.example.com"],
        ["--text", "456|token", "--url", "https://a.example.com", "--challenge", "x"],
        ["--text", "456|token", "--url", "https://a.example.com", "--tier", "GOLD"],
        ["--qr", "missing.png"],
        ["--colour"],
    ],
    ids=" ".join,
)
def test_enroll_refuses_wrong_usage(run: Run, arguments: list[str]) -> None:
    assert run("enroll", *arguments).exit_code == 2
