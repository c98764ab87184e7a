"""How ids are made and written.

On the Ezkey wire an id is a positive int32 and random, so nothing can be learnt or attacked by counting
(docs/protocol/wire.md, section 0.10). Uniqueness is the table's; a taken number is drawn again.
"""

import os
import secrets

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
