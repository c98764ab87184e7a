"""One request and its answer, as routes, guards and dialects see them: neither Quart nor ASGI."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from server.base.errors import InvalidFields
from server.base.ids import new_request_id
from server.base.principal import Actor, Principal
from server.core.work import Core
from server.db.wakeups import Subscription
from server.surfaces.kit.asgi import Receive
from server.surfaces.kit.counting import Standing
from server.surfaces.kit.limits import UNLIMITED, Limit, RequestMeter
from server.surfaces.kit.metrics import now
from server.surfaces.kit.serving import Serving

MAX_QUERY_PARAMETERS = 50
NO_PARAMS: Final[Mapping[str, Any]] = MappingProxyType({})
UNREAD: Final = "(unread)"  # compared by identity

RawHeaders = Sequence[tuple[bytes, bytes]]


class ClientGone(Exception):
    """The client closed the connection while the request waited."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. What every answer of a surface carries is added when it is sent.

    Args:
        status: The status code.
        body: The bytes; empty for none.
        media_type: The Content-Type of the body.
        headers: Further headers, in Latin-1. One that every answer carries takes that one's place.
    """

    status: int
    body: bytes = b""
    media_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Line(Protocol):
    """How one lane reaches the client while a request is answered."""

    async def body(self, exchange: "Exchange") -> bytes:
        """The whole body.

        Raises:
            BodyTooLarge: It is longer than the instance accepts.
            BodyTooSlow: It did not arrive in time.
            ClientGone: The client closed the connection before it was complete.
        """

    async def linger(self, exchange: "Exchange", subscription: Subscription, seconds: float) -> None:
        """The subscription was woken, or so many seconds have passed.

        Raises:
            ClientGone: The client closed the connection.
        """


async def _nobody(exchange: "Exchange") -> Principal:
    return exchange.nobody()


class Exchange:
    """One request while it is answered.

    Args:
        serving: The process's parts.
        surface: The name of the surface that answers; empty until it is chosen.
        method: As the client sent it.
        path: Decoded; without a mount prefix once the surface is chosen.
        raw_query: The query string as sent, without its question mark.
        raw_headers: Names in lower case, in the order in which they came.
        peer: The address at the other end of the socket.
        receive: What ASGI gave for reading; a lane in front of another framework has no use for it.
    """

    __slots__ = (
        "_address",
        "_headers",
        "allowed_origins",
        "caller_topics",
        "error_cause",
        "error_code",
        "limit",
        "line",
        "method",
        "params",
        "path",
        "peer",
        "principal",
        "raw_headers",
        "raw_query",
        "receive",
        "recheck",
        "request_id",
        "route_path",
        "serving",
        "standing",
        "started",
        "subject",
        "surface",
        "vary",
    )

    def __init__(
        self,
        serving: Serving,
        *,
        surface: str,
        method: str,
        path: str,
        raw_query: bytes,
        raw_headers: RawHeaders,
        peer: str | None,
        receive: Receive,
        line: Line,
    ) -> None:
        self.serving = serving
        self.surface = surface
        self.method = method
        self.path = path
        self.raw_query = raw_query
        self.raw_headers = raw_headers
        self.peer = peer
        self.request_id = new_request_id()
        self.started = now()
        self.receive = receive
        self.line = line
        self.params: Mapping[str, Any] = NO_PARAMS
        self.route_path = ""
        self.limit: Limit = UNLIMITED
        self.standing: Standing | None = None
        self.subject: str | None = None
        self.principal: Principal | None = None
        self.error_code: str | None = None
        self.error_cause: str | None = None
        self.recheck: Callable[[Exchange], Awaitable[Principal]] = _nobody
        # What is published when the guard might no longer find its caller.
        self.caller_topics: tuple[str, ...] = ()
        # The origins whose scripts may read the answer, as far as the guard found who allows them.
        self.allowed_origins: tuple[str, ...] = ()
        # The names of the request headers that the answer depends on, for caches.
        self.vary: tuple[str, ...] = ()
        self._address: str | None = UNREAD
        self._headers: dict[bytes, bytes] | None = None

    @property
    def core(self) -> Core:
        """The product."""
        return self.serving.core

    # --- who ---

    @property
    def address(self) -> str | None:
        """The client's address, trusted proxies taken off; None where it is not known."""
        if self._address is UNREAD:
            self._address = self.serving.clients.of(self.peer, self.header)
        return self._address

    @property
    def caller(self) -> Principal:
        """Who is asking, as far as is known by now."""
        return self.principal or self.nobody()

    def nobody(self) -> Principal:
        """Somebody at this address of whom nothing is proved."""
        return Principal(
            kind=Actor.ANYONE, surface=self.surface, address=self.address, request_id=self.request_id
        )

    @property
    def meter(self) -> RequestMeter:
        """Counts what this request proves, or fails to prove, against its route's limit."""
        return RequestMeter(self.serving.limiter, self)

    def show(self, standing: Standing) -> None:
        """The answer's X-RateLimit headers will tell *standing*."""
        self.standing = standing

    # --- what ---

    def header(self, name: str) -> str | None:
        """The header's value, its lines joined by commas; None if it was not sent.

        Args:
            name: In lower case.
        """
        headers = self._headers
        if headers is None:
            headers = self._headers = _joined(self.raw_headers)
        value = headers.get(name.encode("latin-1"))
        return None if value is None else value.decode("latin-1")

    def rest(self) -> None:
        """What can be read again is let go: the request is going to wait."""
        self._headers = None

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query's parameters, decoded, in the order in which they came.

        Raises:
            InvalidFields: They are not UTF-8, hold U+0000, or there are more than fifty.
        """
        if not self.raw_query:
            return []
        try:
            return decoded_pairs(self.raw_query)
        except ValueError as cause:
            raise InvalidFields("The query could not be read") from cause

    async def body(self) -> bytes:
        """The whole body. It is read when it is asked for, which is after the guard and the limit.

        Raises:
            BodyTooLarge: It is longer than the instance accepts.
            BodyTooSlow: It did not arrive in time.
            ClientGone: The client closed the connection before it was complete.
        """
        return await self.line.body(self)


def decoded_pairs(raw: bytes) -> list[tuple[str, str]]:
    """The names and values of a query or form, in the order in which they came.

    Raises:
        ValueError: They are not UTF-8, hold U+0000, or there are more than fifty.

    Source: URL Standard, section 5.1 (application/x-www-form-urlencoded).
    """
    pairs = parse_qsl(
        raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_PARAMETERS
    )
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise ValueError("U+0000 in a name or value")
    return pairs


def _joined(raw_headers: RawHeaders) -> dict[bytes, bytes]:
    """Each header's value by its name; the lines of one that was sent more than once joined by commas."""
    headers = dict(raw_headers)
    if len(headers) == len(raw_headers):
        return headers
    lines: dict[bytes, list[bytes]] = {}
    for name, value in raw_headers:
        lines.setdefault(name, []).append(value)
    return {name: b", ".join(values) for name, values in lines.items()}


_current: ContextVar[Exchange] = ContextVar("exchange")


def current_exchange() -> Exchange:
    """The exchange that the present task answers.

    Raises:
        LookupError: It answers none.
    """
    return _current.get()


def enter(exchange: Exchange) -> Token[Exchange]:
    """*exchange* is the current one, until `leave` is called with what this returns."""
    return _current.set(exchange)


def leave(entered: Token[Exchange]) -> None:
    """The exchange that was current before is so again."""
    _current.reset(entered)
