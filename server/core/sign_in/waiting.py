"""Whether somebody has to be waited for: the phone that a sign-in asks."""

from server.base.errors import AttemptNotFound, InvalidSignIn
from server.core.auth_attempts.follow import ReadAttempt, read_attempt
from server.core.realms.actions import read_realm
from server.core.sign_in import store
from server.core.sign_in.advance import ReadUnfinished
from server.core.work import Work
from server.crypto.tokens import digest


async def has_answered(work: Work, command: ReadUnfinished) -> bool:
    """Whether the phone that is asked has nothing more to say. Perform at once, on `StepRequired.topic`.

    `advance_sign_in` then says what came of it. True also where no phone is asked.

    Raises:
        InvalidSignIn: There is no such unfinished sign-in.
    """
    row = await store.select_sign_in(work.conn, command.realm_id, digest(command.handle.reveal()), work.now)
    if row is None:
        raise InvalidSignIn
    integration_id = (await read_realm(work, row.realm_id)).push_integration_id
    if integration_id is None or row.push_attempt_id is None:
        return True
    try:
        attempt = await read_attempt(work, ReadAttempt(integration_id, row.push_attempt_id))
    except AttemptNotFound:
        return True
    return not attempt.status.is_open
