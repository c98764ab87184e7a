"""What a project's members may be. Refusals name them as the Protekt document does."""

from collections.abc import Sequence

from server.base.errors import InvalidFields
from server.base.urls import is_bare_origin, is_redirect_target, origin_of

MAX_ORIGINS = 100
LEAST_ACCESS_SECONDS, MOST_ACCESS_SECONDS = 60, 86_400
LEAST_SESSION_SECONDS, MOST_SESSION_SECONDS = 300, 31_536_000


def origins_of(entries: Sequence[str]) -> tuple[str, ...]:
    """*entries* as browsers write origins, each once.

    Raises:
        InvalidFields: One is not `https://host` or `https://host:port` (http on a loopback host), or there
            are more than 100; the field is `allowed_origins`. `*` is none: it would let every page in.
    """
    if len(entries) > MAX_ORIGINS:
        raise InvalidFields(fields={"allowed_origins": f"must have at most {MAX_ORIGINS} items"})
    origins = [origin_of(entry) if is_bare_origin(entry) else None for entry in entries]
    if None in origins:
        raise InvalidFields(
            fields={"allowed_origins": "must be origins: https://example.com (http only on a loopback host)"}
        )
    return tuple(dict.fromkeys(origin for origin in origins if origin is not None))


def redirect_url_of(url: str) -> str:
    """*url* as it is: an https URL, or an http one on a loopback host, without user information and fragment.

    Raises:
        InvalidFields: It is none; the field is `redirect_url`.
    """
    if not is_redirect_target(url):
        raise InvalidFields(
            fields={"redirect_url": "must be an https URL without fragment (http only on a loopback host)"}
        )
    return url


def check_lifetimes(access_token_seconds: int, session_seconds: int) -> None:
    """Tokens may live so long.

    Raises:
        InvalidFields: An access token 60 seconds to a day, a refresh token 300 seconds to a year and no less
            than an access token; the fields are `token_expiry` and `refresh_token_expiry`.
    """
    if not LEAST_ACCESS_SECONDS <= access_token_seconds <= MOST_ACCESS_SECONDS:
        raise InvalidFields(
            fields={"token_expiry": f"must be between {LEAST_ACCESS_SECONDS} and {MOST_ACCESS_SECONDS}"}
        )
    if not LEAST_SESSION_SECONDS <= session_seconds <= MOST_SESSION_SECONDS:
        raise InvalidFields(
            fields={
                "refresh_token_expiry": f"must be between {LEAST_SESSION_SECONDS} and {MOST_SESSION_SECONDS}"
            }
        )
    if access_token_seconds > session_seconds:
        raise InvalidFields(fields={"token_expiry": "must not be more than refresh_token_expiry"})
