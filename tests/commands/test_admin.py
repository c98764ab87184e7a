import getpass
import json
import os
import stat
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from server.__main__ import app
from server.surfaces.ezkey_admin import surface
from server.surfaces.ezkey_admin.operators import sign_in, sign_out
from tests.commands.conftest import Run
from tests.support.factories import a_name

UNKNOWN = 2_147_483_647


def test_a_tenant_is_made_changed_listed_and_shown(run: Run) -> None:
    name = a_name("Acme")

    made = run("admin", "tenants", "create", name, "--description", "Tools", "--json").json()
    changed = run("admin", "tenants", "change", made["id"], "--description", "", "--json").json()
    listed = run("admin", "tenants", "list", "--search", name, "--json").json()
    off = run("admin", "tenants", "deactivate", made["id"], "--json").json()
    on = run("admin", "tenants", "reactivate", made["id"], "--json").json()

    assert (made["name"], made["description"]) == (name, "Tools")
    assert (changed["name"], changed["description"]) == (name, None)
    assert (listed["items"], listed["total"]) == ([changed], 1)
    assert (off["active"], on["active"]) == (False, True)
    assert run("admin", "tenants", "show", made["id"], "--json").json() == on


def test_people_get_tables_in_which_names_are_only_text(run: Run) -> None:
    name = a_name("[red]Acme[/red] :smile:")

    shown = run("admin", "tenants", "create", name)
    listed = run("admin", "tenants", "list", "--search", name)

    assert name in shown.out
    assert name in listed.out
    assert "1 to 1 of 1" in listed.out


def test_an_integration_is_made_changed_and_its_key_rotated(run: Run, tenant_id: int) -> None:
    arguments = ("admin", "integrations", "create", a_name("Shop"), "--tenant", tenant_id)
    made = run(*arguments, "--attempt-ttl-seconds", 60, "--challenge-digits", 2, "--json").json()

    rotated = run("admin", "integrations", "rotate-signing-key", made["id"], "--json").json()
    changed = run(
        "admin", "integrations", "change", made["id"], "--attempt-ttl-seconds", "default", "--json"
    ).json()
    listed = run("admin", "integrations", "list", "--tenant", tenant_id, "--active", "--json").json()

    assert (made["attemptTtlSeconds"], made["challengeDigits"]) == (60, 2)
    assert rotated["publicKey"] != made["publicKey"]
    assert (changed["attemptTtlSeconds"], changed["challengeDigits"]) == (None, 2)
    assert listed["items"] == [changed]
    off = run("admin", "integrations", "deactivate", made["id"], "--json").json()
    on = run("admin", "integrations", "reactivate", made["id"], "--json").json()
    assert (off["active"], on["active"]) == (False, True)
    assert run("admin", "integrations", "show", made["id"], "--json").json() == on


def test_an_api_key_is_shown_once_with_a_warning(run: Run, integration_id: int) -> None:
    made = run("admin", "api-keys", "create", "Production", "--integration", integration_id)

    assert made.exit_code == 0
    assert "ezkey_skey_" in made.out
    assert "shown once" in made.out
    assert "ezkey_skey_" not in run("admin", "api-keys", "list", "--integration", integration_id).out


def test_an_api_key_is_made_changed_rotated_and_revoked(run: Run, integration_id: int) -> None:
    create = ("admin", "api-keys", "create", "Key", "--integration", integration_id, "--json")
    made = run(*create, "--allow", "10.0.0.0/8", "--allow", "::1", "--expires-at", "2030-01-01T00:00:00Z")
    key = made.json()["apiKey"]
    change = ("admin", "api-keys", "change", key["id"], "--json")

    narrowed = run(*change, "--label", "Renamed", "--allow", "10.0.0.1").json()
    widened = run(*change, "--allow", "anywhere", "--expires-at", "never").json()
    rotated = run("admin", "api-keys", "rotate", key["id"], "--overlap-seconds", 60, "--json").json()
    revoked = run("admin", "api-keys", "revoke", key["id"], "--json").json()
    listed = run("admin", "api-keys", "list", "--integration", integration_id, "--active", "--json").json()

    assert (key["ipWhitelist"], key["expiresAt"]) == (["10.0.0.0/8", "::1"], "2030-01-01T00:00:00.000000Z")
    assert (narrowed["label"], narrowed["ipWhitelist"]) == ("Renamed", ["10.0.0.1"])
    assert (widened["ipWhitelist"], widened["expiresAt"]) == ([], None)
    assert rotated["apiKey"]["label"] == "Renamed"
    assert (revoked["active"], revoked["replacedBy"]) == (False, rotated["apiKey"]["id"])
    assert listed["items"] == [rotated["apiKey"]]
    assert run("admin", "api-keys", "show", key["id"], "--json").json() == revoked


def test_an_operator_key_is_made_listed_and_revoked(run: Run) -> None:
    label = a_name("On call")

    made = run("admin", "operator-keys", "create", label, "--json").json()
    listed = run("admin", "operator-keys", "list", "--search", label, "--json").json()
    revoked = run("admin", "operator-keys", "revoke", made["operatorKey"]["id"], "--json").json()

    assert made["secret"].startswith("ezkey_okey_")
    assert listed["items"] == [made["operatorKey"]]
    assert not revoked["active"]
    assert run("admin", "operator-keys", "show", revoked["id"], "--json").json() == revoked


def test_an_invitation_is_shown_once_with_its_qr(run: Run, integration_id: int) -> None:
    made = run("admin", "enrollments", "create", "Jane", "--integration", integration_id)

    assert made.exit_code == 0
    assert "enrollmentProofToken" in made.out
    assert "enrollmentChallenge" in made.out
    assert "shown once" in made.out
    assert " ▄▄▄▄▄ " in made.out


def test_the_qr_is_saved_in_files_that_only_their_owner_can_read(
    run: Run, integration_id: int, tmp_path: Path
) -> None:
    png, svg = tmp_path / "jane.png", tmp_path / "jane.svg"
    arguments = ("admin", "enrollments", "create", "Jane", "--integration", integration_id, "--json")
    before = os.umask(0)
    try:
        made = run(*arguments, "--qr-png", png, "--qr-svg", svg).json()
    finally:
        os.umask(before)

    assert [stat.S_IMODE(path.stat().st_mode) for path in (png, svg)] == [0o600, 0o600]
    assert [code.text for code in zxingcpp.read_barcodes(Image.open(png))] == [made["qr"]["text"]]
    assert svg.read_text(encoding="utf-8") == made["qr"]["svg"]


def test_a_file_that_is_there_is_left_alone_and_nobody_is_invited(
    run: Run, integration_id: int, tmp_path: Path
) -> None:
    there = tmp_path / "there.png"
    there.write_text("mine", encoding="utf-8")
    arguments = ("admin", "enrollments", "create", "Jane", "--integration", integration_id)

    refused = run(*arguments, "--qr-png", there)
    nowhere = run(*arguments, "--qr-png", tmp_path / "no" / "folder.png")

    assert (refused.exit_code, nowhere.exit_code) == (2, 2)
    assert "already" in refused.err
    assert there.read_text(encoding="utf-8") == "mine"
    listed = run("admin", "enrollments", "list", "--integration", integration_id, "--json").json()
    assert listed["total"] == 0


def test_a_refused_invitation_leaves_no_file(run: Run, integration_id: int, tmp_path: Path) -> None:
    png = tmp_path / "jane.png"

    refused = run("admin", "enrollments", "create", "Ja|ne", "--integration", integration_id, "--qr-png", png)

    assert refused.exit_code == 1
    assert refused.err == "countersign: The request is not valid: name must not contain |.\n"
    assert not png.exists()


def test_an_enrollment_is_changed_rebound_and_revoked(run: Run, integration_id: int, tmp_path: Path) -> None:
    create = ("admin", "enrollments", "create", "Jane", "--integration", integration_id, "--json")
    made = run(*create, "--user", "jane", "--challenge-required", "--expires-at", "2030-01-01T00:00:00Z")
    enrollment = made.json()["enrollment"]
    change = ("admin", "enrollments", "change", enrollment["id"], "--json")

    changed = run(*change, "--name", "Joan", "--user", "", "--no-challenge-required").json()
    rebound = run(
        "admin", "enrollments", "rebind", enrollment["id"], "--qr-png", tmp_path / "joan.png", "--json"
    ).json()
    revoked = run("admin", "enrollments", "revoke", enrollment["id"], "--json").json()

    assert (enrollment["userIdentifier"], enrollment["challengeRequired"]) == ("jane", True)
    assert enrollment["expiresAt"] == "2030-01-01T00:00:00.000000Z"
    assert (changed["name"], changed["userIdentifier"]) == ("Joan", None)
    assert not changed["challengeRequired"]
    assert rebound["enrollmentProofToken"] != made.json()["enrollmentProofToken"]
    assert (tmp_path / "joan.png").stat().st_size > 0
    assert revoked["status"] == "REVOKED"
    assert run("admin", "enrollments", "show", enrollment["id"], "--json").json() == revoked
    listed = run("admin", "enrollments", "list", "--status", "REVOKED", "--integration", integration_id)
    assert str(enrollment["id"]) in listed.out


@pytest.mark.parametrize("verb", ["deactivate", "reactivate", "unlock"])
def test_what_takes_a_verified_enrollment_is_refused_for_another(
    run: Run, integration_id: int, verb: str
) -> None:
    create = ("admin", "enrollments", "create", "Jane", "--integration", integration_id, "--json")
    enrollment_id = run(*create).json()["enrollment"]["id"]

    refused = run("admin", "enrollments", verb, enrollment_id)

    assert (refused.exit_code, refused.out) == (1, "")
    assert refused.err == "countersign: The enrollment is not in the right state.\n"


def test_attempts_can_be_looked_at(run: Run, integration_id: int) -> None:
    listed = run("admin", "attempts", "list", "--integration", integration_id, "--json").json()

    assert listed == {"items": [], "total": 0, "limit": 20, "offset": 0}
    unknown = run("admin", "attempts", "show", UNKNOWN)
    assert (unknown.exit_code, unknown.err) == (1, "countersign: No such authentication attempt.\n")


def test_what_was_done_is_recorded_under_the_name_of_who_is_logged_in(run: Run, tenant_id: int) -> None:
    arguments = ("admin", "audit", "list", "--target-kind", "tenant", "--target-id", tenant_id)

    event = run(*arguments, "--json").json()["items"][0]

    assert (event["event"], event["surface"]) == ("tenant.created", "command_line")
    assert (event["actorKind"], event["actorId"]) == ("system", getpass.getuser())
    assert "tenant.created" in run(*arguments).out


@pytest.mark.parametrize(
    "arguments",
    [
        ("tenants", "show", "0"),
        ("tenants", "show", str(2**31)),
        ("tenants", "show", "x"),
        ("tenants", "list", "--limit", "101"),
        ("tenants", "create"),
        ("tenants", "frobnicate"),
        ("api-keys", "create", "Key", "--integration", "1", "--expires-at", "tomorrow"),
        ("integrations", "change", "1", "--challenge-digits", "six"),
        ("enrollments", "list", "--status", "GONE"),
    ],
)
def test_a_command_that_is_called_wrongly_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("admin", *arguments).exit_code == 2


def test_a_setting_that_is_wrong_ends_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_WORKERS", "many")

    refused = run("admin", "tenants", "list")

    assert refused.exit_code == 2
    assert refused.err.startswith("countersign: COUNTERSIGN_WORKERS: ")


def test_a_database_that_does_not_answer_ends_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:hunter2@127.0.0.1:1/none")

    refused = run("admin", "tenants", "list")

    assert refused.exit_code == 2
    assert "does not answer" in refused.err
    assert "hunter2" not in refused.err


def test_every_operation_of_the_http_api_has_a_command() -> None:
    groups = {"auth-attempts": "attempts", "audit-events": "audit"}
    verbs = {("POST", ""): "create", ("GET", ""): "list", ("GET", "id"): "show", ("PATCH", "id"): "change"}
    (admin,) = (group for group in app.registered_groups if group.name == "admin")
    assert admin.typer_instance is not None
    commands = {
        (group.name, command.name)
        for group in admin.typer_instance.registered_groups
        if group.typer_instance is not None
        for command in group.typer_instance.registered_commands
    }

    operations = set()
    # Who has a shell on the machine needs no token.
    for route in (route for route in surface.routes if route.handler not in (sign_in, sign_out)):
        resource, *rest = route.template.removeprefix("/api/v1/").split("/")
        verb = rest[1] if len(rest) == 2 else verbs[route.method, "id" if rest else ""]
        operations.add((groups.get(resource, resource), verb))
    assert operations <= commands


def test_json_is_what_the_http_api_says(run: Run, tenant_id: int) -> None:
    printed = run("admin", "tenants", "show", tenant_id, "--json").out

    assert list(json.loads(printed)) == ["id", "name", "description", "active", "createdAt", "updatedAt"]
    assert printed.endswith("}\n")
