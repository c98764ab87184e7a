"""Secrets at rest: authenticated encryption under a key that is named in the envelope.

    envelope = version (1 byte, 01) ‖ key id (8) ‖ nonce (24) ‖ ciphertext and tag (length of plaintext + 16)

XChaCha20-Poly1305 with a random nonce. The purpose is authenticated with the text, so an envelope taken from
one place of the database opens nowhere else. Many keys open, one seals; `key_file` says how they change.

What is only recognised, and is too short for a plain digest to hide, is kept as a digest under such a key:

    keyed digest = key id (8) ‖ HMAC-SHA256 (32)

Source: draft-irtf-cfrg-xchacha-03, section 2; RFC 2104.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nacl.exceptions import CryptoError
from nacl.secret import Aead

KEY_SIZE = Aead.KEY_SIZE

_VERSION = b"\x01"
_KEY_ID_SIZE = 8
_HEADER_SIZE = len(_VERSION) + _KEY_ID_SIZE
_LEAST_SIZE = _HEADER_SIZE + Aead.NONCE_SIZE + Aead.MACBYTES
_DIGEST_SIZE = _KEY_ID_SIZE + 32
_DIGEST_LABEL = b"countersign keyed digest 1"
_KEY_ID = re.compile(r"[0-9a-f]{16}")


class CannotOpen(Exception):
    """The envelope is malformed, changed, of another purpose, or its key is not there."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of an instance at one moment.

    Args:
        current: The id of the key that seals; one of *keys*.
        keys: Each key, 32 bytes, by its id of 16 lower-case hex digits. Not shown by `repr`.

    Raises:
        ValueError: The current key is missing, or an id or a key is not of its shape.
    """

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        for key_id, key in self.keys.items():
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError("a key id is not 16 lower-case hex digits")
            if len(key) != KEY_SIZE:
                raise ValueError(f"the key {key_id} is not {KEY_SIZE} bytes")
        if self.current not in self.keys:
            raise ValueError("the current key is not among the keys")


class KeyRing:
    """Seals under the current key, opens under any.

    Args:
        source: Gives the keys. It is asked at once, by `reload`, and whenever an envelope names a key that
            is not known yet: another process may have added it a moment ago. What it raises passes through.
    """

    def __init__(self, source: Callable[[], Keys]) -> None:
        self._source = source
        self._loaded = _load(source)

    @property
    def current_id(self) -> str:
        """The id of the key that seals: 16 hex digits."""
        return self._loaded.current_id

    def reload(self) -> None:
        """The keys are those that the source gives now; a key that it no longer gives is forgotten."""
        self._loaded = _load(self._source)

    def seal(self, plaintext: bytes, purpose: str) -> bytes:
        """An envelope that opens to *plaintext* for this purpose only; 49 bytes longer than it.

        Args:
            plaintext: Any bytes. The envelope shows how many they are.
            purpose: What the secret is and whose, such as `auth_attempts.challenge:42`. Not in the envelope.
        """
        loaded = self._loaded
        box = loaded.boxes[loaded.current_id]
        return _VERSION + bytes.fromhex(loaded.current_id) + box.encrypt(plaintext, purpose.encode())

    def open(self, envelope: bytes, purpose: str) -> bytes:
        """What was sealed for *purpose*.

        Raises:
            CannotOpen: The envelope is malformed or changed, was sealed for another purpose, or its key is
                not among those of the source, which was asked again.
        """
        key_id = self.key_id_of(envelope)
        if key_id not in self._loaded.boxes:
            self.reload()
        box = self._loaded.boxes.get(key_id)
        if box is None:
            raise CannotOpen(f"there is no key {key_id}")
        try:
            return box.decrypt(envelope[_HEADER_SIZE:], purpose.encode())
        except CryptoError:
            raise CannotOpen("the envelope was changed, or sealed for another purpose") from None

    def keyed_digest(self, text: str, purpose: str) -> bytes:
        """The 40 bytes that are kept of a short secret, such as a code of six digits, for this purpose.

        Whoever has the database and not the keys cannot find the text by trying them all. The same text
        and purpose give the same digest until the current key changes.

        Args:
            text: What will be recognised.
            purpose: What it is for and whose, such as `second_factor_code:<realm>:<person>`.
        """
        loaded = self._loaded
        key_id = loaded.current_id
        return bytes.fromhex(key_id) + _keyed_digest(loaded.digest_keys[key_id], text, purpose)

    def is_keyed_digest_of(self, kept: bytes, text: str, purpose: str) -> bool:
        """Whether *kept* is the keyed digest of *text* for this purpose; False as well if its key is gone.

        The time taken does not depend on how much of it is right.
        """
        if len(kept) != _DIGEST_SIZE:
            return False
        key_id = kept[:_KEY_ID_SIZE].hex()
        if key_id not in self._loaded.digest_keys:
            self.reload()
        key = self._loaded.digest_keys.get(key_id)
        return key is not None and hmac.compare_digest(kept[_KEY_ID_SIZE:], _keyed_digest(key, text, purpose))

    @staticmethod
    def key_id_of(envelope: bytes) -> str:
        """The id of the key that *envelope* names. It is not authenticated until `open` has used it.

        Raises:
            CannotOpen: It is not an envelope of this version.
        """
        if len(envelope) < _LEAST_SIZE or not envelope.startswith(_VERSION):
            raise CannotOpen("not an envelope")
        return envelope[len(_VERSION) : _HEADER_SIZE].hex()

    @staticmethod
    def envelope_prefix(key_id: str) -> bytes:
        """The bytes with which every envelope begins that was sealed under this key: version and key id."""
        return _VERSION + bytes.fromhex(key_id)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One answer of the source, replaced as a whole so that a thread never sees half of another."""

    current_id: str
    boxes: Mapping[str, Aead] = field(repr=False)
    digest_keys: Mapping[str, bytes] = field(repr=False)


def _load(source: Callable[[], Keys]) -> _Loaded:
    keys = source()
    return _Loaded(
        keys.current,
        {key_id: Aead(key) for key_id, key in keys.keys.items()},
        # A key of its own for the other purpose, from which the sealing one cannot be found.
        {key_id: hmac.digest(key, _DIGEST_LABEL, "sha256") for key_id, key in keys.keys.items()},
    )


def _keyed_digest(key: bytes, text: str, purpose: str) -> bytes:
    named = purpose.encode()
    # The length first, so that no other pair of purpose and text is the same message.
    message = len(named).to_bytes(4) + named + text.encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, "sha256")
