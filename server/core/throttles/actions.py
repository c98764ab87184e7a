"""Counting what may be done only so often."""

import math
from datetime import timedelta

from server.base.errors import TooManyAttempts
from server.core.throttles import store
from server.core.throttles.model import Tried, Try
from server.core.work import Work
from server.crypto.tokens import digest

BATCH = 500


async def count_try(work: Work, command: Try) -> Tried:
    """One more is counted, in one statement.

    Until the transaction ends whoever counts for the same subject waits, so that of tries at the same
    moment no more than *most* get through. A refusal that is not a `Refusal` takes the count back.

    Raises:
        TooManyAttempts: There were *most* already. With the transaction it takes this count back; who goes on
            all the same keeps it, which makes the window no longer.
    """
    tried = await store.upsert_try(
        work.conn,
        command.realm_id,
        command.kind,
        digest(command.subject),
        now=work.now,
        ends_at=work.now + timedelta(seconds=command.window_seconds),
    )
    if tried.count > command.most:
        raise _too_many(work, command, tried)
    return tried


async def check_tries(work: Work, command: Try) -> None:
    """Nothing is counted. One SELECT.

    Raises:
        TooManyAttempts: There were *most* already.
    """
    tried = await store.select_tries(
        work.conn, command.realm_id, command.kind, digest(command.subject), work.now
    )
    if tried is not None and tried.count >= command.most:
        raise _too_many(work, command, tried)


async def clear_tries(work: Work, command: Try) -> None:
    """The count starts anew with the next try."""
    await store.delete_tries(work.conn, command.realm_id, command.kind, digest(command.subject))


async def forget_expired(work: Work, _: None) -> int:
    """No more than a batch of windows that have ended are forgotten; how many."""
    return await store.delete_expired(work.conn, work.now, BATCH)


def _too_many(work: Work, command: Try, tried: Tried) -> TooManyAttempts:
    return TooManyAttempts(command.most, math.ceil((tried.ends_at - work.now).total_seconds()))
