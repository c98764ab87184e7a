"""DER written by hand, and a little wrong on purpose: what the tests of device keys are made from."""

import base64


def tlv(tag: int, *contents: bytes, length: bytes | None = None) -> bytes:
    """One element; *length* replaces the length that DER would give it."""
    content = b"".join(contents)
    return bytes([tag]) + (der_length(len(content)) if length is None else length) + content


def der_length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def sequence(*contents: bytes) -> bytes:
    return tlv(0x30, *contents)


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def bit_string(content: bytes, *, unused_bits: int = 0) -> bytes:
    return tlv(0x03, bytes([unused_bits]), content)


def oid(hexadecimal: str) -> bytes:
    return tlv(0x06, bytes.fromhex(hexadecimal))


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


NULL = b"\x05\x00"
EC_PUBLIC_KEY = oid("2a8648ce3d0201")
PRIME256V1 = oid("2a8648ce3d030107")
ED25519 = oid("2b6570")
