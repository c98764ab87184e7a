"""Base64 as the protocol writes it: one text for one value, anything else refused.

Source: docs/protocol/wire.md, section 2; RFC 4648, sections 3.5, 4 and 5.
"""

import base64
import binascii


class InvalidEncoding(ValueError):
    """The text is not the one canonical encoding of any bytes."""


def b64url_encode(data: bytes) -> str:
    """The URL-safe Base64 of *data*, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes whose unpadded URL-safe Base64 is exactly *text*.

    Raises:
        InvalidEncoding: Padding, whitespace, a character of the standard alphabet, or bits left over.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding("not URL-safe Base64") from error
    if b64url_encode(data) != text:
        raise InvalidEncoding("not URL-safe Base64 without padding, in its canonical form")
    return data


def b64_encode(data: bytes) -> str:
    """The standard Base64 of *data*, padded."""
    return base64.b64encode(data).decode("ascii")


def b64_decode(text: str) -> bytes:
    """The bytes whose padded standard Base64 is exactly *text*.

    Raises:
        InvalidEncoding: Missing padding, whitespace, a character of the URL-safe alphabet, or bits left over.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding("not standard Base64") from error
    if b64_encode(data) != text:
        raise InvalidEncoding("not standard Base64 in its canonical form")
    return data
