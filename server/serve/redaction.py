"""What never shows in a log: values whose names sound secret, and texts that have a secret's shape."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from structlog.typing import EventDict, WrappedLogger

from server.base.secret import Secret

HIDDEN: Final = "(hidden)"

_SECRET_NAME: Final = re.compile(
    r"authorization|cookie|token|secret|password|passwd|challenge|signature|private|skey|okey|credential|proof",
    re.IGNORECASE,
)
# Shapes that are secret wherever they stand, in a message or a traceback too: API secrets and keys, tokens of
# sessions and sign-ins, proof tokens (docs/protocol/wire.md, 2), and the user part of a URL.
_SECRET_SHAPE: Final = re.compile(
    r"ezkey_[so]key_[\w-]+"
    r"|(?:pk_live_[0-9a-f]{16}|mgmt|rt|mfa_tmp)_[\w-]{43}"
    r"|eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*"
    r"|(?<![\w-])[\w-]{43}\.(?:[\w-]{1,32}\.)?[\w-]{22}(?![\w-])"
    r"|(?<=://)[^/\s@\"']*:[^/\s@\"']*(?=@)"
)
# The same, quick to say no: a text that each begins with, or holds, and a pattern that begins with it.
_PERHAPS_SECRET: Final = (
    ("ezkey_", re.compile(r"ezkey_[so]key_")),
    ("pk_live_", re.compile(r"pk_live_[0-9a-f]{16}_[\w-]{43}")),
    ("mgmt_", re.compile(r"mgmt_[\w-]{43}")),
    ("rt_", re.compile(r"rt_[\w-]{43}")),
    ("mfa_tmp_", re.compile(r"mfa_tmp_[\w-]{43}")),
    ("eyJ", re.compile(r"eyJ[\w-]+\.eyJ")),
    (".", re.compile(r"\.(?<=[\w-]{43}.)(?:[\w-]{1,32}\.)?[\w-]{22}")),
    ("://", re.compile(r"://[^/\s@]*@")),
)
_MAX_DEPTH: Final = 6
_PLAIN: Final = frozenset({str, int, float})


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """No member whose name sounds secret keeps its value, at any depth; nothing in it is a `Secret`."""
    return {_name(key): _visible(_name(key), value, 0) for key, value in event.items()}


def mask_secrets(text: str) -> str:
    """*text* without what has the shape of a secret: keys, tokens, users of URLs."""
    for mark, shape in _PERHAPS_SECRET:
        if mark in text and shape.search(text):
            return _SECRET_SHAPE.sub(HIDDEN, text)
    return text


def _visible(name: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if _sounds_secret(name) or isinstance(value, Secret):
        return HIDDEN
    if type(value) in _PLAIN:  # nearly every member of nearly every line
        return value
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _visible_inside(value, depth + 1)
    return value


def _visible_inside(
    value: Mapping[object, object] | list[object] | tuple[object, ...] | set[object] | frozenset[object],
    depth: int,
) -> object:
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {_name(key): _visible(_name(key), member, depth) for key, member in value.items()}
    return [_visible("", member, depth) for member in value]


def _name(key: object) -> str:
    return key if isinstance(key, str) else str(key)


@lru_cache(maxsize=1024)
def _sounds_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None
