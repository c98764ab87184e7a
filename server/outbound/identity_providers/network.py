"""What this process asks identity providers over HTTP, and what it remembers of their public documents."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2

from server.base.urls import is_redirect_target
from server.outbound.http import NoAnswer, ask
from server.outbound.identity_providers.failures import AnswerRejected, ProviderUnreachable

MAX_ANSWER_BYTES = 1_048_576
"""The longest answer that is read. Metadata and key sets are a few kilobytes."""

ANSWER_SECONDS = 10.0
"""How long one exchange may take as a whole, however slowly the bytes come."""

DOCUMENT_LIFE_SECONDS = 3600.0
"""How long a public document is believed without looking again."""

DOCUMENT_PAUSE_SECONDS = 30.0
"""How often a document is looked at again at most, whoever says that it must have changed."""

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Remembered:
    document: JsonObject
    read_at: float


class ProviderNetwork:
    """The way to identity providers, for one process.

    No redirect is followed: a provider that moved is configured anew. Nothing that is longer than
    `MAX_ANSWER_BYTES` or takes longer than `ANSWER_SECONDS` is read.

    Args:
        client: Follows no redirects and checks certificates (`server.outbound.http`).
        plain_loopback: Whether http is taken on a loopback host, for development.
    """

    def __init__(self, client: httpx2.AsyncClient, *, plain_loopback: bool) -> None:
        self._client = client
        self._plain_loopback = plain_loopback
        self._remembered: dict[str, _Remembered] = {}

    def is_allowed(self, url: str) -> bool:
        """Whether *url* is one to ask, or to send a browser to: https, or http where that is taken."""
        return is_redirect_target(url) and (self._plain_loopback or url.startswith("https:"))

    async def document(self, url: str, *, anew: bool = False) -> JsonObject:
        """The public JSON object at *url*, as it was at most an hour ago.

        Args:
            anew: Something is missing from what is remembered: look again, unless that was just done.

        Raises:
            ProviderUnreachable: It cannot be read.
            AnswerRejected: It is no JSON object.
        """
        known = self._remembered.get(url)
        age = time.monotonic() - known.read_at if known else 0
        if known and age < (DOCUMENT_PAUSE_SECONDS if anew else DOCUMENT_LIFE_SECONDS):
            return known.document
        status, body = await self.ask("GET", url)
        if status != HTTPStatus.OK:
            raise ProviderUnreachable("document_not_found")
        document = _object(body)
        self._remembered[url] = _Remembered(document, time.monotonic())
        return document

    async def ask_json(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, JsonObject]:
        """The status and the JSON object that *url* answers with.

        Raises:
            ProviderUnreachable: No answer, one that is too long, a redirect, or a failure of the server.
            AnswerRejected: The body is no JSON object.
        """
        status, body = await self.ask(method, url, form=form, headers=headers)
        return status, _object(body)

    async def ask(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """The status and the body that *url* answers with.

        Raises:
            ProviderUnreachable: No answer, one that is too long, a redirect, or a failure of the server.
        """
        if not self.is_allowed(url):
            raise ProviderUnreachable("url_not_allowed")
        request = self._client.build_request(method, url, data=form, headers=headers)
        try:
            answer = await ask(
                self._client, request, whole_seconds=ANSWER_SECONDS, most_bytes=MAX_ANSWER_BYTES
            )
        except NoAnswer as failure:
            raise ProviderUnreachable("no_answer", str(failure)) from failure
        moved = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST
        if moved or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderUnreachable(f"answered_{answer.status}")
        return answer.status, answer.body


def _object(body: bytes) -> JsonObject:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise AnswerRejected("not_a_json_object")
    return read
