"""How ids are made and written.

On the Ezkey wire an id is a positive int32 and random, so nothing can be learnt or attacked by counting
(docs/protocol/wire.md, section 0.10). Uniqueness is the table's; a taken number is drawn again.
"""

import secrets
import uuid

MAX_SMALL_ID = 2**31 - 1


def new_small_id() -> int:
    """A random id between 1 and 2**31 - 1."""
    return secrets.randbelow(MAX_SMALL_ID) + 1


def new_request_id() -> str:
    """The id under which one request is logged, answered and audited: a UUID in text form."""
    return str(uuid.uuid4())
