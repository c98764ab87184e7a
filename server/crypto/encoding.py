"""Strict Base64: one text for each sequence of bytes, and nothing else is read.

Python's decoders skip what they do not know. Here a text is accepted when encoding its bytes again gives
the same text, so what was signed, hashed or compared has no second spelling.
"""

import base64
import binascii


class InvalidEncoding(ValueError):
    """The text is not the one encoding of any bytes. Says nothing about the text itself."""


def b64url_encode(data: bytes) -> str:
    """The bytes in the URL-safe alphabet without padding: 43 characters for 32 bytes, 86 for 64.

    Source: RFC 4648, section 5; docs/protocol/wire.md, section 2.
    """
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes that `b64url_encode` writes as *text*.

    Raises:
        InvalidEncoding: There is padding, white space, a character outside `A-Z a-z 0-9 - _`, an
            impossible length, or a bit set after the last byte.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise InvalidEncoding("not Base64URL") from None
    if b64url_encode(data) != text:
        raise InvalidEncoding("not canonical Base64URL without padding")
    return data


def b64_encode(data: bytes) -> str:
    """The bytes in the standard alphabet with padding: 88 characters for 64 bytes.

    Source: RFC 4648, section 4; docs/protocol/wire.md, section 2.
    """
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def b64_decode(text: str) -> bytes:
    """The bytes that `b64_encode` writes as *text*, whose padding may be left out as a whole.

    The padding is optional because the protocol's reference server reads keys and signatures without
    it. Two texts can therefore mean the same bytes: compare and store bytes, never the text.

    Raises:
        InvalidEncoding: The padding is partial, too long or not at the end; there is white space, a
            character outside `A-Z a-z 0-9 + /`, an impossible length, or a bit set after the last byte.
    """
    try:
        data = binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except ValueError:
        raise InvalidEncoding("not Base64") from None
    canonical = b64_encode(data)
    if text not in (canonical, canonical.rstrip("=")):
        raise InvalidEncoding("not canonical Base64")
    return data
