"""A relying party asks."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from server.base.errors import (
    AttemptCreateInvalid,
    EnrollmentForbidden,
    EnrollmentInactive,
    IdempotencyKeyReused,
    InvalidFields,
)
from server.base.ids import new_small_id
from server.base.text import is_showable, utf16_length
from server.core.auth_attempts.model import (
    MAX_MESSAGE_LENGTH,
    MAX_TITLE_LENGTH,
    Attempt,
    AttemptStatus,
    asked_topic,
    challenge_purpose,
    ended_topic,
    proof_token_purpose,
)
from server.core.auth_attempts.store import (
    Addressee,
    NewAttempt,
    delete_idempotency_keys,
    insert_attempt,
    lock_enrollment,
    select_addressees,
    select_replay,
)
from server.core.auth_attempts.view import attempt_as_of_now
from server.core.enrollments.model import EnrollmentStatus
from server.core.work import Work
from server.crypto.tokens import digest, new_challenge, new_proof_token
from server.db.conflicts import unique

IDEMPOTENCY_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class CreateAttempt:
    """What a person is asked, and who.

    Args:
        integration_id: The caller's own.
        user_identifier: Instead of the id, or besides it; spaces around it do not count.
        context_title: At most 200 UTF-16 units, without `|`.
        context_message: At most 2000 UTF-16 units.
        idempotency_key: The same key with the same request gives the same attempt for a day.
    """

    integration_id: int
    enrollment_id: int | None
    user_identifier: str | None
    challenge_requested: bool
    context_title: str | None
    context_message: str | None
    idempotency_key: str | None = None


class _IdTaken(Exception):
    """Another attempt has the id that was drawn."""


class _AnotherAtTheSameMoment(Exception):
    """Somebody else created an attempt for the same enrollment between two of our looks."""


class _KeyUsedBefore(Exception):
    """The Idempotency-Key was used: between two of our looks, or before its window."""


async def create_attempt(work: Work, command: CreateAttempt) -> Attempt:
    """The attempt is PENDING, an earlier open one of the enrollment EXPIRED, and its phone is woken.

    Whether a challenge is needed is fixed here, and later policy does not change it. May be performed at
    once: the change is one statement.

    Raises:
        InvalidFields: A text is too long, holds control characters, or the title holds `|`.
        AttemptCreateInvalid: It is not clear for whom the attempt is.
        EnrollmentForbidden: The id is unknown, or another integration's.
        EnrollmentInactive: The enrollment is not verified, not active, or locked.
        IdempotencyKeyReused: The key came before with another request.

    Source: docs/protocol/wire.md, 3.2 and 0.
    """
    title = _text("contextTitle", command.context_title, MAX_TITLE_LENGTH, multiline=False)
    message = _text("contextMessage", command.context_message, MAX_MESSAGE_LENGTH, multiline=True)
    if title is not None and "|" in title:
        raise InvalidFields(fields={"contextTitle": "must not contain '|'"})
    user_identifier = (command.user_identifier or "").strip() or None
    if command.enrollment_id is None and user_identifier is None:
        raise AttemptCreateInvalid("Either enrollmentId or userIdentifier is needed")
    idempotency = _idempotency(command)
    if (earlier := await _replay(work, command, idempotency)) is not None:
        return earlier

    addressee = _addressee(
        await select_addressees(
            work.conn,
            command.integration_id,
            enrollment_id=command.enrollment_id,
            user_identifier=user_identifier,
        ),
        command,
        user_identifier,
    )
    while True:
        new, challenge = _new_attempt(work, command, addressee, title, message)
        try:
            superseded = await _insert_in_turn(work, new, idempotency)
        except _IdTaken:
            continue  # a random id is drawn again
        except _KeyUsedBefore:
            if (earlier := await _replay(work, command, idempotency)) is not None:
                return earlier
            # Its window is over, and the job has not come by yet.
            await delete_idempotency_keys(work.conn, work.now - IDEMPOTENCY_WINDOW)
        else:
            work.wake(asked_topic(addressee.id))
            if superseded is not None:
                work.wake(ended_topic(superseded))
            return _pending(work, new, challenge)


def _text(field: str, text: str | None, longest: int, *, multiline: bool) -> str | None:
    """*text* in the form in which it is stored, shown and signed (NFC); None when it is empty."""
    if not text:
        return None
    if utf16_length(text) > longest:
        raise InvalidFields(fields={field: f"must not be longer than {longest} characters"})
    if not is_showable(text, multiline=multiline):
        raise InvalidFields(fields={field: "must not contain control or text-direction characters"})
    return unicodedata.normalize("NFC", text)


def _idempotency(command: CreateAttempt) -> tuple[bytes, bytes] | None:
    """The digests of the Idempotency-Key and of the request that it came with."""
    if command.idempotency_key is None:
        return None
    request = repr(
        (
            command.enrollment_id,
            command.user_identifier,
            command.challenge_requested,
            command.context_title,
            command.context_message,
        )
    )
    return digest(command.idempotency_key), digest(request)


async def _replay(
    work: Work, command: CreateAttempt, idempotency: tuple[bytes, bytes] | None
) -> Attempt | None:
    """The attempt that this Idempotency-Key made before, as it is now; None when it made none."""
    if idempotency is None:
        return None
    key_digest, request_digest = idempotency
    replay = await select_replay(work.conn, command.integration_id, key_digest, work.now - IDEMPOTENCY_WINDOW)
    if replay is None:
        return None
    if replay.request_digest != request_digest:
        raise IdempotencyKeyReused
    return attempt_as_of_now(work, replay.attempt)


def _addressee(found: Sequence[Addressee], command: CreateAttempt, user_identifier: str | None) -> Addressee:
    """The one enrollment that the attempt goes to."""
    if command.enrollment_id is not None:
        if not found:
            raise EnrollmentForbidden
        if user_identifier is not None and found[0].user_identifier != user_identifier:
            raise AttemptCreateInvalid("enrollmentId and userIdentifier do not belong together")
    elif len(found) != 1:
        raise AttemptCreateInvalid("userIdentifier does not name exactly one active enrollment")
    addressee = found[0]
    if addressee.status is not EnrollmentStatus.VERIFIED or not addressee.active or addressee.locked:
        raise EnrollmentInactive
    return addressee


def _new_attempt(
    work: Work, command: CreateAttempt, addressee: Addressee, title: str | None, message: str | None
) -> tuple[NewAttempt, int | None]:
    """What is stored, and the challenge in clear for the relying party to show."""
    attempt_id = new_small_id()
    challenge: int | None = None
    challenge_sealed: bytes | None = None
    if command.challenge_requested or addressee.challenge_required:
        challenge = new_challenge(addressee.challenge_digits or work.settings.challenge_digits)
        challenge_sealed = work.keys.seal(str(challenge).encode(), challenge_purpose(attempt_id))
    ttl = addressee.attempt_ttl_seconds or work.settings.attempt_ttl_seconds
    new = NewAttempt(
        id=attempt_id,
        organization_id=addressee.organization_id,
        integration_id=command.integration_id,
        enrollment_id=addressee.id,
        proof_token_sealed=work.keys.seal(new_proof_token().encode(), proof_token_purpose(attempt_id)),
        challenge_sealed=challenge_sealed,
        context_title=title,
        context_message=message,
        expires_at=work.now + timedelta(seconds=ttl),
    )
    return new, challenge


def _pending(work: Work, new: NewAttempt, challenge: int | None) -> Attempt:
    return Attempt(
        id=new.id,
        enrollment_id=new.enrollment_id,
        status=AttemptStatus.PENDING,
        challenge=challenge,
        proof_token=None,
        context_title=new.context_title,
        context_message=new.context_message,
        deny_reason=None,
        created_at=work.now,
        expires_at=new.expires_at,
    )


async def _insert_in_turn(work: Work, new: NewAttempt, idempotency: tuple[bytes, bytes] | None) -> int | None:
    """As `_insert`, also when others create attempts for the enrollment at the same moment."""
    try:
        return await _insert(work, new, idempotency)
    except _AnotherAtTheSameMoment:
        # Inside a transaction this one is a savepoint: what is in the way undoes the lock, and no more.
        async with work.conn.transaction():
            # With the enrollment locked, the next look sees what the others made.
            await lock_enrollment(work.conn, new.enrollment_id)
            return await _insert_here(work, new, idempotency)


async def _insert(work: Work, new: NewAttempt, idempotency: tuple[bytes, bytes] | None) -> int | None:
    """The attempt is stored; the id of the one it superseded, if any.

    What is in the way is found by a violation, which only a savepoint survives inside a transaction.
    """
    if work.conn.is_in_transaction():
        async with work.conn.transaction():
            return await _insert_here(work, new, idempotency)
    return await _insert_here(work, new, idempotency)


async def _insert_here(work: Work, new: NewAttempt, idempotency: tuple[bytes, bytes] | None) -> int | None:
    with (
        unique("auth_attempts_pkey", _IdTaken()),
        unique("auth_attempts_open_key", _AnotherAtTheSameMoment()),
        unique("idempotency_keys_key", _KeyUsedBefore()),
    ):
        created, superseded = await insert_attempt(work.conn, work.origin, new, idempotency=idempotency)
    if not created:
        raise EnrollmentInactive
    return superseded
