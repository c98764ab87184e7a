"""What the doctor finds, and that it leaves things as they are."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from server.base.settings import Settings, SettingsError
from server.core.notifications import rehearsal
from server.crypto.key_file import create_key_file
from server.db.pool import Database
from server.serve import doctor
from server.serve.database_state import DatabaseState
from server.serve.doctor import Finding, examine
from server.serve.instance import prepare
from tests.support.factories import an_integration
from tests.support.relay import a_relay
from tests.support.work import a_work, some_settings


async def found(settings: Settings) -> dict[str, Finding]:
    """The findings by their names."""
    findings = await asyncio.to_thread(examine, settings)
    return {finding.name: finding for finding in findings}


def start_and_stop(settings: Settings) -> None:
    """The instance has run."""
    with prepare(settings):
        pass


async def test_an_instance_in_order_is_well(tmp_path: Path, unused_database_url: str) -> None:
    settings = some_settings(
        data_dir=tmp_path, database_url=unused_database_url, public_base_url="https://push.example.org"
    )
    await asyncio.to_thread(start_and_stop, settings)

    assert {finding.state for finding in (await found(settings)).values()} == {"ok"}


def test_wrong_settings_are_all_there_is_to_say() -> None:
    (first, second) = examine(SettingsError("A: must be 1.\nB: must be 2."))
    assert (first.state, first.sentence, second.sentence) == ("wrong", "A: must be 1.", "B: must be 2.")


async def test_a_variable_that_no_setting_reads_deserves_a_thought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERSIGN_BIND_SEGMENT", "12")
    monkeypatch.setenv("COUNTERSIGN_KEY_ID", "ezkey_ikey_of_the_sdk")
    findings = await found(some_settings(data_dir=tmp_path / "data"))
    said = [finding.sentence for finding in findings.values() if "There is no setting" in finding.sentence]
    assert said == ["There is no setting COUNTERSIGN_BIND_SEGMENT."]


async def test_a_place_bound_to_what_there_is_not_is_wrong(tmp_path: Path) -> None:
    findings = await found(some_settings(data_dir=tmp_path / "data", surface_bindings="auth.example=nope"))
    assert findings["bindings"].state == "wrong"
    assert "auth.example is bound to 'nope'" in findings["bindings"].sentence


async def test_a_folder_that_was_never_used_is_left_alone(tmp_path: Path) -> None:
    findings = await found(some_settings(data_dir=tmp_path / "data"))

    assert findings["database"].state == "ok"
    assert not (tmp_path / "data").exists()


async def test_a_stopped_embedded_database_is_started_for_the_look(place: Path) -> None:
    settings = some_settings(data_dir=place, movable_clock=True)
    await asyncio.to_thread(start_and_stop, settings)
    findings = await found(settings)

    assert (findings["database"].state, findings["schema"].state, findings["clock"].state) == ("ok",) * 3
    assert "it is +0 s" in findings["movable clock"].sentence
    assert not (place / "postgres" / "postmaster.pid").exists()


async def test_thoughtless_settings_deserve_a_thought(tmp_path: Path, unused_database_url: str) -> None:
    findings = await found(
        some_settings(data_dir=tmp_path, database_url=unused_database_url, host="192.0.2.1", workers=3)
    )
    assert {findings[name].state for name in ("public URL", "proxies", "limits")} == {"warning"}


async def test_a_relay_is_asked_whether_it_lets_us_in(tmp_path: Path) -> None:
    async with a_relay(user=("me", "sesame")) as relay:
        url = f"smtp+plain://me:sesame@127.0.0.1:{relay.port}"
        right = await found(some_settings(data_dir=tmp_path, smtp_url=url))
        wrong = await found(some_settings(data_dir=tmp_path, smtp_url=url.replace("sesame", "other")))

    assert (right["mail"].state, right["sender"].state) == ("ok", "warning")
    assert wrong["mail"].state == "wrong"
    assert "user or password refused: 535" in wrong["mail"].sentence
    assert "other" not in wrong["mail"].sentence
    assert relay.tries == 0


async def test_without_a_relay_production_deserves_a_thought(tmp_path: Path) -> None:
    production = some_settings(
        mode="production",
        data_dir=tmp_path,
        database_url="postgresql://127.0.0.1:1/x",
        trusted_proxies="none",
        public_base_url="https://push.example.org",
    )

    assert (await found(production))["mail"].state == "warning"
    assert (await found(some_settings(data_dir=tmp_path)))["mail"].state == "ok"


async def test_an_sms_provider_is_named_and_not_tried(tmp_path: Path) -> None:
    settings = some_settings(data_dir=tmp_path, sms_account="AC1", sms_token="sesame", sms_from="Acme")
    findings = await found(settings)

    assert "https://api.twilio.com" in findings["SMS"].sentence
    assert "sesame" not in str(findings)


async def test_templates_that_cannot_be_used_are_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await found(some_settings(data_dir=tmp_path)))["templates"].state == "ok"
    monkeypatch.setattr(rehearsal, "LOCALES", ("en", "tlh"))

    assert (await found(some_settings(data_dir=tmp_path)))["templates"].state == "wrong"


async def test_what_does_not_answer_is_wrong(tmp_path: Path) -> None:
    findings = await found(
        some_settings(
            data_dir=tmp_path,
            database_url="postgresql://127.0.0.1:1/x",
            redis_url="redis://me:sesame@127.0.0.1:1/0",
        )
    )
    assert (findings["database"].state, findings["Redis"].state) == ("wrong", "wrong")
    assert "sesame" not in str(findings)


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_a_store_is_asked_under_either_name(
    tmp_path: Path, unused_database_url: str, scheme: str
) -> None:
    findings = await found(
        some_settings(
            data_dir=tmp_path, database_url=unused_database_url, redis_url=f"{scheme}://127.0.0.1:1/0"
        )
    )
    assert "does not answer" in findings["Redis"].sentence


async def test_an_unmigrated_database_is_said_and_left_so(tmp_path: Path, empty_database_url: str) -> None:
    settings = some_settings(data_dir=tmp_path, database_url=empty_database_url)
    for _ in range(2):
        assert (await found(settings))["schema"].state == "warning"


async def test_keys_that_do_not_fit_the_database_are_found(tmp_path: Path, fresh_database_url: str) -> None:
    db = await Database.open(fresh_database_url, connections=2, application_name="tests")
    async with db.acquire() as conn, conn.transaction():
        await an_integration(a_work(conn))
    await db.close()
    settings = some_settings(data_dir=tmp_path, database_url=fresh_database_url)

    assert (await found(settings))["key file"].state == "wrong"
    create_key_file(settings.key_file)
    findings = await found(settings)
    assert (findings["key file"].state, findings["sealed secrets"].state) == ("ok", "wrong")
    settings.key_file.chmod(0o644)
    assert (await found(settings))["key file"].state == "wrong"


@pytest.mark.parametrize(
    ("seconds", "state"), [(0.9, "ok"), (-0.9, "ok"), (1.1, "warning"), (-4.9, "warning"), (5.1, "wrong")]
)
def test_clocks_that_disagree_are_found(seconds: float, state: str) -> None:
    finding = doctor._clock(DatabaseState(18, None, timedelta(seconds=seconds)))
    assert finding.state == state


@pytest.mark.parametrize(("version", "state"), [(14, "wrong"), (15, "ok")])
def test_a_postgresql_that_is_too_old_is_found(version: int, state: str) -> None:
    assert doctor._version(DatabaseState(version, None, timedelta(0))).state == state
