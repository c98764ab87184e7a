"""What a route answers with."""

from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

from server.surfaces.kit.body import Body
from server.surfaces.kit.exchange import Response

JSON = "application/json"
HTML = "text/html; charset=utf-8"

NO_CONTENT = Response(204)


def reply(body: Body, status: int = 200, *, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """*body* as JSON."""
    return Response(status, body.to_json(), JSON, headers)


def no_content() -> Response:
    """Done, and there is nothing to say."""
    return NO_CONTENT


def reply_bytes(body: bytes, media_type: str, status: int = 200) -> Response:
    """*body* as it is, for what is no wire model: metrics, pictures, documents."""
    return Response(status, body, media_type)


def page(html: str, *, style: str = "", form_action: Sequence[str] = (), status: int = 200) -> Response:
    """A page for a person, which runs no script, loads nothing and is shown in no frame.

    Args:
        html: The whole document.
        style: The text of its one `<style>` element, exactly as it stands there; no other style applies.
        form_action: Origins that sending its form may lead to, besides the page's own.
        status: The answer's status.

    Source: Content Security Policy Level 3.
    """
    policy = _page_policy(style, tuple(form_action))
    return Response(status, html.encode(), HTML, (("Content-Security-Policy", policy),))


def redirect(location: str, status: int = 302) -> Response:
    """The browser goes to *location*, a URL in ASCII; with 303 by GET, whatever the request was."""
    return Response(status, headers=(("Location", location),))


@lru_cache(maxsize=256)
def _page_policy(style: str, form_action: tuple[str, ...]) -> str:
    digest = b64encode(sha256(style.encode()).digest()).decode()
    allowed_style = f"'sha256-{digest}'" if style else "'none'"
    targets = " ".join(("'self'", *form_action))
    return (
        f"default-src 'none'; style-src {allowed_style}; form-action {targets}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
