"""The file of the keys that seal secrets at rest.

    {"version": 1, "current": "<id>", "keys": {"<id>": "<32 bytes in Base64URL>", …}}

Only its owner may read or write it (mode 0600), and it is refused when anybody else can. It is replaced as a
whole, so a reader sees the old file or the new one. Writers take turns by a lock on the file they replace.

To change keys: `add_key`, reload every process, seal everything again, and only then `remove_key`. A
process that has not reloaded goes on sealing under the key before.
"""

import fcntl
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from server.crypto.encoding import b64url_decode, b64url_encode
from server.crypto.sealing import KEY_SIZE, Keys

_VERSION = 1
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyFileError(Exception):
    """The key file cannot be used; the text is a sentence for the operator, and no key is in it."""


class KeyFileExists(KeyFileError):
    """There is a key file already; it was left alone."""


def create_key_file(path: Path) -> None:
    """A new file with one new key is at *path*, and its folder exists.

    Of several processes that do this at the same time one succeeds.

    Raises:
        KeyFileExists: Something is at *path*; it was left alone.
        KeyFileError: The file cannot be written.
    """
    key_id, key = _new_key()
    with _explained(path, "made"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _written_beside(path, Keys(key_id, {key_id: key})) as new:
            try:
                # Unlike a rename, a link never replaces what is there.
                os.link(new, path)
            except FileExistsError:
                raise KeyFileExists(f"There is already a key file at {path}.") from None
            _sync_folder(path)


def load_key_file(path: Path) -> Keys:
    """The keys in the file at *path*.

    Raises:
        KeyFileError: The file is missing, others than its owner can read or write it, or it is damaged.
    """
    with _explained(path, "read"), path.open("rb") as file:
        return _read(file, path)


def add_key(path: Path) -> str:
    """The file has a new key, which is the current one; the others stay and still open. Its id is returned.

    Raises:
        KeyFileError: The file cannot be used or replaced; then it is as it was.
    """
    key_id, key = _new_key()
    with _explained(path, "changed"), _locked(path) as (real_path, file):
        keys = _read(file, path)
        _replace(real_path, file, Keys(key_id, {**keys.keys, key_id: key}))
    return key_id


def remove_key(path: Path, key_id: str) -> None:
    """The file no longer has the key *key_id*: what is still sealed under it is lost.

    Raises:
        KeyFileError: There is no such key, it is the current one, or the file cannot be used or replaced;
            then it is as it was.
    """
    with _explained(path, "changed"), _locked(path) as (real_path, file):
        keys = _read(file, path)
        if key_id not in keys.keys:
            raise KeyFileError(f"There is no key {key_id} in {path}.")
        if key_id == keys.current:
            raise KeyFileError(
                f"The key {key_id} in {path} is the current one; add another before you remove it."
            )
        _replace(real_path, file, Keys(keys.current, {k: v for k, v in keys.keys.items() if k != key_id}))


def _new_key() -> tuple[str, bytes]:
    return secrets.token_hex(8), secrets.token_bytes(KEY_SIZE)


def _read(file: BinaryIO, path: Path) -> Keys:
    mode = os.fstat(file.fileno()).st_mode
    if mode & _OTHERS:
        raise KeyFileError(
            f"Others than its owner have rights on the key file {path} (mode {stat.S_IMODE(mode):04o}). "
            "Make it private: chmod 600."
        )
    try:
        content = json.load(file)
        if content["version"] != _VERSION:
            raise KeyFileError(f"The key file {path} is of a version that this program does not know.")
        return Keys(
            content["current"], {key_id: b64url_decode(key) for key_id, key in content["keys"].items()}
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # Without the cause: the text of an error of `json` or `encoding` may hold part of the file.
        raise KeyFileError(f"The key file {path} is damaged, or is not a key file.") from None


@contextmanager
def _locked(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """The file at *path*, open, and nobody else replaces it meanwhile. A symbolic link is followed."""
    real_path = path.resolve()
    while True:
        with real_path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held the lock before may have put another file in this one's place.
            if os.path.samestat(os.fstat(file.fileno()), real_path.stat()):
                yield real_path, file
                return


def _replace(path: Path, old: BinaryIO, keys: Keys) -> None:
    with _written_beside(path, keys) as new:
        if os.geteuid() == 0:
            # An operator who is root must not take the file away from the account that the server runs as.
            owner = os.fstat(old.fileno())
            os.chown(new, owner.st_uid, owner.st_gid)
        new.replace(path)
        _sync_folder(path)


@contextmanager
def _written_beside(path: Path, keys: Keys) -> Iterator[Path]:
    """A file of mode 0600 with *keys*, safe on disk beside *path*; gone at the end unless renamed."""
    content = {
        "version": _VERSION,
        "current": keys.current,
        "keys": {key_id: b64url_encode(key) for key_id, key in keys.keys.items()},
    }
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new = Path(name)
    try:
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor has no Path
            json.dump(content, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        yield new
    finally:
        new.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    """The name of the file at *path* survives a power failure."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path, verb: str) -> Iterator[None]:
    """What the operating system refuses is a `KeyFileError` with a sentence."""
    try:
        yield
    except FileNotFoundError:
        raise KeyFileError(f"There is no key file at {path}.") from None
    except OSError as refused:
        raise KeyFileError(f"The key file {path} cannot be {verb}: {refused.strerror}.") from refused
