"""Who may call: one guard per kind of proof. A route that is open says `guard=anyone`."""

from binascii import a2b_base64

from server.base.errors import AppError, InvalidApiKey, InvalidOperatorKey
from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.core.api_keys.actions import (
    AuthenticateApiKey,
    AuthenticateOperatorKey,
    authenticate_operator_key,
)
from server.core.api_keys.model import API_KEY_TOPICS
from server.surfaces.kit.addresses import bucket_of
from server.surfaces.kit.exchange import Exchange
from server.surfaces.kit.limits import FAILED_KEYS, enforce
from server.surfaces.kit.surface import Guard

MAX_CREDENTIAL_CHARACTERS = 512


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
    """The operator whose key the request carries as bearer token.

    Raises:
        InvalidOperatorKey: None, a malformed or a wrong one: all alike.
        TooManyRequests: It is wrong, and the address sent too many wrong ones.
    """
    shown = AuthenticateOperatorKey(key=Secret(_bearer(exchange)))
    nobody = exchange.nobody()
    try:
        found = await exchange.core.perform_at_once(authenticate_operator_key, shown, actor=nobody)
    except InvalidOperatorKey:
        await _count_failure(exchange)
        raise
    return found._replace(surface=nobody.surface, address=nobody.address, request_id=nobody.request_id)


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


def _credentials(exchange: Exchange, scheme: str, refusal: type[AppError]) -> str:
    """What follows *scheme* in the one Authorization header."""
    value = exchange.header("authorization") or ""
    name, _, credentials = value.partition(" ")
    if name.lower() != scheme or not credentials or len(credentials) > MAX_CREDENTIAL_CHARACTERS:
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


def _bearer(exchange: Exchange) -> str:
    """The token of bearer credentials.

    Raises:
        InvalidOperatorKey: There is none, or it holds what no token holds.

    Source: RFC 6750, section 2.1.
    """
    token = _credentials(exchange, "bearer", InvalidOperatorKey)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidOperatorKey
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
    security={"type": "http", "scheme": "bearer", "description": "ezkey_okey_…"},
    refusal=InvalidOperatorKey,
)
"""An operator's key: a bearer token."""
