"""A route made ready to serve, and the one place where refusals and failures become answers."""

from math import ceil

import structlog

from server.base.addresses import bucket_of
from server.base.errors import AppError, InternalError, TooManyAttempts
from server.base.settings import Settings
from server.surfaces.kit.access_log import LOGGER, access_log, leaves_line
from server.surfaces.kit.counting import Standing
from server.surfaces.kit.exchange import ClientGone, Exchange, Response, enter, leave
from server.surfaces.kit.limits import By, Limit, enforce
from server.surfaces.kit.metrics import Metrics, now
from server.surfaces.kit.surface import Route, Surface

HSTS = "max-age=31536000; includeSubDomains"
UNKNOWN_ROUTE = "(none)"
CLIENT_GONE_STATUS = 499  # nginx's word for it; it is only ever logged and counted

_BODILESS = frozenset({204, 304})

_log = structlog.get_logger(LOGGER)

WireHeaders = list[tuple[bytes, bytes]]


class Finisher:
    """What every answer of one surface gets: its headers, a count, a line in the log."""

    def __init__(self, surface: Surface, settings: Settings, metrics: Metrics) -> None:
        self.surface = surface
        self._metrics = metrics
        self._logged_share = settings.access_log_sample
        self._headers: WireHeaders = [
            (b"x-surface", surface.name.encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
            (b"referrer-policy", b"no-referrer"),
            (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        ]
        if (settings.public_base_url or "").startswith("https://"):
            self._headers.append((b"strict-transport-security", HSTS.encode()))
        self._names = frozenset(name for name, _ in self._headers)
        self._resets_at_instant = surface.dialect.resets_at_instant

    def refuse(self, error: AppError, exchange: Exchange) -> Response:
        """*error* in the surface's dialect."""
        exchange.error_code = error.code
        if isinstance(error, TooManyAttempts):
            exchange.show(_used_up(error))
        if error.__cause__ is not None:
            exchange.error_cause = type(error.__cause__).__name__
        return self.surface.dialect.refuse(error, exchange)

    def fail(self, failure: Exception, exchange: Exchange) -> Response:
        """What nobody foresaw, as an answer that tells nothing; the log has it with its traceback."""
        _log.error(
            "request.failed", exc_info=failure, request_id=exchange.request_id, route=exchange.route_path
        )
        return self.refuse(InternalError(), exchange)

    def finish(self, exchange: Exchange, response: Response) -> tuple[int, WireHeaders, bytes]:
        """The answer as it goes on the wire: status, headers, body. It is counted and logged by now."""
        status, body = response.status, response.body
        headers = self._headers.copy()
        headers.append((b"x-request-id", exchange.request_id.encode("ascii")))
        if status not in _BODILESS:
            headers.append((b"content-length", b"%d" % len(body)))
            if response.media_type is not None:
                headers.append((b"content-type", response.media_type.encode("ascii")))
        if exchange.standing is not None:
            headers += self._standing_headers(exchange, exchange.standing)
        for name, value in response.headers:
            raw_name = name.lower().encode("ascii")
            if raw_name in self._names:
                headers = [pair for pair in headers if pair[0] != raw_name]
            headers.append((raw_name, value.encode("latin-1")))
        if exchange.vary:
            headers += self._dependent_headers(exchange)
        self.note(exchange, status)
        return status, headers, b"" if exchange.method == "HEAD" else body

    def _standing_headers(self, exchange: Exchange, standing: Standing) -> WireHeaders:
        """X-RateLimit-Reset says when the whole budget is free again: in so many seconds, or when."""
        reset = standing.reset_seconds
        if self._resets_at_instant:
            reset = ceil(exchange.core.clock.now().timestamp() + reset)
        return [
            (b"x-ratelimit-limit", b"%d" % standing.limit),
            (b"x-ratelimit-remaining", b"%d" % standing.remaining),
            (b"x-ratelimit-reset", b"%d" % reset),
        ]

    def _dependent_headers(self, exchange: Exchange) -> WireHeaders:
        """What the answer depends on, and whether a script of another origin may read it."""
        headers: WireHeaders = [(b"vary", ", ".join(exchange.vary).encode("ascii"))]
        cors, origin = self.surface.cors, exchange.header("origin")
        if cors is not None and origin is not None and origin in exchange.allowed_origins:
            headers.append((b"access-control-allow-origin", origin.encode("latin-1")))
            headers.append((b"access-control-expose-headers", ", ".join(cors.exposed).encode("ascii")))
        return headers

    def note(self, exchange: Exchange, status: int) -> None:
        """The request is counted, timed and logged as answered with *status*."""
        seconds = now() - exchange.started
        route, surface = exchange.route_path or UNKNOWN_ROUTE, self.surface.name
        self._metrics.instrument(surface, route, exchange.method).observe(status, seconds)
        write = access_log.write
        if write is None or not leaves_line(status, self._logged_share):
            return
        principal = exchange.principal
        write(
            method=exchange.method,
            route=route,
            surface=surface,
            status=status,
            error=exchange.error_code,
            cause=exchange.error_cause,
            duration_ms=round(seconds * 1000, 3),
            address=exchange.address,
            request_id=exchange.request_id,
            caller=principal.kind.value if principal else None,
            caller_id=principal.id or None if principal else None,
            proved=exchange.subject,
        )


class Endpoint:
    """One route with what its answers need, made once.

    Args:
        route: The route.
        finisher: Its surface's.
    """

    __slots__ = ("_check", "_counts_first", "_handler", "_limit", "finisher", "route", "template", "vary")

    def __init__(self, route: Route, finisher: Finisher) -> None:
        self.route = route
        self.finisher = finisher
        self.template = route.template
        self._check = route.guard.check
        self._handler = route.handler
        self._limit: Limit = route.limit
        # Of a route that no mark decides about.
        self.vary: tuple[str, ...] = () if route.surface.cors is None else ("Origin",)
        # What counts what was proved can tell nothing before the action says what was.
        self._counts_first = route.limit.by in (By.ADDRESS, By.CALLER)

    async def answer(self, exchange: Exchange) -> Response:
        """The route's answer, or the refusal or failure of any step before it.

        Guard, limit, handler, in this order; the body is read when the handler asks for it.

        Raises:
            ClientGone: Nobody waits for the answer.
        """
        exchange.route_path = self.template
        exchange.limit = self._limit
        exchange.recheck = self._check
        entered = enter(exchange)
        try:
            exchange.principal = await self._check(exchange)
            if self._counts_first:
                await _admit(exchange, self._limit)
            return await self._handler()
        except AppError as refusal:
            return self.finisher.refuse(self._for_the_caller(refusal, exchange), exchange)
        except ClientGone:
            self.finisher.note(exchange, CLIENT_GONE_STATUS)
            raise
        except Exception as failure:  # noqa: BLE001 - the last resort: nothing may reach the server's own page
            return self.finisher.fail(failure, exchange)
        finally:
            leave(entered)

    def _for_the_caller(self, refusal: AppError, exchange: Exchange) -> AppError:
        """*refusal*; or that the proof is no good any more, where that is what it comes to."""
        caller = exchange.principal
        if caller is None or type(refusal) in self.route.refuses:
            return refusal
        proof_refused = self.route.surface.lapsed.get(caller.kind, {}).get(type(refusal))
        if proof_refused is None:
            return refusal
        told = proof_refused()
        told.__cause__ = refusal
        return told


async def _admit(exchange: Exchange, limit: Limit) -> None:
    """The request is within its route's limit, which counts addresses or callers.

    Raises:
        TooManyRequests: It is not.
    """
    key = _caller_key(exchange) if limit.by is By.CALLER else bucket_of(exchange.address)
    standing = await exchange.serving.limiter.hit(limit, key)
    exchange.show(standing)
    enforce(standing)


def _caller_key(exchange: Exchange) -> str:
    caller = exchange.caller
    return (
        str(caller.integration_id)
        if caller.integration_id is not None
        else f"{caller.kind.value}:{caller.id}"
    )


def _used_up(error: TooManyAttempts) -> Standing:
    """Where the caller stands with a budget that the core counts."""
    seconds = error.retry_after_seconds
    return Standing(
        allowed=False, limit=error.limit, remaining=0, reset_seconds=seconds, retry_after_seconds=seconds
    )
