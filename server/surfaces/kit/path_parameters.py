"""What may stand in a path where a route has a parameter: for each kind a pattern, a reading, a schema.

A text that does not match is no such path: it is answered 404, as any other unknown path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from server.base.ids import MAX_SMALL_ID

MAX_TEXT_CHARACTERS = 128

_SMALL_ID_PATTERN = (
    "(?:[1-9][0-9]{0,8}|1[0-9]{9}|20[0-9]{8}|21[0-3][0-9]{7}|214[0-6][0-9]{6}|2147[0-3][0-9]{5}"
    "|21474[0-7][0-9]{4}|214748[0-2][0-9]{3}|2147483[0-5][0-9]{2}|21474836[0-3][0-9]|214748364[0-7])"
)
_TEXT_PATTERN = f"[A-Za-z0-9_.~-]{{1,{MAX_TEXT_CHARACTERS}}}"


@dataclass(frozen=True, slots=True)
class ParameterKind:
    """One kind of parameter.

    Args:
        pattern: What a segment must match, whole.
        read: The value of a segment that does.
        schema: The value as JSON schema.
    """

    pattern: str
    read: Callable[[str], Any]
    schema: Mapping[str, object]


KINDS: Mapping[str, ParameterKind] = {
    # 1 to 2147483647, without leading zeros.
    "int32": ParameterKind(
        _SMALL_ID_PATTERN,
        int,
        {"type": "integer", "format": "int32", "minimum": 1, "maximum": MAX_SMALL_ID},
    ),
    # An id such as `usr_` and 26 characters, or the name that a thing has.
    "text": ParameterKind(
        _TEXT_PATTERN,
        str,
        {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARACTERS},
    ),
}
