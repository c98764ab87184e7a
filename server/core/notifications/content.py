"""What a message says, sealed: links and codes are in it."""

import json
from dataclasses import asdict
from uuid import UUID

from server.crypto.sealing import CannotOpen, KeyRing
from server.outbound.rendering import Content

PURPOSE = "outbox_messages.content"


def sealed_content(keys: KeyRing, message_id: UUID, content: Content) -> bytes:
    """*content* as the row of this message keeps it."""
    return keys.seal(json.dumps(asdict(content)).encode(), f"{PURPOSE}:{message_id}")


def opened_content(keys: KeyRing, message_id: UUID, sealed: bytes | None) -> Content | None:
    """What the message says; None if it was forgotten, or the key is gone that it was sealed with."""
    if sealed is None:
        return None
    try:
        return Content(**json.loads(keys.open(sealed, f"{PURPOSE}:{message_id}")))
    except CannotOpen:
        return None
