"""What a route answers with."""

from server.surfaces.kit.body import Body
from server.surfaces.kit.exchange import Response

JSON = "application/json"

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
