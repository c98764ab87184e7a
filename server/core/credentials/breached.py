"""A local set of passwords from known breaches, in the form in which Have I Been Pwned gives it out.

Each line is the SHA-1 of a password in 40 upper-case hex digits, a colon, and how often it was seen; the
lines are sorted. Nothing is loaded: some forty places of the file are read for one password.

Source: https://haveibeenpwned.com/Passwords, the file of `haveibeenpwned-downloader`.
"""

import hashlib
import os
import unicodedata
from pathlib import Path
from typing import BinaryIO

_HASH_SIZE = 40
# Longer than any line, so that one reading holds a whole one.
_STRETCH = 128


def is_breached(path: Path, password: str) -> bool:
    """Whether the set holds the password, as it was written or in NFC.

    Raises:
        OSError: The file cannot be read.
    """
    spellings = {password, unicodedata.normalize("NFC", password)}
    with path.open("rb", buffering=0) as file:
        return any(_holds(file, _hash(spelling)) for spelling in spellings)


def _hash(password: str) -> bytes:
    # The set's own choice of a hash; nothing is protected by it.
    plain = hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return plain.hexdigest().upper().encode()


def _holds(file: BinaryIO, wanted: bytes) -> bool:
    """Halves the stretch of the file in which the line must be, until the line is all that is left of it."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while low < high:
        middle = (low + high) // 2
        begin, line = _line_around(file, middle)
        found = line[:_HASH_SIZE].upper()
        if found == wanted:
            return True
        if found < wanted:
            low = begin + len(line) + 1
        else:
            high = begin
    return False


def _line_around(file: BinaryIO, place: int) -> tuple[int, bytes]:
    """The line that the byte at *place* is in, and where it begins; its line feed is its last."""
    start = max(0, place - _STRETCH)
    file.seek(start)
    stretch = file.read(2 * _STRETCH)
    begin = stretch.rfind(b"\n", 0, place - start) + 1
    end = stretch.find(b"\n", place - start)
    return start + begin, stretch[begin : len(stretch) if end < 0 else end]
