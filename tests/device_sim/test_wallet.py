"""The wallet: private, whole, and one change at a time."""

import json
import multiprocessing
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from device_sim import (
    Binding,
    Device,
    Ed25519Key,
    Enrollment,
    EntryExists,
    Invitation,
    NoSuchEntry,
    P256Key,
    Wallet,
    WalletDamaged,
    WalletError,
    WalletNotPrivate,
)
from device_sim.wallet import default_path
from device_sim.wallet_entry import suggested_name
from tests.device_sim.party import Party


def an_enrollment(number: int = 1, name: str | None = "Acme Bank") -> Enrollment:
    return Enrollment(
        base_url="https://auth.example.com",
        enrollment_id=number,
        proof_token=f"token-{number}",
        key=P256Key(bytes(31) + bytes([number])),
        binding=Binding(integration_public_key="key", integration_name=name, tenant_id=7),
    )


def a_device(number: int = 1, name: str | None = "Acme Bank") -> Device:
    return Device(an_enrollment(number, name))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "wallet.json"


@pytest.fixture
def wallet(path: Path) -> Wallet:
    return Wallet(path)


def test_a_wallet_that_is_not_there_is_empty(wallet: Wallet, path: Path) -> None:
    assert wallet.entries() == ()
    assert not path.parent.exists()


def test_what_is_added_is_there_for_the_next_command(wallet: Wallet, path: Path) -> None:
    entry = wallet.add(a_device())
    kept = Wallet(path).entry()

    assert kept.name == entry.name == "acme-bank"
    assert kept.added_at == entry.added_at
    assert replace(kept.enrollment, key=entry.enrollment.key) == entry.enrollment
    assert kept.enrollment.key.public_key == entry.enrollment.key.public_key


def test_an_ed25519_key_is_kept_too(wallet: Wallet) -> None:
    key = Ed25519Key(bytes(32))
    wallet.add(Device(replace(an_enrollment(), key=key, binding=None)))
    kept = wallet.entry().enrollment

    assert (kept.key.algorithm, kept.key.public_key, kept.binding) == ("Ed25519", key.public_key, None)


async def test_signed_messages_are_kept_and_still_hold(wallet: Wallet) -> None:
    party = Party()
    invited = party.invite()
    async with party.client() as http:
        device = Device.invited(Invitation.parse(invited.qr), http=http)
        await device.bind()
        name = wallet.add(device).name
        await device.verify(invited.challenge)
        wallet.update(name, device)
        wallet.update(name, device)

    entry = wallet.entry()
    assert entry.enrollment.verified
    assert entry.messages == device.journal
    assert len(entry.messages) == 3
    assert all(message.fault() is None for message in entry.messages)


async def test_only_the_last_messages_are_kept_over_many_commands(wallet: Wallet) -> None:
    party = Party()
    invited = party.invite()
    async with party.client() as http:
        name = wallet.add(
            await Device.enroll(Invitation.parse(invited.qr), invited.challenge, http=http)
        ).name
        for _ in range(5):
            device = Device(wallet.entry(name).enrollment, http=http)
            await device.instance_info()
            party.ask(invited)
            attempt = await device.pending()
            assert attempt is not None
            await device.deny(attempt)
            wallet.update(name, device)

    assert len(wallet.entry(name).messages) == 12


# --- names ------------------------------------------------------------------------------------------


def test_names_are_made_from_the_integrations_and_do_not_collide(wallet: Wallet) -> None:
    assert [wallet.add(a_device(number)).name for number in (1, 2, 3)] == [
        "acme-bank",
        "acme-bank-2",
        "acme-bank-3",
    ]


@pytest.mark.parametrize(
    ("integration", "name"),
    [
        ("Société Générale", "societe-generale"),
        ("銀行", "enrollment-1"),
        (None, "enrollment-1"),
        ("--- ../../etc/passwd ---", "etc-passwd"),
        ("x" * 200, "x" * 40),
    ],
)
def test_a_suggested_name_is_one_that_may_be_used(wallet: Wallet, integration: str | None, name: str) -> None:
    assert suggested_name(an_enrollment(1, integration)) == name
    assert wallet.add(a_device(1, integration)).name == name


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "é", "x" * 65, "a\n"])
def test_a_name_that_is_none_is_refused(wallet: Wallet, name: str) -> None:
    with pytest.raises(WalletError, match="cannot be called"):
        wallet.add(a_device(), name)
    with pytest.raises(WalletError, match="cannot be called"):
        wallet.insist_on_room(name)


def test_a_taken_name_is_refused(wallet: Wallet) -> None:
    wallet.add(a_device(1), "mine")

    with pytest.raises(EntryExists, match="mine"):
        wallet.add(a_device(2), "mine")
    with pytest.raises(EntryExists, match="mine"):
        wallet.insist_on_room("mine")


def test_an_enrollment_is_in_the_wallet_once(wallet: Wallet) -> None:
    wallet.add(a_device(1), "mine")

    with pytest.raises(EntryExists, match="already"):
        wallet.add(a_device(1), "yours")
    assert wallet.find(an_enrollment(1)) is not None
    assert wallet.find(an_enrollment(2)) is None


def test_the_only_entry_needs_no_name_and_several_do(wallet: Wallet) -> None:
    with pytest.raises(NoSuchEntry, match="empty"):
        wallet.entry()
    wallet.add(a_device(1), "one")
    assert wallet.entry().name == "one"
    wallet.add(a_device(2), "two")
    with pytest.raises(NoSuchEntry, match="one, two"):
        wallet.entry()
    with pytest.raises(NoSuchEntry, match="one, two"):
        wallet.entry("three")
    assert wallet.entry("two").enrollment.enrollment_id == 2


def test_what_is_removed_is_gone(wallet: Wallet, path: Path) -> None:
    wallet.add(a_device(1), "one")
    wallet.add(a_device(2), "two")
    wallet.remove("one")

    assert [entry.name for entry in wallet.entries()] == ["two"]
    assert "token-1" not in path.read_text()
    with pytest.raises(NoSuchEntry):
        wallet.remove("one")
    with pytest.raises(NoSuchEntry):
        wallet.update("one", a_device(1))


# --- the file ---------------------------------------------------------------------------------------


def test_the_file_is_private_from_the_start(wallet: Wallet, path: Path) -> None:
    wallet.add(a_device())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_name("wallet.json.lock").stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(child.name for child in path.parent.iterdir()) == ["wallet.json", "wallet.json.lock"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o601])
def test_a_file_that_others_can_get_at_is_refused(wallet: Wallet, path: Path, mode: int) -> None:
    wallet.add(a_device())
    path.chmod(mode)

    with pytest.raises(WalletNotPrivate, match="chmod 600"):
        wallet.entries()
    with pytest.raises(WalletNotPrivate):
        wallet.add(a_device(2))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"version": 2, "enrollments": []}',
        b'{"version": 1, "enrollments": [{}]}',
        b'{"version": 1, "enrollments": [7]}',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_wallet_is_refused_and_left_alone(
    wallet: Wallet, path: Path, content: bytes
) -> None:
    wallet.add(a_device())
    path.write_bytes(content)

    with pytest.raises(WalletDamaged):
        wallet.entries()
    with pytest.raises(WalletDamaged):
        wallet.add(a_device(2))
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("privateKey", "AAAA"),
        ("algorithm", "RSA"),
        ("name", "a b"),
        ("binding", {"colour": "blue"}),
        ("addedAt", ""),
    ],
)
def test_an_entry_that_is_none_is_refused(wallet: Wallet, path: Path, member: str, value: object) -> None:
    wallet.add(a_device())
    document = json.loads(path.read_text())
    document["enrollments"][0][member] = value
    path.write_text(json.dumps(document))

    with pytest.raises(WalletDamaged):
        wallet.entries()


def test_a_folder_in_the_wallets_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WalletDamaged):
        Wallet(tmp_path).entries()


def test_a_wallet_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(WalletError, match="cannot be"):
        Wallet(tmp_path / "file" / "wallet.json").insist_on_room(None)


def test_a_link_to_the_wallet_stays_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "real.json")
    Wallet(link).add(a_device())

    assert link.is_symlink()
    assert Wallet(tmp_path / "real.json").entry().enrollment.enrollment_id == 1


def test_a_change_that_fails_leaves_the_wallet_as_it_was(
    wallet: Wallet, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet.add(a_device(1))
    before = path.read_bytes()

    def fail(self: Path, target: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(WalletError, match="No space left"):
        wallet.add(a_device(2))
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 2


def test_the_default_place_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert default_path() == tmp_path / ".config/countersign-device/wallet.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert default_path() == tmp_path / ".config/countersign-device/wallet.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert default_path() == tmp_path / "xdg/countersign-device/wallet.json"


# --- several commands at a time ---------------------------------------------------------------------


@pytest.fixture
def processes() -> multiprocessing.context.SpawnContext:
    return multiprocessing.get_context("spawn")


def add_some(path: Path, numbers: list[int]) -> None:
    """What one of the commands does."""
    for number in numbers:
        Wallet(path).add(a_device(number))


def test_commands_at_the_same_time_lose_nothing(
    path: Path, processes: multiprocessing.context.SpawnContext
) -> None:
    """Twenty enrollments by four processes: each is there, under a name of its own."""
    running = [
        processes.Process(target=add_some, args=(path, list(range(start, start + 5))))
        for start in (1, 6, 11, 16)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join()
        assert process.exitcode == 0
        process.close()

    entries = Wallet(path).entries()
    assert sorted(entry.enrollment.enrollment_id for entry in entries) == list(range(1, 21))
    assert len({entry.name for entry in entries}) == 20
