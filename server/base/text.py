"""What may stand in a text that a person reads on a phone, and how long a text is on the wire."""

import re

_UNSHOWABLE_EXCEPT_NEWLINE = (
    r"\x00-\x09\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls: UAX #9, section 2
    r"\u2028\u2029"  # line and paragraph separators
    r"\ud800-\udfff"  # halves of surrogate pairs, which have no UTF-8 form
    r"\ufdd0-\ufdef"  # noncharacters, and the last two of every plane
    + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(17))
)
_UNSHOWABLE_IN_LINES = re.compile(f"[{_UNSHOWABLE_EXCEPT_NEWLINE}]")
_UNSHOWABLE_IN_A_LINE = re.compile(rf"[\n{_UNSHOWABLE_EXCEPT_NEWLINE}]")


def is_showable(text: str, *, multiline: bool) -> bool:
    """Whether *text* looks to its reader like what was signed, and cannot pass for something else.

    False when it holds a control character, a bidirectional control (which can show "1000 EUR" for
    "0001 EUR"), a separator that breaks lines, half a surrogate pair, or a noncharacter. Joiners and
    variation selectors are kept: emoji and several scripts need them.

    Args:
        text: Any text; it is not normalised here.
        multiline: Whether LINE FEED is allowed. CARRIAGE RETURN and TAB never are.

    Source: docs/protocol/wire.md, section 0.4; Unicode Technical Report #36, section 2.5.
    """
    unshowable = _UNSHOWABLE_IN_LINES if multiline else _UNSHOWABLE_IN_A_LINE
    return unshowable.search(text) is None


def one_line(text: str) -> str:
    """*text* in one line: what `is_showable` refuses of a line, and each run of white space, is one space."""
    return " ".join(_UNSHOWABLE_IN_A_LINE.sub(" ", text).split())


def utf16_length(text: str) -> int:
    """How many UTF-16 code units *text* has: most emoji count 2, as the protocol's clients count them.

    Source: docs/protocol/wire.md, section 3.2.
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
