"""What operators see of attempts: how they went. Never the challenge, never the proof token."""

from dataclasses import dataclass

from server.base.errors import AttemptNotFound
from server.base.pages import Page, PageRequest
from server.core.auth_attempts import administration_store as store
from server.core.auth_attempts.model import AttemptStatus
from server.core.auth_attempts.record import AttemptRecord
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class ListAttempts:
    """Which attempts: of one integration or enrollment, or in one status; search is in the title."""

    page: PageRequest
    integration_id: int | None = None
    enrollment_id: int | None = None
    status: AttemptStatus | None = None


@dataclass(frozen=True, slots=True)
class ReadAttempt:
    """Which attempt."""

    attempt_id: int


async def list_attempts(work: Work, command: ListAttempts) -> Page[AttemptRecord]:
    """The attempts asked for, newest first."""
    return await store.select_page(
        work.conn,
        command.page,
        integration_id=command.integration_id,
        enrollment_id=command.enrollment_id,
        status=command.status,
        now=work.now,
    )


async def read_attempt(work: Work, command: ReadAttempt) -> AttemptRecord:
    """The attempt.

    Raises:
        AttemptNotFound: There is none.
    """
    attempt = await store.select_attempt(work.conn, command.attempt_id, work.now)
    if attempt is None:
        raise AttemptNotFound
    return attempt
