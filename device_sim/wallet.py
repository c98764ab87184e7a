"""The wallet: one private file with several enrollments, safe for several commands at a time."""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from device_sim.device import Device
from device_sim.enrollment import Enrollment
from device_sim.errors import EntryExists, NoSuchEntry, WalletDamaged, WalletError, WalletNotPrivate
from device_sim.journal import KEPT_MESSAGES
from device_sim.wallet_entry import WalletEntry, checked_name, suggested_name

FORMAT_VERSION = 1
PRIVATE_MODE = 0o600
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Wallet:
    """A JSON file of mode 0600. It is written as a whole and swapped in, under a lock on a file beside it.

    A reader sees the wallet before or after a change, never in between. A file that is not there is an
    empty wallet; the first change makes it, and its folder with mode 0700.

    Every method raises `WalletNotPrivate` if group or others may read or write the file, and `WalletDamaged`
    if it is not a wallet.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = (path or default_path()).expanduser().resolve()

    def entries(self) -> tuple[WalletEntry, ...]:
        """All enrollments, oldest first."""
        try:
            # Not blocking, lest a pipe of this name hold the program up.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise WalletError(f"The wallet {self.path} cannot be opened: {error.strerror}") from error
        try:
            self._insist_on_privacy(os.fstat(descriptor))
            with os.fdopen(descriptor, encoding="utf-8", closefd=False) as file:
                return _parsed(file.read())
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise WalletDamaged(f"{self.path} is not a wallet of this program") from error
        finally:
            os.close(descriptor)

    def entry(self, name: str | None = None) -> WalletEntry:
        """The enrollment of this name; without a name, the only one there is.

        Raises:
            NoSuchEntry: There is none of this name, none at all, or several and no name was given.
        """
        entries = self.entries()
        if not entries:
            raise NoSuchEntry("The wallet is empty; enroll first")
        names = ", ".join(entry.name for entry in entries)
        if name is None:
            if len(entries) > 1:
                raise NoSuchEntry(f"The wallet has several enrollments; say which: {names}")
            return entries[0]
        for entry in entries:
            if entry.name == name:
                return entry
        raise NoSuchEntry(f"The wallet has no enrollment of this name; it has: {names}")

    def find(self, enrollment: Enrollment) -> WalletEntry | None:
        """The entry with the same server, number and proof token, if there is one."""
        return next((entry for entry in self.entries() if _same(entry.enrollment, enrollment)), None)

    def insist_on_room(self, name: str | None) -> None:
        """The wallet can be written to, and *name* is free, as far as can be told beforehand.

        Raises:
            EntryExists: The name is taken.
            WalletError: The name is not one, or the wallet cannot be written.
        """
        with self._changing() as entries:
            if name is not None:
                self._insist_on_name(name, entries)

    def add(self, device: Device, name: str | None = None) -> WalletEntry:
        """The device's enrollment is in the wallet, under *name* or one made from the integration's.

        Raises:
            EntryExists: The name is taken, or the enrollment is there already.
            WalletError: The name is not one.
        """
        with self._changing() as entries:
            if any(_same(entry.enrollment, device.enrollment) for entry in entries):
                raise EntryExists("This enrollment is in the wallet already")
            if name is None:
                name = _free_name(suggested_name(device.enrollment), [entry.name for entry in entries])
            self._insist_on_name(name, entries)
            entry = WalletEntry(name, device.enrollment, device.journal)
            entries.append(entry)
            return entry

    def update(self, name: str, device: Device) -> None:
        """The entry of this name knows what the device knows now, and its newest messages.

        Saving the same device twice keeps each message once.

        Raises:
            NoSuchEntry: It was removed meanwhile.
        """
        with self._changing() as entries:
            position = _position(name, entries)
            entry = entries[position]
            messages = tuple(dict.fromkeys((*entry.messages, *device.journal)))[-KEPT_MESSAGES:]
            entries[position] = replace(entry, enrollment=device.enrollment, messages=messages)

    def remove(self, name: str) -> None:
        """The entry is gone, with its private key. The server is not told.

        Raises:
            NoSuchEntry: There is none of this name.
        """
        with self._changing() as entries:
            del entries[_position(name, entries)]

    @contextmanager
    def _changing(self) -> Iterator[list[WalletEntry]]:
        """The entries, to change in place; written back at the end if no exception leaves the block."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(
                self.path.with_name(self.path.name + ".lock"),
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
                PRIVATE_MODE,
            )
        except OSError as error:
            raise WalletError(f"The wallet {self.path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.entries()
            entries = list(before)
            yield entries
            if tuple(entries) != before or not before:
                self._write(entries)
        finally:
            os.close(lock)

    def _write(self, entries: Sequence[WalletEntry]) -> None:
        text = json.dumps(
            {"version": FORMAT_VERSION, "enrollments": [entry.to_json() for entry in entries]},
            ensure_ascii=False,
            indent=2,
        )
        try:
            # mkstemp makes the file with mode 0600.
            descriptor, temporary = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        except OSError as error:
            raise WalletError(f"The wallet {self.path} cannot be written: {error.strerror}") from error
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except OSError as error:
            Path(temporary).unlink(missing_ok=True)
            raise WalletError(f"The wallet {self.path} cannot be written: {error.strerror}") from error
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _insist_on_privacy(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise WalletDamaged(f"{self.path} is not a file")
        if status.st_mode & OTHERS:
            raise WalletNotPrivate(
                f"{self.path} has mode {stat.S_IMODE(status.st_mode):04o}, and others than you can get at "
                f"the keys in it. If nobody did, run: chmod 600 {self.path}"
            )

    def _insist_on_name(self, name: str, entries: Sequence[WalletEntry]) -> None:
        try:
            checked_name(name)
        except ValueError as error:
            raise WalletError(f"An enrollment cannot be called that: {error}") from error
        if any(entry.name == name for entry in entries):
            raise EntryExists(f"The wallet already has an enrollment called {name}")


def default_path() -> Path:
    """`countersign-device/wallet.json` under `$XDG_CONFIG_HOME`, which is `~/.config` unless it is set."""
    configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    base = configured if configured.is_absolute() else Path.home() / ".config"
    return base / "countersign-device" / "wallet.json"


def _parsed(text: str) -> tuple[WalletEntry, ...]:
    document = json.loads(text)
    if document["version"] != FORMAT_VERSION:
        raise ValueError("another version")
    return tuple(WalletEntry.from_json(members) for members in document["enrollments"])


def _position(name: str, entries: Sequence[WalletEntry]) -> int:
    for position, entry in enumerate(entries):
        if entry.name == name:
            return position
    raise NoSuchEntry(f"The wallet has no enrollment called {name}")


def _free_name(wanted: str, taken: Sequence[str]) -> str:
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _same(one: Enrollment, other: Enrollment) -> bool:
    return (one.base_url, one.enrollment_id, one.proof_token) == (
        other.base_url,
        other.enrollment_id,
        other.proof_token,
    )
