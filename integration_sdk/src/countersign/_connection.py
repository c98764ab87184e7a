"""Where the server is, and as whom to speak to it: checked once, before anything is sent."""

import os
import re
import ssl
from collections.abc import Mapping
from importlib.metadata import version
from ipaddress import ip_address
from platform import python_version
from typing import Final, TypedDict

import httpx2

from countersign._wire import Request
from countersign.errors import ConfigurationError, NoAnswerError

_VARIABLES: Final = ("COUNTERSIGN_URL", "COUNTERSIGN_KEY_ID", "COUNTERSIGN_KEY_SECRET")

_KEY_ID: Final = re.compile(r"ezkey_ikey_[0-9A-Za-z]+")
_KEY_SECRET: Final = re.compile(r"ezkey_skey_[0-9A-Za-z]+")

_CONNECT_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 30.0
"""Below the server's own idle limit (75 s), so that we seldom write into a connection it is just closing."""


class HttpOptions(TypedDict):
    """What a sync and an async HTTP client are made with alike."""

    auth: httpx2.BasicAuth
    headers: dict[str, str]
    limits: httpx2.Limits
    follow_redirects: bool
    trust_env: bool
    verify: ssl.SSLContext | bool


class RequestOptions(TypedDict):
    """What a sync and an async HTTP client send a request with alike."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None
    timeout: httpx2.Timeout


class Connection:
    """A server's address and the key to use there.

    The secret goes into the HTTP client's authentication at once; nothing here holds it as text or shows it.

    Args:
        url: The server's https URL; http only on this machine (`localhost`, 127.0.0.0/8, `::1`), because the
            secret travels with every request. A path prefix is kept.
        key_id: `ezkey_ikey_…`
        key_secret: `ezkey_skey_…`

    Raises:
        ConfigurationError: One of the three is not as described.
    """

    def __init__(self, url: str, key_id: str, key_secret: str) -> None:
        parts = _parse(url)
        self._is_local = _is_loopback(parts.host)
        if parts.scheme != "https" and not self._is_local:
            raise ConfigurationError(
                f"The server's URL must be https: http to {parts.host} would show the secret to the network"
            )
        if not _KEY_ID.fullmatch(key_id):
            raise ConfigurationError(
                "The API key's id must look like ezkey_ikey_… (is it the secret instead?)"
            )
        if not _KEY_SECRET.fullmatch(key_secret):
            raise ConfigurationError(
                "The API key's secret must look like ezkey_skey_… (is it the id instead?)"
            )
        self.url: Final = url.rstrip("/")
        self.key_id: Final = key_id
        self._auth: Final = httpx2.BasicAuth(key_id, key_secret)

    def http_options(self, verify: ssl.SSLContext | None) -> HttpOptions:
        """What to make an HTTP client with."""
        return {
            "auth": self._auth,
            "headers": {"Accept": "application/json", "User-Agent": _user_agent()},
            # Each waiting person holds a connection; how many may wait is the caller's to decide.
            "limits": httpx2.Limits(
                max_connections=None, max_keepalive_connections=20, keepalive_expiry=_IDLE_SECONDS
            ),
            "follow_redirects": False,
            # A proxy from the environment would get what was meant to stay on this machine.
            "trust_env": not self._is_local,
            "verify": True if verify is None else verify,
        }

    def request_options(self, request: Request) -> RequestOptions:
        """What to send *request* with."""
        return {
            "method": request.method,
            "url": self.url + request.target,
            "headers": dict(request.headers),
            "content": request.body,
            "timeout": httpx2.Timeout(_CONNECT_SECONDS, read=request.read_seconds),
        }


def read_environment(environment: Mapping[str, str] | None = None) -> tuple[str, str, str]:
    """The URL, the key id and the secret, as the environment has them.

    White space around a value is dropped: files that hold secrets often end with a new line.

    Raises:
        ConfigurationError: A variable is missing or empty; the text names it.
    """
    values = os.environ if environment is None else environment
    url, key_id, key_secret = (values.get(name, "").strip() for name in _VARIABLES)
    missing = [name for name in _VARIABLES if not values.get(name, "").strip()]
    if missing:
        raise ConfigurationError(f"Not set in the environment: {', '.join(missing)}")
    return url, key_id, key_secret


def no_answer(lost: httpx2.RequestError) -> NoAnswerError:
    """What a failure of the HTTP client means to the caller."""
    if isinstance(lost, httpx2.ConnectError | httpx2.ConnectTimeout):
        return NoAnswerError(f"The server was not reached: {_reason(lost)}")
    return NoAnswerError(f"The server's answer was lost: {_reason(lost)}")


def _reason(lost: httpx2.RequestError) -> str:
    return str(lost) or type(lost).__name__


def _parse(url: str) -> httpx2.URL:
    """*url* as the HTTP client itself reads it.

    Raises:
        ConfigurationError: *url* is not an http or https URL, or holds more than scheme, host, port and path.
    """
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        # The text of the cause may repeat the URL, and the URL may hold a password.
        raise ConfigurationError("The server's URL is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise ConfigurationError(
            "The server's URL must be an https URL, like https://countersign.example.com"
        )
    if parts.userinfo:
        raise ConfigurationError("The server's URL must not contain a user or a password")
    if "?" in url or "#" in url:
        raise ConfigurationError("The server's URL must end with its path: no query, no fragment")
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _user_agent() -> str:
    return f"countersign-sdk/{version('countersign-sdk')} (Python {python_version()})"
