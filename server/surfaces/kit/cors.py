"""Which scripts of web pages may call a surface: those of origins that somebody here allows.

Source: Fetch Standard, section 3.2 (CORS protocol).
"""

from dataclasses import dataclass

from server.core.work import Action

MAX_AGE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Cors:
    """What a surface lets scripts of other origins do. Credentials of the browser are never let in.

    Args:
        is_allowed: Whether anybody here allows an origin; a preflight does not say whose key will come.
        headers: Those that a request may carry.
        exposed: Those of an answer that scripts may read.
    """

    is_allowed: Action[str, bool]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
