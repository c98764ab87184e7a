"""The JSON that an application keeps with each of its people."""

import json
from collections.abc import Mapping

from server.base.errors import InvalidFields

MAX_METADATA_BYTES = 16_384


def merged(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """*old* with the keys of *new*, without those that are null there. Source: RFC 7396, top level only."""
    return {key: value for key, value in {**old, **new}.items() if value is not None or key not in new}


def metadata_json(metadata: Mapping[str, object]) -> str:
    """*metadata* as JSON text that the database takes: at most 16 KiB.

    Raises:
        InvalidFields: It is longer, or holds U+0000, half a surrogate pair or a number that JSON has not;
            the field is `metadata`.
    """
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (ValueError, RecursionError):
        raise InvalidFields(fields={"metadata": "must be a JSON object"}) from None
    if size > MAX_METADATA_BYTES:
        raise InvalidFields(fields={"metadata": f"must be at most {MAX_METADATA_BYTES} bytes of JSON"})
    if r"\u0000" in text.replace(r"\\", ""):
        raise InvalidFields(fields={"metadata": "must not contain U+0000"})
    return text
