"""A request's head, its request line and headers: how long it may be, and what its peer hears otherwise."""

import json
from http import HTTPStatus

MAX_HEAD_BYTES = 16 * 1024


def refusal_body(status: HTTPStatus) -> bytes:
    """A problem document (RFC 9457) that says no more than *status* does."""
    return json.dumps({"type": "about:blank", "title": status.phrase, "status": status.value}).encode()


def refusal(status: HTTPStatus) -> bytes:
    """A whole HTTP/1.1 answer of *status*, after which the connection is closed."""
    body = refusal_body(status)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "content-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n"
        "connection: close\r\n"
        "\r\n"
    )
    return head.encode() + body
