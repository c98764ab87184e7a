import hashlib
import hmac
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.crypto.sealing import CannotOpen, KeyRing, Keys

OLD, NEW = "00" * 8, "ab" * 8
OLD_KEYS = Keys(OLD, {OLD: b"o" * 32})
BOTH_KEYS = Keys(NEW, {OLD: b"o" * 32, NEW: b"n" * 32})
NEW_KEYS = Keys(NEW, {NEW: b"n" * 32})


class Source:
    """Keys that a test changes under the ring, and how often they were asked for."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.asked = 0

    def __call__(self) -> Keys:
        """The keys of this moment."""
        self.asked += 1
        return self.keys


def a_ring(keys: Keys = OLD_KEYS) -> KeyRing:
    return KeyRing(Source(keys))


@settings(deadline=None)
@given(st.binary(max_size=100), st.text(max_size=20))
def test_what_was_sealed_opens_for_its_purpose(plaintext: bytes, purpose: str) -> None:
    ring = a_ring()
    envelope = ring.seal(plaintext, purpose)

    assert ring.open(envelope, purpose) == plaintext
    assert len(envelope) == len(plaintext) + 49


def test_an_envelope_begins_with_its_version_and_its_key_and_hides_the_rest() -> None:
    envelope = a_ring(BOTH_KEYS).seal(b"the secret itself", "the purpose")

    assert envelope[:9] == b"\x01" + bytes.fromhex(NEW)
    assert KeyRing.key_id_of(envelope) == NEW
    assert envelope.startswith(KeyRing.envelope_prefix(NEW))
    assert not envelope.startswith(KeyRing.envelope_prefix(OLD))
    assert b"secret" not in envelope
    assert b"purpose" not in envelope


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    ring = a_ring()
    assert len({ring.seal(b"secret", "purpose") for _ in range(50)}) == 50


@pytest.mark.parametrize("purpose", ["", "purpose ", "Purpose", "purpose:2"])
def test_an_envelope_does_not_open_for_another_purpose(purpose: str) -> None:
    ring = a_ring()
    envelope = ring.seal(b"secret", "purpose")

    with pytest.raises(CannotOpen):
        ring.open(envelope, purpose)


def test_a_flipped_bit_anywhere_is_refused() -> None:
    """Version, key id, nonce, ciphertext and tag: every bit of each."""
    ring = a_ring(BOTH_KEYS)
    envelope = ring.seal(b"secret", "purpose")

    for bit in range(len(envelope) * 8):
        changed = bytearray(envelope)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CannotOpen):
            ring.open(bytes(changed), "purpose")


def test_an_envelope_cut_short_or_extended_is_refused() -> None:
    ring = a_ring()
    envelope = ring.seal(b"secret", "purpose")

    for changed in (*(envelope[:size] for size in range(len(envelope))), envelope + b"\x00"):
        with pytest.raises(CannotOpen):
            ring.open(changed, "purpose")


def test_the_id_of_another_known_key_does_not_open_the_envelope() -> None:
    ring = a_ring(BOTH_KEYS)
    envelope = ring.seal(b"secret", "purpose")

    with pytest.raises(CannotOpen):
        ring.open(envelope[:1] + bytes.fromhex(OLD) + envelope[9:], "purpose")


@pytest.mark.parametrize("envelope", [b"", b"\x01", bytes(49), b"\x02" + bytes(48), b"\x01" + bytes(47)])
def test_what_is_no_envelope_names_no_key(envelope: bytes) -> None:
    with pytest.raises(CannotOpen):
        KeyRing.key_id_of(envelope)


def test_a_key_that_was_added_elsewhere_is_found_by_asking_again() -> None:
    source = Source(OLD_KEYS)
    ring = KeyRing(source)
    envelope = a_ring(BOTH_KEYS).seal(b"secret", "purpose")
    source.keys = BOTH_KEYS

    assert ring.open(envelope, "purpose") == b"secret"
    assert ring.current_id == NEW
    assert source.asked == 2


def test_the_source_is_asked_once_for_an_unknown_key_and_never_for_a_known_one() -> None:
    source = Source(OLD_KEYS)
    ring = KeyRing(source)
    known = ring.seal(b"secret", "purpose")
    unknown = a_ring(BOTH_KEYS).seal(b"secret", "purpose")

    ring.open(known, "purpose")
    assert source.asked == 1
    with pytest.raises(CannotOpen, match=NEW):
        ring.open(unknown, "purpose")
    assert source.asked == 2


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens() -> None:
    source = Source(OLD_KEYS)
    ring = KeyRing(source)
    before = ring.seal(b"secret", "purpose")

    source.keys = BOTH_KEYS
    ring.reload()
    after = ring.seal(ring.open(before, "purpose"), "purpose")

    assert (KeyRing.key_id_of(before), KeyRing.key_id_of(after)) == (OLD, NEW)
    assert ring.open(after, "purpose") == b"secret"


def test_a_key_that_was_removed_no_longer_opens() -> None:
    source = Source(BOTH_KEYS)
    ring = KeyRing(source)
    sealed_before = a_ring(OLD_KEYS).seal(b"secret", "purpose")
    assert ring.open(sealed_before, "purpose") == b"secret"

    source.keys = NEW_KEYS
    ring.reload()

    with pytest.raises(CannotOpen, match=OLD):
        ring.open(sealed_before, "purpose")


def test_a_source_that_fails_leaves_the_keys_as_they_were() -> None:
    source = Source(OLD_KEYS)
    ring = KeyRing(source)
    envelope = ring.seal(b"secret", "purpose")
    unknown = a_ring(NEW_KEYS).seal(b"secret", "purpose")
    del source.keys

    with pytest.raises(AttributeError):
        ring.open(unknown, "purpose")
    assert ring.open(envelope, "purpose") == b"secret"


@pytest.mark.parametrize(
    "keys",
    [
        lambda: Keys(NEW, {OLD: bytes(32)}),
        lambda: Keys(OLD, {}),
        lambda: Keys(OLD, {OLD: bytes(31)}),
        lambda: Keys("00", {"00": bytes(32)}),
        lambda: Keys(NEW.upper(), {NEW.upper(): bytes(32)}),
        lambda: Keys(NEW, {NEW: bytes(32), "../../etc/passwd": bytes(32)}),
    ],
)
def test_keys_that_make_no_ring_are_refused(keys: Callable[[], Keys]) -> None:
    with pytest.raises(ValueError, match="key"):
        keys()


def test_keys_are_not_shown() -> None:
    assert "ooo" not in repr(OLD_KEYS)
    assert "ooo" not in repr(a_ring())


@settings(deadline=None)
@given(st.text(max_size=50), st.text(max_size=20))
def test_a_keyed_digest_is_that_of_its_text_and_purpose(text: str, purpose: str) -> None:
    ring = a_ring()
    kept = ring.keyed_digest(text, purpose)

    assert len(kept) == 40
    assert kept == ring.keyed_digest(text, purpose)
    assert ring.is_keyed_digest_of(kept, text, purpose)
    assert not ring.is_keyed_digest_of(kept, f"{text}0", purpose)
    assert not ring.is_keyed_digest_of(kept, text, f"{purpose}0")


def test_a_keyed_digest_cannot_be_made_without_the_key() -> None:
    kept = a_ring(OLD_KEYS).keyed_digest("123456", "code")
    others = Keys(OLD, {OLD: b"x" * 32})

    assert kept[:8] == bytes.fromhex(OLD)
    assert kept[8:] not in {hashlib.sha256(b"123456").digest(), hmac.digest(b"o" * 32, b"123456", "sha256")}
    assert not a_ring(others).is_keyed_digest_of(kept, "123456", "code")


def test_where_the_purpose_ends_and_the_text_begins_is_part_of_the_digest() -> None:
    ring = a_ring()
    assert (
        len({ring.keyed_digest(text, purpose) for text, purpose in (("ab", ""), ("b", "a"), ("", "ab"))}) == 3
    )


@pytest.mark.parametrize("text", ["\ud800", "\x00", ""])
def test_every_text_has_a_keyed_digest(text: str) -> None:
    ring = a_ring()
    assert ring.is_keyed_digest_of(ring.keyed_digest(text, "code"), text, "code")


def test_a_flipped_bit_of_a_keyed_digest_is_another_one() -> None:
    ring = a_ring(BOTH_KEYS)
    kept = ring.keyed_digest("123456", "code")

    for bit in range(len(kept) * 8):
        changed = bytearray(kept)
        changed[bit // 8] ^= 1 << bit % 8
        assert not ring.is_keyed_digest_of(bytes(changed), "123456", "code")
    for size in (0, 8, 39):
        assert not ring.is_keyed_digest_of(kept[:size], "123456", "code")
    assert not ring.is_keyed_digest_of(kept + b"\x00", "123456", "code")


def test_a_keyed_digest_outlives_a_new_key_and_not_the_removal_of_its_own() -> None:
    source = Source(OLD_KEYS)
    ring = KeyRing(source)
    kept = ring.keyed_digest("123456", "code")

    source.keys = BOTH_KEYS
    ring.reload()
    assert ring.is_keyed_digest_of(kept, "123456", "code")
    assert ring.keyed_digest("123456", "code") != kept

    source.keys = NEW_KEYS
    ring.reload()
    assert not ring.is_keyed_digest_of(kept, "123456", "code")


def test_a_keyed_digest_under_a_key_that_was_added_elsewhere_is_recognised() -> None:
    source = Source(OLD_KEYS)
    ring = KeyRing(source)
    kept = a_ring(BOTH_KEYS).keyed_digest("123456", "code")
    source.keys = BOTH_KEYS

    assert ring.is_keyed_digest_of(kept, "123456", "code")
    assert source.asked == 2
