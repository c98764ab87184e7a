"""A relying party follows its attempt: reads it, or ends it."""

from dataclasses import dataclass

from server.base.errors import AttemptNotFound, AttemptStateConflict
from server.core.auth_attempts.model import Attempt, ended_topic
from server.core.auth_attempts.store import select_attempt, update_cancelled
from server.core.auth_attempts.view import attempt_as_of_now
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class ReadAttempt:
    """One attempt of the caller's integration."""

    integration_id: int
    attempt_id: int


@dataclass(frozen=True, slots=True)
class CancelAttempt:
    """One attempt of the caller's integration."""

    integration_id: int
    attempt_id: int


async def read_attempt(work: Work, command: ReadAttempt) -> Attempt:
    """The attempt as it is now.

    Raises:
        AttemptNotFound: The id is unknown, or another integration's.
    """
    row = await select_attempt(work.conn, command.integration_id, command.attempt_id)
    if row is None:
        raise AttemptNotFound
    return attempt_as_of_now(work, row)


async def cancel_attempt(work: Work, command: CancelAttempt) -> Attempt:
    """The attempt is EXPIRED, and whoever waits for it knows. May be performed at once.

    Raises:
        AttemptNotFound: The id is unknown, or another integration's.
        AttemptStateConflict: It had ended.
    """
    row = await update_cancelled(work.conn, work.origin, command.integration_id, command.attempt_id)
    if row is None:
        await read_attempt(work, ReadAttempt(command.integration_id, command.attempt_id))
        raise AttemptStateConflict
    work.wake(ended_topic(row.id))
    return attempt_as_of_now(work, row)
