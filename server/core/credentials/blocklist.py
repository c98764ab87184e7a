"""Passwords that would be guessed first: the most common ones, and those made of what everybody knows."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

# A password must have as many characters of its own beside a known word.
_OWN_CHARACTERS = 4
_SHORTEST_WORD = 4
_COMMON = Path(__file__).with_name("common_passwords.txt")


@cache
def _common_passwords() -> frozenset[str]:
    lines = _COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))


def is_common(password: str) -> bool:
    """Whether the whole password, in any casing, is one of the common ones that come with the product."""
    return unicodedata.normalize("NFC", password).lower() in _common_passwords()


def is_made_of(password: str, words: Iterable[str]) -> bool:
    """Whether hardly anything is left of the password without one of *words*, or it is a part of one.

    Only letters and digits count, in any casing: `Jane.Doe-1` is `janedoe1`. Of an e-mail address each side
    counts, and the whole. What has fewer than four letters and digits is passed over.
    """
    bare = _bare(password)
    return any(_is_about(bare, word) for word in _parts(words))


def _is_about(bare: str, word: str) -> bool:
    if word in bare:
        return len(bare.replace(word, "")) < _OWN_CHARACTERS
    return len(bare) >= _SHORTEST_WORD and bare in word


def _parts(words: Iterable[str]) -> set[str]:
    """Each word as a whole, its sides of `@` and blanks, and a domain up to its first dot."""
    parts: set[str] = set()
    for word in words:
        parts.update((word, *re.split(r"[@\s]", word), word.rpartition("@")[2].partition(".")[0]))
    return {bare for bare in map(_bare, parts) if len(bare) >= _SHORTEST_WORD}


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())
