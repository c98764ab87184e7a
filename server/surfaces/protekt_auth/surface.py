"""The surface, and what its routes know of their caller."""

from uuid import UUID

from server.base.errors import (
    InvalidAccessToken,
    InvalidApiKey,
    RealmNotFound,
    SessionNotFound,
    UserNotFound,
)
from server.base.principal import Actor
from server.core.projects.lookup import is_origin_allowed
from server.core.sign_in.set_up import BySession
from server.surfaces.kit.cors import Cors
from server.surfaces.kit.exchange import current_exchange
from server.surfaces.kit.protekt import DIALECT, MARK, MOUNT
from server.surfaces.kit.surface import Surface

surface = Surface(
    "protekt_auth",
    base="/v1/auth",
    mount=MOUNT,
    dialect=DIALECT,
    title="Protekt Authentication API",
    description="What an application does for its users: sign-up, sign-in, second factors, sessions. Calls "
    "carry a project's key in X-Protekt-Key. Where it is about one user they carry that user's access token, "
    "with or without the key.",
    mark=MARK,
    cors=Cors(
        is_allowed=is_origin_allowed,
        headers=("X-Protekt-Key", "Authorization", "Content-Type"),
        exposed=(
            "Retry-After",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "X-Request-Id",
        ),
    ),
    # A project, user or session that ends while its key or token is at work.
    lapsed={
        Actor.ANYONE: {RealmNotFound: InvalidApiKey},
        Actor.PROJECT: {RealmNotFound: InvalidApiKey},
        Actor.USER: dict.fromkeys((RealmNotFound, UserNotFound, SessionNotFound), InvalidAccessToken),
    },
)


def caller_realm() -> UUID:
    """The realm of the project whose key, or whose user's token, came with the request."""
    realm_id = current_exchange().caller.realm_id
    if realm_id is None:
        raise AssertionError("every guard of this surface finds a realm, or the route does without")
    return realm_id


def caller_session() -> BySession:
    """The user whose token came with the request, and the session behind it."""
    caller = current_exchange().caller
    if caller.session_id is None:
        raise AssertionError("only guards that find a user let such a route begin")
    return BySession(caller_realm(), UUID(caller.id), caller.session_id)
