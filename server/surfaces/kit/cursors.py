"""Where a page of a long list went on, as callers carry it from one request to the next.

A cursor is `cur_` and a sealed place. Nobody can read or make one, and it opens for its own list only: one
caller's list of one kind.
"""

from server.base.errors import InvalidFields
from server.crypto.encoding import InvalidEncoding, b64url_decode, b64url_encode
from server.crypto.sealing import CannotOpen
from server.surfaces.kit.exchange import current_exchange

_BEGINNING = "cur_"
_PURPOSE = "cursor"
_SIZE = 8


def cursor_of(place: int, of: str) -> str:
    """The cursor that goes on at *place*.

    Args:
        place: Where a page ended, as its action says.
        of: Which list, and whose, such as `projects:42`.
    """
    envelope = current_exchange().core.keys.seal(place.to_bytes(_SIZE), f"{_PURPOSE}:{of}")
    return _BEGINNING + b64url_encode(envelope)


def place_of(cursor: str | None, of: str) -> int | None:
    """Where *cursor* goes on; None for the beginning, where there is no cursor.

    Raises:
        InvalidFields: It is not one that was given for this list.
    """
    if cursor is None:
        return None
    sealed = cursor.removeprefix(_BEGINNING) if cursor.startswith(_BEGINNING) else ""
    try:
        place = current_exchange().core.keys.open(b64url_decode(sealed), f"{_PURPOSE}:{of}")
    except (InvalidEncoding, CannotOpen) as cause:
        raise InvalidFields(fields={"cursor": "was not given for this list"}) from cause
    return int.from_bytes(place)
