"""Who may call: one guard per kind of proof. A route that is open says `guard=anyone`."""

from binascii import a2b_base64

from server.base.addresses import bucket_of
from server.base.errors import (
    AppError,
    InsufficientScope,
    InvalidAccessToken,
    InvalidApiKey,
    InvalidManagementToken,
    InvalidOperatorKey,
    PermissionDenied,
)
from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.core.api_keys.actions import AuthenticateApiKey
from server.core.api_keys.model import API_KEY_TOPICS, ProjectCredential
from server.core.api_keys.project_keys import AuthenticateProjectKey, authenticate_project_key
from server.core.memberships.actions import authenticate_member
from server.core.operators.actions import AuthenticateOperator, authenticate_operator
from server.core.sessions.authenticate import (
    AuthenticateAccessToken,
    AuthenticateReferenceToken,
    authenticate_access_token,
)
from server.surfaces.kit.exchange import Exchange
from server.surfaces.kit.limits import FAILED_KEYS, enforce
from server.surfaces.kit.surface import Guard

MAX_CREDENTIAL_CHARACTERS = 512
MAX_ACCESS_TOKEN_CHARACTERS = 4096
PROJECT_KEY_HEADER = "x-protekt-key"


async def _anyone(exchange: Exchange) -> Principal:
    return exchange.nobody()


async def _integration_key(exchange: Exchange) -> Principal:
    """The integration whose API key the request carries as HTTP Basic credentials.

    Raises:
        InvalidApiKey: None, a malformed or a wrong one: all alike.
        TooManyRequests: It is wrong, and the address sent too many wrong ones.
    """
    key_id, secret = _basic(exchange)
    address = exchange.address
    shown = AuthenticateApiKey(key_id=key_id, secret=Secret(secret), address=address)
    try:
        key = await exchange.serving.api_keys.authenticate(shown, actor=exchange.nobody)
    except InvalidApiKey:
        await _count_failure(exchange)
        raise
    exchange.caller_topics = (API_KEY_TOPICS + key_id,)
    return Principal(
        kind=Actor.INTEGRATION,
        id=str(key.id),
        surface=exchange.surface,
        organization_id=key.organization_id,
        integration_id=key.integration_id,
        address=address,
        request_id=exchange.request_id,
    )


async def _operator_key(exchange: Exchange) -> Principal:
    """The operator whose key, or whose sign-in's token, the request carries as bearer token.

    Raises:
        InvalidOperatorKey: None, a malformed or a wrong one: all alike.
        TooManyRequests: It is wrong, and the address sent too many wrong ones.
    """
    shown = AuthenticateOperator(Secret(_bearer(exchange, InvalidOperatorKey)))
    nobody = exchange.nobody()
    try:
        found = await exchange.core.perform_at_once(authenticate_operator, shown, actor=nobody)
    except InvalidOperatorKey:
        await _count_failure(exchange)
        raise
    return found._replace(surface=nobody.surface, address=nobody.address, request_id=nobody.request_id)


async def _member(exchange: Exchange, roles: frozenset[str]) -> Principal:
    """The member whose management token the request carries as bearer token.

    Raises:
        InvalidManagementToken: None, a malformed, wrong, ended or another kind of token: all alike.
        PermissionDenied: The member has none of *roles*; never if there are none.
        TooManyRequests: The token is wrong, and the address sent too many wrong ones.
    """
    shown = AuthenticateReferenceToken(Secret(_bearer(exchange, InvalidManagementToken)))
    nobody = exchange.nobody()
    try:
        found = await exchange.core.perform_at_once(authenticate_member, shown, actor=nobody)
    except InvalidManagementToken:
        await _count_failure(exchange)
        raise
    if roles and found.role not in roles:
        raise PermissionDenied
    return found._replace(surface=nobody.surface, address=nobody.address, request_id=nobody.request_id)


async def _project_credential(exchange: Exchange, scope: str) -> ProjectCredential:
    """The project's key in X-Protekt-Key; scripts of its project's origins may read the answer.

    Raises:
        InvalidApiKey: None, a malformed, wrong, expired or revoked one: all alike.
        InsufficientScope: It does not have *scope*.
        TooManyRequests: It is wrong, and the address sent too many wrong ones.
    """
    text = exchange.header(PROJECT_KEY_HEADER) or ""
    if not 0 < len(text) <= MAX_CREDENTIAL_CHARACTERS or not text.isascii():
        raise InvalidApiKey
    shown = AuthenticateProjectKey(Secret(text))
    try:
        key = await exchange.core.perform_at_once(authenticate_project_key, shown, actor=exchange.nobody())
    except InvalidApiKey:
        await _count_failure(exchange)
        raise
    exchange.caller_topics = (API_KEY_TOPICS + key.key_id,)
    exchange.allowed_origins = key.allowed_origins
    if scope not in key.scopes:
        raise InsufficientScope
    return key


async def _project(exchange: Exchange, scope: str) -> Principal:
    """The project whose key the request carries.

    Raises:
        InvalidApiKey: As `_project_credential`, and so are the others.
        InsufficientScope: The key does not have *scope*.
        TooManyRequests: The key is wrong, and the address sent too many wrong ones.
    """
    key = await _project_credential(exchange, scope)
    return exchange.nobody()._replace(
        kind=Actor.PROJECT,
        id=str(key.uid),
        organization_id=key.organization_id,
        realm_id=key.realm_id,
        project_id=key.project_id,
        scopes=key.scopes,
    )


async def _user(exchange: Exchange, scope: str) -> Principal:
    """The user whose access token the request carries as bearer token, with or without their project's key.

    Raises:
        InvalidApiKey: There is a key, and it is not good.
        InsufficientScope: There is a key, and it does not have *scope*.
        InvalidAccessToken: There is no token, or one that is malformed, forged, expired, revoked, of another
            kind, or of another project than the key: all alike.
        TooManyRequests: A key, or a token without a key, is wrong, and the address sent too many wrong ones.
    """
    has_key = exchange.header(PROJECT_KEY_HEADER) is not None
    key = await _project_credential(exchange, scope) if has_key else None
    shown = AuthenticateAccessToken(
        Secret(_bearer(exchange, InvalidAccessToken, MAX_ACCESS_TOKEN_CHARACTERS))
    )
    try:
        session = await exchange.core.perform_at_once(
            authenticate_access_token, shown, actor=exchange.nobody()
        )
    except InvalidAccessToken:
        # A backend brings its users' tokens, and they run out every day: with its key that is no guessing.
        if key is None:
            await _count_failure(exchange)
        raise
    if session.project_id is None or (key is not None and key.project_id != session.project_id):
        raise InvalidAccessToken
    exchange.allowed_origins = session.allowed_origins
    return exchange.nobody()._replace(
        kind=Actor.USER,
        id=str(session.principal_id),
        organization_id=session.organization_id,
        realm_id=session.realm_id,
        project_id=session.project_id,
        session_id=session.session_id,
        scopes=frozenset() if key is None else key.scopes,
    )


async def _count_failure(exchange: Exchange) -> None:
    """A wrong key is counted against its address. After the look: a right one is never refused for others.

    A key that was right when the request came, and was revoked while it waited, is nobody's guess.

    Raises:
        TooManyRequests: The address sent too many wrong ones.
    """
    if exchange.principal is not None:
        return
    standing = await exchange.serving.limiter.hit(FAILED_KEYS, bucket_of(exchange.address))
    if not standing.allowed:
        exchange.show(standing)
    enforce(standing)


def _credentials(
    exchange: Exchange, scheme: str, refusal: type[AppError], at_most: int = MAX_CREDENTIAL_CHARACTERS
) -> str:
    """What follows *scheme* in the one Authorization header."""
    value = exchange.header("authorization") or ""
    name, _, credentials = value.partition(" ")
    if name.lower() != scheme or not credentials or len(credentials) > at_most:
        raise refusal
    return credentials


def _basic(exchange: Exchange) -> tuple[str, str]:
    """The user-id and the password of HTTP Basic credentials.

    Raises:
        InvalidApiKey: There are none, or they are not strictly Base64 of ASCII with a colon.

    Source: RFC 7617, section 2. Keys are ASCII, so no other character can be right.
    """
    credentials = _credentials(exchange, "basic", InvalidApiKey)
    try:
        text = a2b_base64(credentials, strict_mode=True).decode("ascii")
    except ValueError as cause:
        raise InvalidApiKey from cause
    key_id, colon, secret = text.partition(":")
    if not colon or not key_id or not secret:
        raise InvalidApiKey
    return key_id, secret


def _bearer(exchange: Exchange, refusal: type[AppError], at_most: int = MAX_CREDENTIAL_CHARACTERS) -> str:
    """The token of bearer credentials.

    Raises:
        AppError: *refusal*: there is none, or it holds what no token holds.

    Source: RFC 6750, section 2.1.
    """
    token = _credentials(exchange, "bearer", refusal, at_most)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise refusal
    return token


anyone = Guard("anyone", _anyone)
"""Nothing is proved before the action runs."""

integration_key = Guard(
    "integration_key",
    _integration_key,
    security={"type": "http", "scheme": "basic", "description": "ezkey_ikey_… and ezkey_skey_…"},
    refusal=InvalidApiKey,
)
"""An integration's API key: HTTP Basic, its id as user and its secret as password."""

operator_key = Guard(
    "operator_key",
    _operator_key,
    security={"type": "http", "scheme": "bearer", "description": "ezkey_okey_… or mgmt_…"},
    refusal=InvalidOperatorKey,
)
"""An operator's key, or the token of an operator who signed in: a bearer token."""


def management_token(*roles: str) -> Guard:
    """A member's management token, as bearer token.

    Args:
        roles: Those that may; all if none is named.
    """
    allowed = frozenset(roles)
    return Guard(
        "management_token",
        lambda exchange: _member(exchange, allowed),
        needs=", ".join(roles),
        security={"type": "http", "scheme": "bearer", "description": "mgmt_…"},
        refusal=InvalidManagementToken,
        forbids=PermissionDenied if roles else None,
    )


def project_key(scope: str) -> Guard:
    """A project's API key that has *scope*, in X-Protekt-Key."""
    return Guard(
        "project_key",
        lambda exchange: _project(exchange, scope),
        needs=scope,
        security={
            "type": "apiKey",
            "in": "header",
            "name": "X-Protekt-Key",
            "description": "pk_live_…",
        },
        refusal=InvalidApiKey,
        forbids=InsufficientScope,
    )


def user(scope: str) -> Guard:
    """A user's access token, as bearer token. If a key of their project is sent too it must have *scope*."""
    return Guard(
        "user",
        lambda exchange: _user(exchange, scope),
        needs=scope,
        security={"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        refusal=InvalidAccessToken,
        forbids=InsufficientScope,
    )


def key_or_user(scope: str) -> Guard:
    """As `user` if the request has an Authorization header, whatever is in it; else as `project_key`."""
    by_key, by_user = project_key(scope), user(scope)

    async def check(exchange: Exchange) -> Principal:
        carries_token = exchange.header("authorization") is not None
        return await (by_user if carries_token else by_key).check(exchange)

    return Guard(
        "key_or_user",
        check,
        needs=scope,
        either=(by_key, by_user),
        refusal=InvalidApiKey,
        forbids=InsufficientScope,
    )
