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
    CreatedAttempt,
    NewAttempt,
    delete_idempotency_keys,
    insert_attempt,
    lock_addressees,
    select_addressees,
    select_replay,
)
from server.core.auth_attempts.view import attempt_as_of_now
from server.core.work import Work
from server.crypto.tokens import digest, new_challenge, new_proof_token
from server.db.conflicts import unique

IDEMPOTENCY_WINDOW = timedelta(hours=24)
MOST_DIGITS_SEEN = 10_000

# How many digits the challenges of an integration have, where a guess was wrong before. The guess is: a
# challenge is needed if it is asked for, and has as many as the settings say. A number that is wrong by now
# costs one more look and one more try, nothing else: the statement that would store the challenge checks it.
_digits_seen: dict[int, int] = {}


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
    """Somebody else created an attempt for the same enrollment while our statement ran."""


class _KeyUsedBefore(Exception):
    """The Idempotency-Key was used: while our statement ran, or before its window."""


async def create_attempt(work: Work, command: CreateAttempt) -> Attempt:
    """The attempt is PENDING, an earlier open one of the enrollment EXPIRED, and its phone is woken.

    Whether a challenge is needed is fixed here, and later policy does not change it. May be performed at
    once: the change is one statement, and where it is made nothing else is asked. Why it was not made, or
    what came of the same key before, is looked up afterwards.

    Raises:
        InvalidFields: A text is too long, holds control characters, or the title holds `|`.
        AttemptCreateInvalid: It is not clear for whom the attempt is.
        EnrollmentForbidden: The id is unknown, or another integration's.
        EnrollmentInactive: The enrollment is not verified, not active, or locked, or its integration or
            tenant is not active.
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
    key_digest, request_digest = _idempotency(command)

    while True:
        attempt_id = new_small_id()
        digits = _digits_of_challenge(work, command)
        challenge = None if digits is None else new_challenge(digits)
        new = NewAttempt(
            id=attempt_id,
            integration_id=command.integration_id,
            enrollment_id=command.enrollment_id,
            user_identifier=user_identifier,
            challenge_requested=command.challenge_requested,
            challenge_digits=digits,
            challenge_sealed=_sealed(work, challenge, attempt_id),
            proof_token_sealed=work.keys.seal(new_proof_token().encode(), proof_token_purpose(attempt_id)),
            context_title=title,
            context_message=message,
            default_challenge_digits=work.settings.challenge_digits,
            default_ttl_seconds=work.settings.attempt_ttl_seconds,
            key_digest=key_digest,
            request_digest=request_digest,
            keys_since=work.now - IDEMPOTENCY_WINDOW,
        )
        try:
            created = await _insert_in_turn(work, new)
        except _IdTaken:
            continue  # a random id is drawn again
        except _KeyUsedBefore:
            # Somebody used it a moment ago, or its window is over and the job has not come by yet.
            await delete_idempotency_keys(work.conn, new.keys_since)
            continue
        if created is not None:
            work.wake(asked_topic(created.enrollment_id))
            if created.superseded is not None:
                work.wake(ended_topic(created.superseded))
            return _pending(work, new, created, challenge)
        if (earlier := await _replay(work, new)) is not None:
            return earlier
        _remember_digits(new.integration_id, await _right_digits(work, new))


def _text(field: str, text: str | None, longest: int, *, multiline: bool) -> str | None:
    """*text* in the form in which it is stored, shown and signed (NFC); None when it is empty."""
    if not text:
        return None
    if utf16_length(text) > longest:
        raise InvalidFields(fields={field: f"must not be longer than {longest} characters"})
    if not is_showable(text, multiline=multiline):
        raise InvalidFields(fields={field: "must not contain control or text-direction characters"})
    return unicodedata.normalize("NFC", text)


def _idempotency(command: CreateAttempt) -> tuple[bytes, bytes] | tuple[None, None]:
    """The digests of the Idempotency-Key and of the request that it came with."""
    if command.idempotency_key is None:
        return None, None
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


def _digits_of_challenge(work: Work, command: CreateAttempt) -> int | None:
    """How many digits the challenge has, as far as this process knows; None if none is needed."""
    guess = work.settings.challenge_digits if command.challenge_requested else None
    return _digits_seen.get(command.integration_id, guess)


def _remember_digits(integration_id: int, digits: int) -> None:
    if len(_digits_seen) >= MOST_DIGITS_SEEN:
        _digits_seen.clear()
    _digits_seen[integration_id] = digits


def _sealed(work: Work, challenge: int | None, attempt_id: int) -> bytes | None:
    if challenge is None:
        return None
    return work.keys.seal(str(challenge).encode(), challenge_purpose(attempt_id))


def _pending(work: Work, new: NewAttempt, created: CreatedAttempt, challenge: int | None) -> Attempt:
    return Attempt(
        id=new.id,
        enrollment_id=created.enrollment_id,
        status=AttemptStatus.PENDING,
        challenge=challenge if created.challenged else None,
        proof_token=None,
        context_title=new.context_title,
        context_message=new.context_message,
        deny_reason=None,
        created_at=work.now,
        expires_at=created.expires_at,
    )


async def _replay(work: Work, new: NewAttempt) -> Attempt | None:
    """The attempt that this Idempotency-Key made before, as it is now; None when it made none."""
    if new.key_digest is None:
        return None
    replay = await select_replay(work.conn, new.integration_id, new.key_digest, new.keys_since)
    if replay is None:
        return None
    if replay.request_digest != new.request_digest:
        raise IdempotencyKeyReused
    return attempt_as_of_now(work, replay.attempt)


async def _right_digits(work: Work, new: NewAttempt) -> int:
    """How many digits the challenge should have had, which is all that was wrong with *new*.

    Raises:
        AttemptCreateInvalid, EnrollmentForbidden, EnrollmentInactive: Something else was.
    """
    found = await select_addressees(
        work.conn,
        new.integration_id,
        enrollment_id=new.enrollment_id,
        user_identifier=new.user_identifier,
    )
    digits = _addressee(found, new).challenge_digits or new.default_challenge_digits
    if digits == new.challenge_digits:
        raise EnrollmentInactive  # it can be asked now, and could not a moment ago
    return digits


def _addressee(found: Sequence[Addressee], new: NewAttempt) -> Addressee:
    """The one enrollment that the attempt goes to."""
    if new.enrollment_id is not None:
        if not found:
            raise EnrollmentForbidden
        if new.user_identifier is not None and found[0].user_identifier != new.user_identifier:
            raise AttemptCreateInvalid("enrollmentId and userIdentifier do not belong together")
    elif len(found) != 1:
        raise AttemptCreateInvalid("userIdentifier does not name exactly one active enrollment")
    if not found[0].can_be_asked:
        raise EnrollmentInactive
    return found[0]


async def _insert_in_turn(work: Work, new: NewAttempt) -> CreatedAttempt | None:
    """As `_insert`, also when others create attempts for the enrollment at the same moment."""
    try:
        return await _insert(work, new)
    except _AnotherAtTheSameMoment:
        # Inside a transaction this one is a savepoint: what is in the way undoes the lock, and no more.
        async with work.conn.transaction():
            # With the enrollment locked, the next look sees what the others made.
            await lock_addressees(
                work.conn,
                new.integration_id,
                enrollment_id=new.enrollment_id,
                user_identifier=new.user_identifier,
            )
            return await _insert_here(work, new)


async def _insert(work: Work, new: NewAttempt) -> CreatedAttempt | None:
    """The attempt is stored, unless something that is looked up afterwards is wrong with it.

    What is in the way is found by a violation, which only a savepoint survives inside a transaction.
    """
    if work.conn.is_in_transaction():
        async with work.conn.transaction():
            return await _insert_here(work, new)
    return await _insert_here(work, new)


async def _insert_here(work: Work, new: NewAttempt) -> CreatedAttempt | None:
    with (
        unique("auth_attempts_pkey", _IdTaken()),
        unique("auth_attempts_open_key", _AnotherAtTheSameMoment()),
        unique("idempotency_keys_key", _KeyUsedBefore()),
    ):
        return await insert_attempt(work.conn, work.origin, new)
