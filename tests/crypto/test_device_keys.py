"""Device keys against the vectors, and every second spelling of a key or a signature."""

import base64
from collections.abc import Callable

import nacl.bindings
import nacl.signing
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from server.crypto.device_keys import BadSignature, InvalidDeviceKey, load_device_key, parse_device_key
from server.crypto.encoding import b64_decode
from tests.crypto.der import (
    EC_PUBLIC_KEY,
    ED25519,
    NULL,
    PRIME256V1,
    base64_of,
    bit_string,
    integer,
    oid,
    sequence,
    tlv,
)
from tests.crypto.signed_messages import (
    ED25519_DEVICE,
    P256_DEVICE,
    P256_ORDER,
    Device,
    is_accepted,
    payload_of,
    spki_of,
)
from tests.vectors import REFUSED, VALID, WIRE, Vector

P = 2**256 - 2**224 + 2**192 + 2**96 - 1  # the field of P-256
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
GENERATOR = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)

P256_SPKI = P256_DEVICE.key.spki
P256_POINT = P256_SPKI[26:]
P256_X, P256_Y = P256_POINT[1:33], P256_POINT[33:]
ED25519_SPKI = ED25519_DEVICE.key.spki
ED25519_POINT = ED25519_SPKI[12:]

# RFC 8032's L, and the points of order 1, 2, 4 and 8 in every encoding that a lax reader takes.
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER_POINTS = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


def p256_spki(point: bytes) -> bytes:
    return sequence(sequence(EC_PUBLIC_KEY, PRIME256V1), bit_string(point))


def ed25519_spki(point: bytes) -> bytes:
    return sequence(sequence(ED25519), bit_string(point))


# --- vectors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vector", [vector for vector in VALID if vector.signer != "integration"], ids=lambda vector: vector.id
)
def test_every_signature_of_the_vectors_is_accepted(vector: Vector) -> None:
    key = parse_device_key(vector.public_key)

    key.verify(payload_of(vector.kind, vector.input), vector.signature)

    assert key.algorithm == {"device-p256": "P-256", "device-ed25519": "Ed25519"}[vector.signer]


@pytest.mark.parametrize(
    "vector", [vector for vector in REFUSED if vector.signer != "integration"], ids=lambda vector: vector.id
)
def test_everything_that_the_vectors_refuse_is_refused(vector: Vector) -> None:
    with pytest.raises((InvalidDeviceKey, BadSignature)):
        parse_device_key(vector.public_key).verify(vector.payload.encode(), vector.signature)


def test_the_signature_of_the_wrong_key_is_refused_by_the_signature_too() -> None:
    """The vector holds the integration's raw key; as SPKI it parses, and still does not verify."""
    vector = next(vector for vector in REFUSED if vector.id == "neg-ed25519-wrong-key")
    key = load_device_key(ed25519_spki(bytes.fromhex(WIRE["keys"]["integration"]["publicKeyHex"])))

    assert not is_accepted(key, vector.payload.encode(), vector.signature)


# --- keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", [P256_DEVICE, ED25519_DEVICE], ids=lambda device: device.key.algorithm)
def test_a_key_with_and_without_padding_is_one_key(device: Device) -> None:
    padded = base64_of(device.key.spki)
    assert padded.endswith("=")

    assert parse_device_key(padded) == parse_device_key(padded.rstrip("=")) == device.key
    assert len({parse_device_key(padded), parse_device_key(padded.rstrip("="))}) == 1


def test_a_kept_key_is_parsed_once() -> None:
    spki = spki_of(ec.generate_private_key(ec.SECP256R1()).public_key())
    assert load_device_key(spki) is load_device_key(bytes(bytearray(spki)))


def test_the_two_kinds_of_key_are_never_equal() -> None:
    assert P256_DEVICE.key != ED25519_DEVICE.key
    assert P256_DEVICE.key != P256_SPKI


EXPLICIT_P256 = sequence(
    integer(1),
    sequence(oid("2a8648ce3d0101"), integer(P)),
    sequence(tlv(0x04, A.to_bytes(32, "big")), tlv(0x04, B.to_bytes(32, "big"))),
    tlv(0x04, GENERATOR),
    integer(P256_ORDER),
    integer(1),
)
OFF_CURVE = P256_POINT[:-1] + bytes([P256_POINT[-1] ^ 1])
SIGN = 2 + P256_Y[-1] % 2

SECOND_ENCODINGS = {
    "a compressed point": p256_spki(bytes([SIGN]) + P256_X),
    "a compressed point, stretched to the size": p256_spki(bytes([SIGN]) + P256_X + bytes(32)),
    "a hybrid point": p256_spki(bytes([SIGN + 4]) + P256_X + P256_Y),
    "explicit parameters": sequence(sequence(EC_PUBLIC_KEY, EXPLICIT_P256), bit_string(P256_POINT)),
    "parameters left out": sequence(sequence(EC_PUBLIC_KEY), bit_string(P256_POINT)),
    "parameters NULL": sequence(sequence(EC_PUBLIC_KEY, NULL), bit_string(P256_POINT)),
    "parameters repeated": sequence(sequence(EC_PUBLIC_KEY, PRIME256V1, PRIME256V1), bit_string(P256_POINT)),
    "the outer length in two bytes": tlv(0x30, P256_SPKI[2:], length=b"\x81\x59"),
    "the outer length indefinite": tlv(0x30, P256_SPKI[2:], b"\x00\x00", length=b"\x80"),
    "the inner length in two bytes": sequence(
        tlv(0x30, EC_PUBLIC_KEY, PRIME256V1, length=b"\x81\x13"), bit_string(P256_POINT)
    ),
    "the point's length in two bytes": sequence(
        sequence(EC_PUBLIC_KEY, PRIME256V1), tlv(0x03, b"\x00", P256_POINT, length=b"\x81\x42")
    ),
    "an unused bit": sequence(sequence(EC_PUBLIC_KEY, PRIME256V1), bit_string(P256_POINT, unused_bits=1)),
    "an octet string": sequence(sequence(EC_PUBLIC_KEY, PRIME256V1), tlv(0x04, b"\x00", P256_POINT)),
    "a constructed bit string": sequence(
        sequence(EC_PUBLIC_KEY, PRIME256V1), tlv(0x23, bit_string(P256_POINT))
    ),
    "a byte after": P256_SPKI + b"\x00",
    "a byte after, inside": sequence(sequence(EC_PUBLIC_KEY, PRIME256V1), bit_string(P256_POINT), b"\x00"),
    "a byte missing": P256_SPKI[:-1],
    "the key twice": P256_SPKI * 2,
    "the bare point": P256_POINT,
    "the wrong kind of key for the curve": sequence(
        sequence(oid("2b810401"), PRIME256V1), bit_string(P256_POINT)
    ),
    "a point off the curve": p256_spki(OFF_CURVE),
    "the point at infinity": p256_spki(b"\x00"),
    "the point at infinity, stretched to the size": p256_spki(bytes(65)),
    "the point 0, 0": p256_spki(b"\x04" + bytes(64)),
    "the point -1, -1": p256_spki(b"\x04" + b"\xff" * 64),
    "coordinates exchanged": p256_spki(b"\x04" + P256_Y + P256_X),
    "Ed25519 with parameters NULL": sequence(sequence(ED25519, NULL), bit_string(ED25519_POINT)),
    "Ed25519 with a long length": tlv(0x30, ED25519_SPKI[2:], length=b"\x81\x2a"),
    "Ed25519 with a byte after": ED25519_SPKI + b"\x00",
    "Ed25519 with a byte missing": ED25519_SPKI[:-1],
    "Ed25519 with an unused bit": sequence(sequence(ED25519), bit_string(ED25519_POINT, unused_bits=1)),
    "Ed25519 without a wrapping": ED25519_POINT,
    "Ed25519 under the name of X25519": sequence(sequence(oid("2b656e")), bit_string(ED25519_POINT)),
    "Ed25519 as a point of P-256": p256_spki(ED25519_POINT),
    "nothing": b"",
}


@pytest.mark.parametrize("spki", SECOND_ENCODINGS.values(), ids=SECOND_ENCODINGS.keys())
def test_a_key_has_no_second_encoding(spki: bytes) -> None:
    with pytest.raises(InvalidDeviceKey):
        parse_device_key(base64_of(spki))
    with pytest.raises(InvalidDeviceKey):
        load_device_key(spki)


def test_the_hand_written_encoding_is_otherwise_the_accepted_one() -> None:
    assert p256_spki(P256_POINT) == P256_SPKI
    assert ed25519_spki(ED25519_POINT) == ED25519_SPKI


@pytest.mark.parametrize(
    "generate",
    [
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
        lambda: rsa.generate_private_key(65537, 2048),
        ed448.Ed448PrivateKey.generate,
        x25519.X25519PrivateKey.generate,
    ],
    ids=["P-384", "P-521", "secp256k1", "brainpool", "RSA", "Ed448", "X25519"],
)
def test_another_kind_of_key_is_refused(generate: Callable[[], PrivateKeyTypes]) -> None:
    spki = generate().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidDeviceKey):
        parse_device_key(base64_of(spki))


def test_a_private_key_is_refused() -> None:
    with pytest.raises(InvalidDeviceKey):
        parse_device_key(WIRE["keys"]["device_p256"]["pkcs8Base64"])


@pytest.mark.parametrize("spki", [P256_SPKI, ED25519_SPKI], ids=["P-256", "Ed25519"])
def test_a_key_in_malformed_base64_is_refused(spki: bytes) -> None:
    text = base64_of(spki)
    lines = base64.encodebytes(spki).decode()
    for malformed in (
        "",
        "key",
        f"-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n",
        lines,
        f" {text}",
        f"{text}\n",
        f"{text[:20]} {text[20:]}",
        f"{text}=",
        f"{text[:20]}-{text[21:]}",
        f"{text[:20]}_{text[21:]}",
        f"{text[:20]}é{text[21:]}",
        f"{text[:20]}\ud800{text[21:]}",
        spki.hex(),
    ):
        with pytest.raises(InvalidDeviceKey):
            parse_device_key(malformed)


def test_a_key_with_half_its_padding_or_a_bit_after_its_last_byte_is_refused() -> None:
    text = base64_of(P256_SPKI)
    assert text.endswith("mQ==")

    for malformed in (text[:-1], f"{text[:-4]}mR=="):
        with pytest.raises(InvalidDeviceKey):
            parse_device_key(malformed)


def test_a_coordinate_above_the_field_is_refused() -> None:
    """A small x has room for x + p in its 32 bytes, and lax readers take both for one point."""
    x = next(x for x in range(1, 100) if pow(_right_side(x), (P - 1) // 2, P) == 1)
    y = pow(_right_side(x), (P + 1) // 4, P).to_bytes(32, "big")

    load_device_key(p256_spki(b"\x04" + x.to_bytes(32, "big") + y))
    with pytest.raises(InvalidDeviceKey):
        load_device_key(p256_spki(b"\x04" + (x + P).to_bytes(32, "big") + y))


def _right_side(x: int) -> int:
    return (x**3 + A * x + B) % P


@pytest.mark.parametrize("point", SMALL_ORDER_POINTS)
def test_an_ed25519_key_of_small_order_is_refused(point: str) -> None:
    with pytest.raises(InvalidDeviceKey):
        load_device_key(ed25519_spki(bytes.fromhex(point)))


@pytest.mark.parametrize("small", SMALL_ORDER_POINTS[1:8])
def test_an_ed25519_key_with_a_part_of_small_order_is_refused(small: str) -> None:
    mixed = nacl.bindings.crypto_core_ed25519_add(ED25519_POINT, bytes.fromhex(small))
    with pytest.raises(InvalidDeviceKey):
        load_device_key(ed25519_spki(mixed))


@pytest.mark.parametrize(
    "point",
    [b"\x02" + bytes(31), b"\xff" * 32, (2**255 - 16).to_bytes(32, "little")],
    ids=["off the curve", "all ones", "y above the field"],
)
def test_an_ed25519_key_off_the_curve_or_not_canonical_is_refused(point: bytes) -> None:
    with pytest.raises(InvalidDeviceKey):
        load_device_key(ed25519_spki(point))


@settings(deadline=None)
@given(st.data())
def test_one_changed_byte_never_gives_the_same_key(data: st.DataObject) -> None:
    spki = data.draw(st.sampled_from([P256_SPKI, ED25519_SPKI]))
    position = data.draw(st.integers(0, len(spki) - 1))
    changed = bytearray(spki)
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        key = load_device_key(bytes(changed))
    except InvalidDeviceKey:
        return
    # Half of all y are on Edwards' curve, so a changed one may be somebody else's key.
    assert key.algorithm == "Ed25519"
    assert key != ED25519_DEVICE.key


# --- signatures of P-256 ---------------------------------------------------------------------------

MESSAGE = b"message"
P256_SIGNATURE = P256_DEVICE.sign_bytes(MESSAGE)


def a_signature_with(s: int, *, nonce: int = 1) -> tuple[bytes, int, int]:
    """The SPKI of a key, and the r and s of its valid signature over MESSAGE with this very s."""
    k = ec.derive_private_key(nonce, ec.SECP256R1())
    r = k.public_key().public_numbers().x % P256_ORDER
    digest = Hash(SHA256())
    digest.update(MESSAGE)
    e = int.from_bytes(digest.finalize(), "big")
    d = (s * nonce - e) * pow(r, -1, P256_ORDER) % P256_ORDER
    return spki_of(ec.derive_private_key(d, ec.SECP256R1()).public_key()), r, s


@pytest.mark.parametrize("s", [1, 0x7F, 0x80, 2**248, P256_ORDER // 2 - 1, P256_ORDER // 2])
def test_every_low_s_is_accepted(s: int) -> None:
    spki, r, s = a_signature_with(s)
    load_device_key(spki).verify(MESSAGE, base64_of(encode_dss_signature(r, s)))


@pytest.mark.parametrize("s", [P256_ORDER // 2 + 1, P256_ORDER - 0x80, P256_ORDER - 1])
def test_every_high_s_is_refused_and_its_low_twin_accepted(s: int) -> None:
    spki, r, s = a_signature_with(s)
    key = load_device_key(spki)

    with pytest.raises(BadSignature):
        key.verify(MESSAGE, base64_of(encode_dss_signature(r, s)))
    key.verify(MESSAGE, base64_of(encode_dss_signature(r, P256_ORDER - s)))


# Nine times the generator has an x with its highest bit set, which DER puts a zero before.
SPKI, R, S = a_signature_with(0x17, nonce=9)
FIRST, SECOND = integer(R), integer(S)
SIZE = len(FIRST + SECOND)

LAXITIES = {
    "a long outer length": tlv(0x30, FIRST, SECOND, length=bytes([0x81, SIZE])),
    "a longer outer length": tlv(0x30, FIRST, SECOND, length=bytes([0x82, 0, SIZE])),
    "an indefinite length": tlv(0x30, FIRST, SECOND, b"\x00\x00", length=b"\x80"),
    "a long length of r": sequence(tlv(0x02, b"\x00", R.to_bytes(32, "big"), length=b"\x81\x21"), SECOND),
    "a long length of s": sequence(FIRST, tlv(0x02, b"\x17", length=b"\x81\x01")),
    "a second zero before r": sequence(tlv(0x02, b"\x00\x00", R.to_bytes(32, "big")), SECOND),
    "a zero before s": sequence(FIRST, tlv(0x02, b"\x00\x17")),
    "32 bytes of s": sequence(FIRST, tlv(0x02, S.to_bytes(32, "big"))),
    "r without its zero, hence negative": sequence(tlv(0x02, R.to_bytes(32, "big")), SECOND),
    "r negative": sequence(tlv(0x02, (-R).to_bytes(33, "big", signed=True)), SECOND),
    "s negative": sequence(FIRST, tlv(0x02, b"\xe9")),
    "a byte after": sequence(FIRST, SECOND) + b"\x00",
    "a byte after s": sequence(FIRST, SECOND, b"\x00"),
    "a third integer": sequence(FIRST, SECOND, integer(1)),
    "r alone": sequence(FIRST),
    "no sequence": FIRST + SECOND,
    "a set": tlv(0x31, FIRST, SECOND),
    "a length too great": tlv(0x30, FIRST, SECOND, length=bytes([SIZE + 1])),
    "a length too small": tlv(0x30, FIRST, SECOND, length=bytes([SIZE - 1])),
    "s under the tag of an enumeration": sequence(FIRST, tlv(0x0A, b"\x17")),
    "s empty": sequence(FIRST, tlv(0x02)),
    "r 0": sequence(integer(0), SECOND),
    "s 0": sequence(FIRST, integer(0)),
    "r the order": sequence(integer(P256_ORDER), SECOND),
    "s the order": sequence(FIRST, integer(P256_ORDER)),
    "r and the order added": sequence(integer(R + P256_ORDER), SECOND),
    "s and the order added": sequence(FIRST, integer(S + P256_ORDER)),
    "s of a thousand bytes": sequence(FIRST, integer(1 << 8000)),
    "r and s exchanged": sequence(SECOND, FIRST),
    "raw r and s": R.to_bytes(32, "big") + S.to_bytes(32, "big"),
    "an empty sequence": sequence(),
    "nothing": b"",
}


def test_the_signature_that_the_laxities_are_made_from_is_accepted() -> None:
    load_device_key(SPKI).verify(MESSAGE, base64_of(sequence(FIRST, SECOND)))


@pytest.mark.parametrize("signature", LAXITIES.values(), ids=LAXITIES.keys())
def test_a_signature_has_no_second_encoding(signature: bytes) -> None:
    with pytest.raises(BadSignature):
        load_device_key(SPKI).verify(MESSAGE, base64_of(signature))


# --- signatures of Ed25519 -------------------------------------------------------------------------

ED25519_SIGNATURE = ED25519_DEVICE.sign_bytes(MESSAGE)
COMMITMENT, PROOF = ED25519_SIGNATURE[:32], int.from_bytes(ED25519_SIGNATURE[32:], "little")


MALFORMED_OR_MALLEABLE = {
    "nothing": b"",
    "a byte missing": ED25519_SIGNATURE[:63],
    "a byte after": ED25519_SIGNATURE + b"\x00",
    "the message after": ED25519_SIGNATURE + MESSAGE,
    "of a longer message, with its beginning": ED25519_DEVICE.sign_bytes(b"no " + MESSAGE) + b"no ",
    "halves exchanged": ED25519_SIGNATURE[32:] + ED25519_SIGNATURE[:32],
    "all zero": bytes(64),
    "of P-256": P256_SIGNATURE,
    **{
        f"S and {times} times the order": COMMITMENT + (PROOF + times * ED25519_ORDER).to_bytes(32, "little")
        for times in range(1, 15)
    },
    **{f"R {point}": bytes.fromhex(point) + PROOF.to_bytes(32, "little") for point in SMALL_ORDER_POINTS},
    **{f"R {point} and S 0": bytes.fromhex(point) + bytes(32) for point in SMALL_ORDER_POINTS},
}


@pytest.mark.parametrize("signature", MALFORMED_OR_MALLEABLE.values(), ids=MALFORMED_OR_MALLEABLE.keys())
def test_a_malformed_or_malleable_ed25519_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(BadSignature):
        ED25519_DEVICE.key.verify(MESSAGE, base64_of(signature))


def test_an_ed25519_signature_over_the_empty_message_is_only_that() -> None:
    signature = ED25519_DEVICE.sign(b"")

    ED25519_DEVICE.key.verify(b"", signature)
    assert not is_accepted(ED25519_DEVICE.key, b"\x00", signature)


# --- both ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", [P256_DEVICE, ED25519_DEVICE], ids=lambda device: device.key.algorithm)
def test_a_signature_may_leave_its_padding_out(device: Device) -> None:
    # One DER signature in four is 72 bytes long and needs no padding.
    message, signature = next(
        (message, signature)
        for message in (f"message {number}".encode() for number in range(100))
        if (signature := device.sign(message)).endswith("=")
    )
    device.key.verify(message, signature)
    device.key.verify(message, signature.rstrip("="))


@pytest.mark.parametrize("device", [P256_DEVICE, ED25519_DEVICE], ids=lambda device: device.key.algorithm)
def test_a_signature_in_malformed_base64_is_refused(device: Device) -> None:
    signature = device.sign(MESSAGE)
    for malformed in (
        "",
        " ",
        "=",
        f" {signature}",
        f"{signature}\n",
        f"{signature}=",
        f"{signature[:10]}\n{signature[10:]}",
        f"{signature[:10]}-{signature[11:]}",
        f"{signature[:10]}_{signature[11:]}",
        f"{signature[:10]}é{signature[11:]}",
        f"{signature[:10]}\udfff{signature[11:]}",
        b64_decode(signature).hex(),
    ):
        assert not is_accepted(device.key, MESSAGE, malformed)


@pytest.mark.parametrize("device", [P256_DEVICE, ED25519_DEVICE], ids=lambda device: device.key.algorithm)
def test_another_key_of_the_same_kind_refuses_the_signature(device: Device) -> None:
    signature = device.sign(MESSAGE)
    others = {
        "P-256": spki_of(ec.generate_private_key(ec.SECP256R1()).public_key()),
        "Ed25519": ed25519_spki(bytes(nacl.signing.SigningKey.generate().verify_key)),
    }

    assert device.accepts(MESSAGE, signature)
    for spki in others.values():
        assert not is_accepted(load_device_key(spki), MESSAGE, signature)


@settings(deadline=None)
@given(device=st.sampled_from([P256_DEVICE, ED25519_DEVICE]), data=st.data())
def test_one_changed_bit_of_a_signature_is_refused(device: Device, data: st.DataObject) -> None:
    signature = bytearray(device.sign_bytes(MESSAGE))
    bit = data.draw(st.integers(0, len(signature) * 8 - 1))
    signature[bit // 8] ^= 1 << bit % 8

    assert not is_accepted(device.key, MESSAGE, base64_of(bytes(signature)))


@settings(deadline=None)
@given(device=st.sampled_from([P256_DEVICE, ED25519_DEVICE]), signature=st.text(max_size=100))
def test_any_text_is_refused_and_nothing_else_is_raised(device: Device, signature: str) -> None:
    assert not is_accepted(device.key, MESSAGE, signature)


@settings(deadline=None)
@given(device=st.sampled_from([P256_DEVICE, ED25519_DEVICE]), signature=st.binary(max_size=80))
def test_any_bytes_are_refused_and_nothing_else_is_raised(device: Device, signature: bytes) -> None:
    assert not is_accepted(device.key, MESSAGE, base64_of(signature))


@settings(deadline=None)
@given(st.one_of(st.text(max_size=130), st.binary(max_size=100).map(base64_of)))
def test_any_text_that_is_no_key_is_refused_and_nothing_else_is_raised(text: str) -> None:
    with pytest.raises(InvalidDeviceKey):
        parse_device_key(text)
