"""How ids are made and written.

Most things have a random UUID, which each surface writes in its own way: Protekt as `usr_` and 26 characters
of Crockford's Base32. On the Ezkey wire an id is a positive int32 and random, so nothing can be learnt or
attacked by counting (docs/protocol/wire.md, section 0.10); uniqueness is the table's, and a taken number is
drawn again.
"""

import os
import re
import secrets
from uuid import UUID, uuid4

MAX_SMALL_ID = 2**31 - 1

_VERSION_AND_VARIANT = 0x4 << 76 | 0x2 << 62
_RANDOM_BITS = (1 << 128) - 1 ^ (0xF << 76 | 0x3 << 62)


def new_small_id() -> int:
    """A random id between 1 and 2**31 - 1."""
    return secrets.randbelow(MAX_SMALL_ID) + 1


def new_request_id() -> str:
    """The id under which one request is logged, answered and audited: a random UUID in text form.

    Source: RFC 9562, section 5.4.
    """
    # `uuid.uuid4` would make the same of them, at five times the price.
    text = f"{int.from_bytes(os.urandom(16)) & _RANDOM_BITS | _VERSION_AND_VARIANT:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
# The same digits as Python writes them in base 32.
_TO_BASE_32 = str.maketrans(_CROCKFORD, "0123456789abcdefghijklmnopqrstuv")
_UID_DIGITS = 26
_UID = re.compile(rf"[0-7][{_CROCKFORD}]{{{_UID_DIGITS - 1}}}")


def new_uid() -> UUID:
    """A random id of 122 bits. It is no secret. Source: RFC 9562, section 5.4."""
    return uuid4()


def public_id(prefix: str, uid: UUID) -> str:
    """*uid* as callers see it: *prefix*, `_` and 26 characters of lower-case Crockford Base32."""
    number, digits = uid.int, []
    for _ in range(_UID_DIGITS):
        number, value = divmod(number, len(_CROCKFORD))
        digits.append(_CROCKFORD[value])
    return f"{prefix}_{''.join(reversed(digits))}"


def uid_of(prefix: str, text: str) -> UUID | None:
    """The uid that `public_id` wrote as *text* with this prefix; None if it wrote no such text.

    Each uid has one text: capitals and letters that look like digits are not read.
    """
    head, _, encoded = text.partition("_")
    if head != prefix or not _UID.fullmatch(encoded):
        return None
    return UUID(int=int(encoded.translate(_TO_BASE_32), len(_CROCKFORD)))
