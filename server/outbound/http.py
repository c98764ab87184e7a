"""Requests to other machines: the one place where a client is made, and an answer is read.

Certificates are checked against the system's authorities, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
Redirects are not followed. A proxy of the environment (`HTTPS_PROXY`) is used.
"""

import asyncio
import ssl
from dataclasses import dataclass, field

import httpx2

from server.outbound.failure import reason_of

TIMEOUT_SECONDS = 10.0
"""For how long a connection, or a pause in an answer, is waited for."""

WHOLE_SECONDS = 20.0
MOST_BYTES = 1_048_576

_HEADERS = {
    "User-Agent": "Countersign",
    # What is not compressed cannot become longer than it looks.
    "Accept-Encoding": "identity",
}


class NoAnswer(Exception):
    """No whole answer came, or a longer one than is read. The text says why, without the URL."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whatever its status."""

    status: int
    headers: httpx2.Headers = field(repr=False)
    body: bytes = field(repr=False)


def tls_context() -> ssl.SSLContext:
    """A context that checks certificates and names. Each client has its own: it writes protocols into it."""
    return httpx2.create_ssl_context()


def open_client(
    *, timeout_seconds: float = TIMEOUT_SECONDS, tls: ssl.SSLContext | None = None
) -> httpx2.AsyncClient:
    """A client for requests to other machines; to be closed with `aclose`, or used as context.

    Args:
        timeout_seconds: For how long to wait for a connection, or for the next bytes.
        tls: What certificates are checked with; `tls_context()` when left out.
    """
    return httpx2.AsyncClient(
        verify=tls or tls_context(),
        timeout=httpx2.Timeout(timeout_seconds),
        follow_redirects=False,
        headers=_HEADERS,
    )


async def ask(
    client: httpx2.AsyncClient,
    request: httpx2.Request,
    *,
    auth: httpx2.Auth | None = None,
    whole_seconds: float = WHOLE_SECONDS,
    most_bytes: int = MOST_BYTES,
) -> Answer:
    """The whole answer to *request*.

    Args:
        auth: What proves who asks.
        whole_seconds: For how long to wait for all of it.
        most_bytes: The longest body that is read.

    Raises:
        NoAnswer: None came in time, it is too long, or compressed although that was not asked for. The
            other side may have done what was asked.
    """
    try:
        async with asyncio.timeout(whole_seconds):
            response = await client.send(request, auth=auth, stream=True)
            try:
                return Answer(response.status_code, response.headers, await _body(response, most_bytes))
            finally:
                await response.aclose()
    except httpx2.TimeoutException as cause:
        raise NoAnswer("no answer in time") from cause
    except (httpx2.HTTPError, OSError) as cause:
        raise NoAnswer(reason_of(cause)) from cause


async def _body(response: httpx2.Response, most_bytes: int) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise NoAnswer("the answer is compressed")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > most_bytes:
            raise NoAnswer("the answer is too long")
    return bytes(body)
