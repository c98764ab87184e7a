import pytest

from server.base import ids
from server.base.errors import AttemptNotFound
from server.base.pages import PageRequest
from server.core.auth_attempts.administration import (
    ListAttempts,
    ReadAttempt,
    list_attempts,
    read_attempt,
)
from server.core.auth_attempts.model import AttemptStatus
from server.core.work import Work
from tests.support.factories import a_name, a_verified_enrollment, an_integration, an_open_attempt
from tests.support.work import later


async def test_operators_see_how_an_attempt_went(work: Work) -> None:
    enrollment = await a_verified_enrollment(work)
    attempt = await an_open_attempt(work, enrollment=enrollment, title="Transfer")

    seen = await read_attempt(work, ReadAttempt(attempt.id))

    assert (seen.id, seen.enrollment_id, seen.integration_id, seen.organization_id) == (
        attempt.id,
        enrollment.id,
        enrollment.integration_id,
        enrollment.organization_id,
    )
    assert (seen.status, seen.challenge_required) == (AttemptStatus.PENDING, True)
    assert (seen.context_title, seen.created_at, seen.ended_at) == ("Transfer", work.now, None)
    assert str(attempt.challenge) not in repr(seen)


async def test_an_attempt_past_its_time_is_shown_as_expired_before_the_job_came_by(work: Work) -> None:
    attempt = await an_open_attempt(work)
    afterwards = later(work, seconds=120)

    assert (await read_attempt(afterwards, ReadAttempt(attempt.id))).status is AttemptStatus.EXPIRED
    page = await list_attempts(
        afterwards,
        ListAttempts(PageRequest(), enrollment_id=attempt.enrollment_id, status=AttemptStatus.EXPIRED),
    )
    assert [seen.id for seen in page.items] == [attempt.id]


async def test_lists_are_filtered_searched_and_paged(work: Work) -> None:
    integration = await an_integration(work)
    word = a_name("Transfer")
    first = await an_open_attempt(
        work, enrollment=await a_verified_enrollment(work, integration=integration), title=word
    )
    second = await an_open_attempt(
        later(work, seconds=1), enrollment=await a_verified_enrollment(work, integration=integration)
    )
    await an_open_attempt(work)

    async def listed(search: str = "", *, limit: int = 20, offset: int = 0) -> tuple[list[int], int]:
        page = await list_attempts(
            work, ListAttempts(PageRequest(limit, offset, search), integration_id=integration.id)
        )
        return [attempt.id for attempt in page.items], page.total

    assert await listed() == ([second.id, first.id], 2)
    assert await listed(word.upper()) == ([first.id], 1)
    assert await listed(limit=1, offset=1) == ([first.id], 2)
    assert await listed(offset=5) == ([], 2)


async def test_an_unknown_attempt_is_not_found(work: Work) -> None:
    with pytest.raises(AttemptNotFound):
        await read_attempt(work, ReadAttempt(ids.new_small_id()))
