"""The device's HTTP: JSON in, JSON out, and every way that can fail as an error of `device_sim.errors`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from device_sim.errors import MalformedAnswer, RateLimited, ServerRefused, ServerUnreachable
from device_sim.invitation import MAX_ID

TIMEOUT_SECONDS = 15.0
HEADERS = {"Accept": "application/json, application/problem+json", "User-Agent": "countersign-device/0.1"}

_NO_CONTENT = 204


class Answer:
    """The members of a JSON object, each read with its type.

    Raises:
        MalformedAnswer: From every method, if the member is not there or is something else.
    """

    def __init__(self, operation: str, members: Mapping[str, object]) -> None:
        self._operation = operation
        self._members = members

    def __contains__(self, name: str) -> bool:
        """Whether the member is there and not null."""
        return self._members.get(name) is not None

    def text(self, name: str) -> str:
        """A text that is there, in well-formed Unicode."""
        value = self._members.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self._wrong(name, "well-formed Unicode")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None when it is missing or null."""
        return self.text(name) if name in self else None

    def identifier(self, name: str) -> int:
        """A positive number of 31 bits."""
        value = self._members.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_ID:
            raise self._wrong(name, "a positive number of 31 bits")
        return value

    def optional_identifier(self, name: str) -> int | None:
        """A positive number of 31 bits, or None when it is missing or null."""
        return self.identifier(name) if name in self else None

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._members.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def optional_flag(self, name: str) -> bool | None:
        """True or false, or None when it is missing or null."""
        return self.flag(name) if name in self else None

    def _wrong(self, name: str, expected: str) -> MalformedAnswer:
        return MalformedAnswer(self._operation, f"{name} is not {expected}")


class AuthApi:
    """The device API of one server.

    Args:
        base_url: What `/api/v1/…` is appended to.
        http: A client to share, for example among many devices; the caller closes it. Without one, this
            object makes its own at the first request and `aclose` closes it.
    """

    def __init__(self, base_url: str, http: httpx2.AsyncClient | None = None) -> None:
        self.base_url = base_url
        self._shared = http
        self._own: httpx2.AsyncClient | None = None

    async def post(
        self,
        operation: str,
        path: str,
        body: Mapping[str, object],
        *,
        prefer: str | None = None,
        patience_seconds: float = 0.0,
    ) -> Answer | None:
        """The answer to *body*, or None for 204. Nothing is retried and no redirect is followed.

        Args:
            operation: Its name in errors, such as `bind`.
            path: From `/api/v1` on.
            body: The JSON object; members that are None are left out.
            prefer: The `Prefer` header (RFC 7240), if any.
            patience_seconds: How much longer than 15 seconds the answer may take.

        Raises:
            ServerUnreachable: No answer came.
            ServerRefused: The status is not 2xx; `RateLimited` for 429.
            MalformedAnswer: A success that is not a JSON object.
        """
        url = self.base_url + path
        headers = HEADERS if prefer is None else {**HEADERS, "Prefer": prefer}
        present = {name: value for name, value in body.items() if value is not None}
        try:
            response = await self._http().post(
                url,
                json=present,
                headers=headers,
                timeout=TIMEOUT_SECONDS + patience_seconds,
                follow_redirects=False,
            )
        except httpx2.TimeoutException as error:
            raise ServerUnreachable(url, "it took too long") from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise ServerUnreachable(url, str(error) or type(error).__name__) from error

        if not response.is_success:
            raise _refusal(operation, response)
        if response.status_code == _NO_CONTENT:
            return None
        return Answer(operation, _json_object(operation, response))

    async def aclose(self) -> None:
        """The connections that this object opened are closed; a shared client is left alone."""
        if self._own is not None:
            await self._own.aclose()
            self._own = None

    def _http(self) -> httpx2.AsyncClient:
        if self._shared is not None:
            return self._shared
        if self._own is None:
            self._own = httpx2.AsyncClient()
        return self._own


def _refusal(operation: str, response: httpx2.Response) -> ServerRefused:
    kind = RateLimited if response.status_code == httpx2.codes.TOO_MANY_REQUESTS else ServerRefused
    problem: Mapping[str, object] = {}
    if _media_type(response) == "application/problem+json":
        try:
            problem = _json_object(operation, response)
        except MalformedAnswer:
            problem = {}

    def text(name: str) -> str | None:
        value = problem.get(name)
        return value if isinstance(value, str) else None

    return kind(
        operation,
        response.status_code,
        type=text("type") or "about:blank",
        title=text("title") or response.reason_phrase or None,
        detail=text("detail"),
        retry_after=_retry_after(response.headers.get("Retry-After")),
    )


def _json_object(operation: str, response: httpx2.Response) -> Mapping[str, object]:
    media_type = _media_type(response)
    if media_type not in {"application/json", "application/problem+json"}:
        raise MalformedAnswer(operation, f"its media type is {media_type or 'missing'}, not application/json")

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise MalformedAnswer(operation, "it says a member twice")
        return members

    try:
        members: object = json.loads(response.content, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswer(operation, "it is not JSON") from error
    if not isinstance(members, dict):
        raise MalformedAnswer(operation, "it is not a JSON object")
    return members


def _media_type(response: httpx2.Response) -> str:
    value: str = response.headers.get("Content-Type", "")
    return value.partition(";")[0].strip().lower()


def _retry_after(value: str | None) -> int | None:
    """The seconds that a `Retry-After` header means, which may be a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return int(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, round((moment - datetime.now(UTC)).total_seconds()))
