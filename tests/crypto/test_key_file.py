import fcntl
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from server.crypto import key_file
from server.crypto.key_file import (
    KeyFileError,
    KeyFileExists,
    add_key,
    create_key_file,
    load_key_file,
    remove_key,
)
from server.crypto.sealing import KeyRing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    create_key_file(path)
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def test_a_new_file_has_one_key_and_is_its_owners_alone(path: Path) -> None:
    keys = load_key_file(path)

    assert mode_of(path) == 0o600
    assert list(keys.keys) == [keys.current]
    assert len(keys.keys[keys.current]) == 32


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key_file(tmp_path / "keys.json")
        add_key(tmp_path / "keys.json")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "keys.json") == 0o600


def test_two_files_have_different_keys(tmp_path: Path) -> None:
    for name in ("one", "two"):
        create_key_file(tmp_path / name)
    one, two = load_key_file(tmp_path / "one"), load_key_file(tmp_path / "two")

    assert one.keys.keys().isdisjoint(two.keys)
    assert set(one.keys.values()).isdisjoint(two.keys.values())


def test_the_folder_is_made(tmp_path: Path) -> None:
    create_key_file(tmp_path / "a" / "b" / "keys.json")
    assert load_key_file(tmp_path / "a" / "b" / "keys.json").keys


def test_a_file_that_is_there_is_left_alone(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(KeyFileExists):
        create_key_file(path)

    assert path.read_bytes() == before
    assert files_in(path.parent) == [path.name]


def test_a_ring_takes_its_keys_from_the_file(path: Path) -> None:
    ring = KeyRing(lambda: load_key_file(path))
    before = ring.seal(b"secret", "purpose")
    added = add_key(path)
    after = KeyRing(lambda: load_key_file(path)).seal(b"secret", "purpose")

    assert KeyRing.key_id_of(after) == added
    assert ring.open(after, "purpose") == ring.open(before, "purpose") == b"secret"
    assert ring.current_id == added


def test_an_added_key_is_the_current_one_and_the_others_stay(path: Path) -> None:
    before = load_key_file(path)
    added = add_key(path)
    after = load_key_file(path)

    assert after.current == added
    assert added not in before.keys
    assert {**before.keys, added: after.keys[added]} == after.keys
    assert mode_of(path) == 0o600


def test_a_removed_key_is_gone_and_the_others_stay(path: Path) -> None:
    first = load_key_file(path).current
    add_key(path)
    before = load_key_file(path)

    remove_key(path, first)

    after = load_key_file(path)
    assert after.current == before.current
    assert dict(after.keys) == {before.current: before.keys[before.current]}


def test_the_current_key_is_not_removed(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="is the current one"):
        remove_key(path, load_key_file(path).current)
    assert path.read_bytes() == before


def test_a_key_that_is_not_there_is_not_removed(path: Path) -> None:
    with pytest.raises(KeyFileError, match="There is no key"):
        remove_key(path, "00" * 8)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o602, 0o777])
def test_a_file_that_others_have_rights_on_is_refused_with_a_sentence(path: Path, mode: int) -> None:
    path.chmod(mode)
    for use in (load_key_file, add_key, lambda path: remove_key(path, "00" * 8)):
        with pytest.raises(KeyFileError, match=rf"mode {mode:04o}.*chmod 600"):
            use(path)


@pytest.mark.parametrize("use", [load_key_file, add_key, lambda path: remove_key(path, "00" * 8)])
def test_a_missing_file_is_refused_with_a_sentence(tmp_path: Path, use: Callable[[Path], object]) -> None:
    with pytest.raises(KeyFileError, match=r"There is no key file at .*absent"):
        use(tmp_path / "absent")
    assert files_in(tmp_path) == []


def test_a_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_key_file(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"version": 1}',
        b'{"version": 1, "current": "0000000000000000", "keys": {}}',
        b'{"version": 1, "current": "0000000000000000", "keys": []}',
        b'{"version": 1, "current": "0000000000000000", "keys": {"0000000000000000": "c2VjcmV0"}}',
        b'{"version": 1, "current": "0000000000000000", "keys": {"0000000000000000": 7}}',
        b'{"version": 1, "current": ["secret"], "keys": {"0000000000000000": "%s"}}' % (b"A" * 43),
        b'{"version": 1, "current": "0", "keys": {"0": "%s"}}' % (b"A" * 43),
        b'{"version": 1, "current": "0000000000000000", "keys": {"0000000000000000": "%s=',
    ],
)
def test_a_damaged_file_is_refused_and_not_repeated(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="damaged") as refusal:
        load_key_file(path)
    assert "c2VjcmV0" not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_a_file_of_another_version_is_refused(path: Path) -> None:
    path.write_text('{"version": 2}')
    with pytest.raises(KeyFileError, match="version"):
        load_key_file(path)


@pytest.mark.parametrize("use", [add_key, lambda path: remove_key(path, "00" * 8)])
def test_a_damaged_file_is_never_replaced(path: Path, use: Callable[[Path], object]) -> None:
    path.write_bytes(b"{")
    with pytest.raises(KeyFileError):
        use(path)
    assert path.read_bytes() == b"{"


@pytest.mark.parametrize("step", ["fsync", "chown"])
def test_a_failure_on_the_way_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, step, refuse)

    with pytest.raises(KeyFileError, match="No space left on device"):
        add_key(path)

    assert path.read_bytes() == before
    assert files_in(path.parent) == [path.name]


def test_a_failure_on_the_way_leaves_no_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)

    with pytest.raises(KeyFileError, match="No space left on device"):
        create_key_file(tmp_path / "keys.json")

    assert files_in(tmp_path) == []


def test_root_does_not_take_the_file_from_its_owner(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda _, user, group: given.append((user, group)))

    add_key(path)

    assert given == [(path.stat().st_uid, path.stat().st_gid)]


def test_a_symbolic_link_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)
    added = add_key(link)

    assert link.is_symlink()
    assert load_key_file(path).current == added


def test_a_reader_meets_the_old_file_or_the_new_one(path: Path) -> None:
    done = threading.Event()
    read = []

    def read_on() -> None:
        while not done.is_set():
            read.append(len(load_key_file(path).keys))

    reader = threading.Thread(target=read_on)
    reader.start()
    for _ in range(30):
        add_key(path)
    done.set()
    reader.join()

    assert read == sorted(read)
    assert len(load_key_file(path).keys) == 31


def test_a_writer_waits_for_the_one_before_and_starts_from_what_it_left(path: Path) -> None:
    """It had the old file open when that was replaced, and must not build on it."""
    left_behind = path.with_name("next.json")
    shutil.copy2(path, left_behind)
    theirs = add_key(left_behind)
    ours: list[str] = []
    writer = threading.Thread(target=lambda: ours.append(add_key(path)))

    with path.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        writer.start()
        writer.join(0.2)
        assert ours == []
        left_behind.replace(path)
    writer.join()

    keys = load_key_file(path)
    assert {theirs, *ours} < keys.keys.keys()
    assert keys.current == ours[0]


def test_processes_that_add_keys_at_the_same_time_lose_none(path: Path) -> None:
    keys_each = 15
    program = (
        "import sys, pathlib; from server.crypto.key_file import add_key\n"
        "sys.stdin.read(1)\n"
        f"for _ in range({keys_each}): print(add_key(pathlib.Path(sys.argv[1])))"
    )
    first = load_key_file(path).current
    added = " ".join(_said_by(2, program, path)).split()

    assert len(added) == 2 * keys_each
    assert load_key_file(path).keys.keys() == {first, *added}
    assert files_in(path.parent) == [path.name]


def test_of_processes_that_make_the_file_at_the_same_time_one_does(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from server.crypto import key_file\n"
        "sys.stdin.read(1)\n"
        "try:\n    key_file.create_key_file(pathlib.Path(sys.argv[1])); print('made')\n"
        "except key_file.KeyFileExists: print('exists')"
    )
    said = _said_by(3, program, tmp_path / "keys.json")

    assert sorted(said) == ["exists", "exists", "made"]
    assert load_key_file(tmp_path / "keys.json").keys
    assert files_in(tmp_path) == ["keys.json"]


def _said_by(processes: int, program: str, path: Path) -> list[str]:
    """What each of so many processes printed that ran *program* on *path* at one time.

    The program reads one character from its standard input before it begins.
    """
    running = [
        subprocess.Popen(  # noqa: S603 - this interpreter and a constant program
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(key_file.__file__).parents[2],
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("x")
        process.stdin.flush()
    said = [process.communicate()[0].strip() for process in running]
    assert [process.returncode for process in running] == [0] * processes
    return said
