"""Web addresses as the product takes them: where a browser may be sent, and which pages may call.

Only https is taken, and http on a loopback host, where nobody can listen.
"""

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

MAX_URL_LENGTH = 2048
DEFAULT_PORTS = {"https": 443, "http": 80}
LOOPBACK = ("localhost", "127.0.0.1", "::1")

# What RFC 3986 allows; a backslash above all is not among it, for browsers take it for a slash.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,2048}")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9](?:[a-z0-9_-]{0,62}))*")


def origin_of(url: str) -> str | None:
    """The origin of *url* as browsers write it: scheme, host in lower case, and the port if it is unusual.

    None when it is no absolute https URL (or http one on a loopback host) of at most 2048 characters in
    ASCII, or has user information. International names are in their `xn--` form.

    Source: RFC 6454, section 6.2.
    """
    parts = _parts_of(url)
    if parts is None or parts.hostname is None:
        return None
    host = _host_of(parts.hostname)
    if host is None or (parts.scheme == "http" and parts.hostname not in LOOPBACK):
        return None
    try:
        port = parts.port
    except ValueError:
        return None
    usual = port is None or port == DEFAULT_PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}"


def is_bare_origin(url: str) -> bool:
    """Whether *url* says nothing but its origin: no path except `/`, no query, no fragment."""
    parts = _parts_of(url)
    return parts is not None and parts.path in ("", "/") and not {"?", "#"} & set(url)


def is_redirect_target(url: str) -> bool:
    """Whether a browser may be sent to *url* with more put behind it: it has an origin, and no fragment."""
    return origin_of(url) is not None and "#" not in url


def _parts_of(url: str) -> SplitResult | None:
    if not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.scheme in DEFAULT_PORTS and "@" not in parts.netloc else None


def _host_of(name: str) -> str | None:
    """*name*, in lower case already, as it stands in an origin; an IPv6 address in brackets."""
    if ":" not in name:
        return name if _HOST.fullmatch(name) else None
    try:
        address = IPv6Address(name)
    except ValueError:
        return None
    return None if address.scope_id else f"[{address}]"
