"""Making one-time secrets, and taking them back."""

import json
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from server.base.errors import InvalidCode, LinkExpired, LinkUnknown, LinkUsed
from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.one_time_secrets import store
from server.core.one_time_secrets.model import (
    MAILED,
    DropSecrets,
    IssueCode,
    IssueToken,
    RedeemCode,
    Redeemed,
    RedeemToken,
    RememberOnce,
)
from server.core.one_time_secrets.store import NewSecret, SecretRow
from server.core.work import Refusal, Work
from server.crypto.one_time_codes import new_code
from server.crypto.tokens import digest, new_link_token

# For so long a link that is past its time is called so, instead of unknown.
KEPT_AFTER_EXPIRY = timedelta(days=7)
BATCH = 500


async def issue_token(work: Work, command: IssueToken) -> Secret:
    """The token works once, until its time is over: 256 random bits in Base64URL. One statement.

    Where it is mailed, an earlier one of this purpose and target is dead.
    """
    token, secret_id = new_link_token(), new_uid()
    await store.insert_token(
        work.conn,
        NewSecret(
            id=secret_id,
            realm_id=command.realm_id,
            principal_id=command.principal_id,
            purpose=command.purpose,
            target=command.target,
            secret_digest=digest(token),
            payload_sealed=_sealed(work, secret_id, command.payload),
            max_attempts=1,
            created_at=work.now,
            expires_at=work.now + timedelta(seconds=command.ttl_seconds),
        ),
        replaces=command.purpose in MAILED,
    )
    return Secret(token)


async def issue_code(work: Work, command: IssueCode) -> Secret:
    """The code works once, until its time is over; an earlier one of this purpose and target is dead.

    One statement. What is kept of it cannot be turned back into six digits without the master key.
    """
    code, secret_id = new_code(), new_uid()
    await store.replace_code(
        work.conn,
        NewSecret(
            id=secret_id,
            realm_id=command.realm_id,
            principal_id=command.principal_id,
            purpose=command.purpose,
            target=command.target,
            secret_digest=work.keys.keyed_digest(code, _code_purpose(secret_id)),
            payload_sealed=None,
            max_attempts=command.max_attempts,
            created_at=work.now,
            expires_at=work.now + timedelta(seconds=command.ttl_seconds),
        ),
    )
    return Secret(code)


async def look_up_token(work: Work, command: RedeemToken) -> Redeemed:
    """What the token would prove; it stays as it is. One SELECT.

    Raises:
        LinkUnknown, LinkUsed, LinkExpired: It would prove nothing.
    """
    row = await store.select_token(
        work.conn, command.realm_id, command.purpose, digest(command.token.reveal())
    )
    if row is None:
        raise LinkUnknown
    if row.used_at is not None:
        raise LinkUsed
    if row.expires_at <= work.now:
        raise LinkExpired
    return _redeemed(work, row)


async def redeem_token(work: Work, command: RedeemToken) -> Redeemed:
    """The token is used, by whoever was first.

    Raises:
        LinkUnknown: There is none with this purpose, in this realm.
        LinkUsed: It was used before.
        LinkExpired: It is past its time.
    """
    row = await store.update_token_used(
        work.conn, command.realm_id, command.purpose, digest(command.token.reveal()), work.now
    )
    if row is None:
        await look_up_token(work, command)
        raise LinkUsed  # it was good a moment ago, and somebody was first
    return _redeemed(work, row)


async def redeem_code(work: Work, command: RedeemCode) -> Redeemed:
    """The code is used, by whoever was first.

    Raises:
        InvalidCode: It is wrong: as a `Refusal`, since the try is counted. Or there is nothing to be tried:
            none was sent, or it is used, past its time or dead after too many tries.
    """
    row = await store.claim_try(work.conn, command.realm_id, command.purpose, command.target, work.now)
    if row is None:
        raise InvalidCode
    right = work.keys.is_keyed_digest_of(row.secret_digest, command.code.reveal(), _code_purpose(row.id))
    if not right or not await store.update_code_used(work.conn, row.id, work.now):
        raise Refusal(InvalidCode())
    return _redeemed(work, row)


async def remember_once(work: Work, command: RememberOnce) -> bool:
    """Whether this is the first time that it comes; from now on it is not. One statement."""
    return await store.insert_used_token(
        work.conn,
        NewSecret(
            id=new_uid(),
            realm_id=command.realm_id,
            principal_id=None,
            purpose=command.purpose,
            target=command.issuer,
            secret_digest=digest(f"{command.issuer}\n{command.text}"),
            payload_sealed=None,
            max_attempts=1,
            created_at=work.now,
            expires_at=work.now + timedelta(seconds=command.ttl_seconds),
        ),
    )


async def drop_secrets(work: Work, command: DropSecrets) -> None:
    """What was sent to the principal for these purposes and not used yet proves nothing any more."""
    await store.delete_live(work.conn, command.realm_id, command.principal_id, command.purposes)


async def forget_expired(work: Work, _: None) -> int:
    """No more than a batch of secrets that are long past their time are forgotten; how many."""
    return await store.delete_expired(work.conn, work.now - KEPT_AFTER_EXPIRY, BATCH)


def _sealed(work: Work, secret_id: UUID, payload: Mapping[str, str] | None) -> bytes | None:
    if not payload:
        return None
    return work.keys.seal(json.dumps(dict(payload)).encode(), _payload_purpose(secret_id))


def _redeemed(work: Work, row: SecretRow) -> Redeemed:
    payload: dict[str, str] = {}
    if row.payload_sealed is not None:
        payload = json.loads(work.keys.open(row.payload_sealed, _payload_purpose(row.id)))
    return Redeemed(row.realm_id, row.principal_id, row.target, payload)


def _payload_purpose(secret_id: UUID) -> str:
    """What the sealed payload of this secret is sealed for."""
    return f"one_time_secrets.payload:{secret_id}"


def _code_purpose(secret_id: UUID) -> str:
    """What the digest of this code is made for: the same digits have another digest in every row."""
    return f"one_time_secrets.code:{secret_id}"
