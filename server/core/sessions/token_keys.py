"""The keys that sign access tokens: made at first use, rotated by hand, published while their tokens live.

A process keeps the keys that it has read for a minute, and reads them anew when a token names one that it
does not know. So a new key is known everywhere at once, and one that is trusted no more within a minute.
Tokens may name what they like: after a look that was in vain there is none for a second.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from secrets import token_hex
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from server.base import ids
from server.base.errors import InvalidAccessToken
from server.core.audit.events import Event
from server.core.sessions import token_key_store as store
from server.core.sessions.token_key_store import TokenKey, key_purpose
from server.core.work import Work
from server.crypto import access_tokens
from server.crypto.access_tokens import BadToken, SigningKey, TokenAlgorithm, VerifyingKey
from server.crypto.sealing import KeyRing
from server.db.pool import Connection, together

# What tokens are for: a key of one family signs nothing for another, and its name begins every `kid`.
PROTEKT = "protekt"

LIFE_SECONDS = 60.0
# How old what is published may be, and for how long nobody looks again for a key that was not there.
PAUSE_SECONDS = 1.0
# The longest that a token is good (server.core.realms.rules), and the minute in which a process may still
# sign with a key that was retired, with room to spare.
LONGEST_TOKEN = timedelta(days=1, hours=1)


@dataclass(frozen=True, slots=True)
class RotateTokenKeys:
    """A new key for a family.

    Args:
        distrust: Whether what older keys signed is refused within a minute, instead of when it ends.
    """

    family: str = PROTEKT
    distrust: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """What a process has read: the keys, their public halves parsed, and when that was."""

    keys: Mapping[str, TokenKey]
    verifying: Mapping[str, VerifyingKey]
    read_at: float


# By the ring that opens them: there is one for each instance, and it lives as long as the process.
_known_keys: WeakKeyDictionary[KeyRing, _Known] = WeakKeyDictionary()
# When a key was last looked for in vain.
_missed_at: WeakKeyDictionary[KeyRing, float] = WeakKeyDictionary()


async def read_jwks(work: Work, family: str) -> Mapping[str, object]:
    """The public keys by which tokens of the family can be checked now, as RFC 7517 writes them.

    Perform at once: one SELECT a second at most. There is always a key: if need be the first is made.
    """
    algorithm = work.settings.token_algorithm
    keys = tuple((await _known(work, PAUSE_SECONDS)).keys.values())
    if _signer(keys, family, algorithm) is None:
        keys = tuple((await _read(work)).keys.values())
    if _signer(keys, family, algorithm) is None:
        keys = (await _make_first(work, family), *keys)
    trusted = (key for key in keys if key.family == family and _is_trusted(key, work.now))
    return access_tokens.jwks({key.kid: key.public_jwk for key in trusted})


async def rotate_token_keys(work: Work, command: RotateTokenKeys) -> str:
    """New tokens are signed with a new key; its `kid`. The older ones sign no more.

    Their public halves are published, and trusted, for as long as their tokens may live.
    """
    key = await _new_key(work, command.family)
    await store.lock_family(work.conn, command.family)
    await store.insert_key(work.conn, work.origin, key)
    if command.distrust:
        await store.delete_others(work.conn, command.family, key.id)
    else:
        await store.update_others_retired(work.conn, command.family, key.id, work.now)
        await store.delete_retired(work.conn, command.family, work.now - LONGEST_TOKEN)
    _known_keys.pop(work.keys, None)
    work.record(Event("token_key.rotated", "token_key", key.kid, data={"distrusted": command.distrust}))
    return key.kid


async def sign(work: Work, family: str, claims: Mapping[str, object]) -> str:
    """The claims as a token of the family, signed by its newest key of the instance's algorithm."""
    algorithm = work.settings.token_algorithm
    key = _signer((await _known(work)).keys.values(), family, algorithm)
    if key is None:
        # Another process may have made one since.
        key = _signer((await _read(work)).keys.values(), family, algorithm)
    if key is None:
        key = await _make_first(work, family)
    opened = _opened(work.keys, key.id, key.algorithm, key.private_key_sealed)
    return access_tokens.sign(opened, claims, key.kid)


async def verify(work: Work, family: str, token: str) -> Mapping[str, Any]:
    """What the token says, which a key of the family signed and which is good now. Nothing else is looked at.

    Raises:
        InvalidAccessToken: It is no such token.
    """
    kid = access_tokens.unverified_kid(token)
    if kid is None:
        raise InvalidAccessToken
    known = await _known(work)
    if kid not in known.keys and _may_look_again(work.keys):
        known = await _read(work)
        if kid not in known.keys:
            _missed_at[work.keys] = known.read_at
    key = known.keys.get(kid)
    if key is None or key.family != family or not _is_trusted(key, work.now):
        raise InvalidAccessToken
    try:
        return access_tokens.verify(
            {kid: known.verifying[kid]},
            token,
            issuer=work.settings.base_url,
            audience=None,  # the session knows whose it is
            now=work.now,
        )
    except BadToken as cause:
        raise InvalidAccessToken from cause


async def _known(work: Work, life_seconds: float = LIFE_SECONDS) -> _Known:
    known = _known_keys.get(work.keys)
    if known is None or known.read_at + life_seconds <= time.monotonic():
        return await _read(work)
    return known


def _may_look_again(keys: KeyRing) -> bool:
    missed_at = _missed_at.get(keys)
    return missed_at is None or missed_at + PAUSE_SECONDS <= time.monotonic()


async def _read(work: Work) -> _Known:
    known = _known_keys[work.keys] = await together(work.conn, _read_for_all, None, key=object())
    return known


async def _read_for_all(conn: Connection, asked: Sequence[None]) -> Sequence[_Known]:
    """What there is to know, read and parsed once for all who want it at one moment."""
    began = time.monotonic()
    keys = {key.kid: key for key in await store.select_keys(conn)}
    verifying = {kid: VerifyingKey(key.public_jwk) for kid, key in keys.items()}
    return [_Known(keys, verifying, began)] * len(asked)


def _signer(keys: Iterable[TokenKey], family: str, algorithm: TokenAlgorithm) -> TokenKey | None:
    """The newest key that signs for the family by this algorithm; *keys* come newest first."""
    fitting = (key for key in keys if (key.family, key.algorithm) == (family, algorithm))
    return next((key for key in fitting if key.retired_at is None), None)


def _is_trusted(key: TokenKey, now: datetime) -> bool:
    return key.retired_at is None or key.retired_at > now - LONGEST_TOKEN


async def _make_first(work: Work, family: str) -> TokenKey:
    """A key that signs for the family by the instance's algorithm, made now if still nobody has.

    It is not kept in the process before it was read again: this transaction may yet be undone.
    """
    key = await _new_key(work, family)
    async with work.conn.transaction():
        await store.lock_family(work.conn, family)
        made_meanwhile = _signer(await store.select_keys(work.conn), family, key.algorithm)
        if made_meanwhile is not None:
            return made_meanwhile
        await store.insert_key(work.conn, work.origin, key)
    return key


async def _new_key(work: Work, family: str) -> TokenKey:
    """A key that is nowhere yet. Finding primes takes long enough to be left to a thread."""
    made = await asyncio.to_thread(access_tokens.generate, work.settings.token_algorithm)
    key_id = ids.new_uid()
    return TokenKey(
        id=key_id,
        kid=f"{family}-{token_hex(8)}",
        family=family,
        algorithm=made.algorithm,
        public_jwk=made.public_jwk,
        private_key_sealed=work.keys.seal(made.private_key, key_purpose(key_id)),
        created_at=work.now,
        retired_at=None,
    )


@lru_cache(maxsize=256)
def _opened(keys: KeyRing, key_id: UUID, algorithm: TokenAlgorithm, sealed: bytes) -> SigningKey:
    """The private half. Kept, since it signs often and opening is dear; sealed anew it is opened anew."""
    return SigningKey(algorithm, keys.open(sealed, key_purpose(key_id)))
