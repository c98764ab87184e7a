from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from server.base import ids
from server.base.errors import InvalidFields
from server.core.projects.model import Project
from server.core.usage.actions import CountedUse, ReadUsage, count_sign_in, read_usage
from server.core.usage.model import Usage
from server.core.usage.store import PARTS
from server.core.work import Work
from server.db.pool import Connection
from tests.support.accounts import a_customer, a_project
from tests.support.work import a_work, later

NOON = datetime(2030, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def work(conn: Connection) -> Work:
    """It is noon on the 17th of May."""
    return a_work(conn, now=NOON)


@pytest.fixture
async def project(work: Work) -> Project:
    """A project that nobody used yet."""
    return await a_project(work)


async def test_three_people_who_sign_in_five_times_are_three_people_and_five_logins(
    work: Work, project: Project
) -> None:
    jane, joe, ann = (ids.new_uid() for _ in range(3))
    for principal_id in (jane, jane, joe, ann, jane):
        await _use(work, project, principal_id, login=True)

    usage = await read_usage(work, ReadUsage(project.organization_id))

    assert (usage.active_users, usage.logins, usage.tokens_issued) == (3, 5, 5)
    assert (usage.passwordless_logins, usage.sso_logins) == (0, 0)


async def test_a_sign_up_and_a_refresh_are_activity_and_tokens_but_no_logins(
    work: Work, project: Project
) -> None:
    await _use(work, project, ids.new_uid())

    usage = await read_usage(work, ReadUsage(project.organization_id))

    assert (usage.active_users, usage.logins, usage.tokens_issued) == (1, 0, 1)


async def test_logins_without_password_and_by_providers_are_counted_besides(
    work: Work, project: Project
) -> None:
    jane = ids.new_uid()
    await _use(work, project, jane, login=True, passwordless=True)
    await _use(work, project, jane, login=True, sso=True)

    usage = await read_usage(work, ReadUsage(project.organization_id))

    assert (usage.logins, usage.passwordless_logins, usage.sso_logins) == (2, 1, 1)


async def test_a_project_has_its_own_numbers_and_the_organization_all_of_them(work: Work) -> None:
    organization = await a_customer(work)
    first, second = [await a_project(work, organization=organization) for _ in range(2)]
    await _use(work, first, ids.new_uid(), login=True)
    await _use(work, second, ids.new_uid(), login=True)
    await _use(work, second, ids.new_uid(), login=True)
    await _use(work, await a_project(work), ids.new_uid(), login=True)

    async def logins(project: Project | None) -> tuple[int, int]:
        usage = await read_usage(work, ReadUsage(organization.id, project.id if project else None))
        return usage.active_users, usage.logins

    assert [await logins(first), await logins(second), await logins(None)] == [(1, 1), (2, 2), (3, 3)]


async def test_days_are_those_of_utc_and_both_ends_count(work: Work, project: Project) -> None:
    midnight = later(work, hours=12)
    jane = ids.new_uid()
    await _use(later(midnight, microseconds=-1), project, jane, login=True)
    await _use(midnight, project, jane, login=True)
    await _use(later(midnight, days=1), project, jane, login=True)

    async def on(first: int, last: int) -> Usage:
        days = date(2030, 5, first), date(2030, 5, last)
        return await read_usage(work, ReadUsage(project.organization_id, None, *days))

    assert [(await on(day, day)).logins for day in range(16, 21)] == [0, 1, 1, 1, 0]
    assert [(await on(*days)).logins for days in ((17, 18), (18, 19), (1, 31))] == [2, 2, 3]
    assert (await on(1, 31)).active_users == 1


async def test_somebody_active_in_two_months_is_one_person_and_counts_in_the_days_asked_for(
    work: Work, project: Project
) -> None:
    """Active on the 17th and 31st of May and on the 1st of June; somebody else on the 20th of June."""
    jane = ids.new_uid()
    for days in (0, 14, 15):
        await _use(later(work, days=days), project, jane)
    await _use(later(work, days=34), project, ids.new_uid())

    async def people(first: date, last: date) -> int:
        usage = await read_usage(work, ReadUsage(project.organization_id, None, first, last))
        return usage.active_users

    may, june = date(2030, 5, 1), date(2030, 6, 1)
    assert await people(may, june.replace(day=30)) == 2
    assert await people(may.replace(day=18), june) == 1
    assert await people(may.replace(day=18), may.replace(day=30)) == 0
    assert await people(june.replace(day=2), june.replace(day=30)) == 1
    assert await people(may.replace(day=31), june) == 1
    assert await people(date(2030, 4, 1), may.replace(day=16)) == 0
    rows = await work.conn.fetchval("SELECT count(*) FROM usage_active_months WHERE principal_id = $1", jane)
    assert rows == 2


async def test_left_out_the_last_day_is_today_and_the_first_that_of_its_month(
    work: Work, project: Project
) -> None:
    async def period(first: date | None, last: date | None) -> tuple[date, date]:
        usage = await read_usage(work, ReadUsage(project.organization_id, None, first, last))
        return usage.first, usage.last

    assert await period(None, None) == (date(2030, 5, 1), date(2030, 5, 17))
    assert await period(None, date(2029, 2, 28)) == (date(2029, 2, 1), date(2029, 2, 28))
    assert await period(date(2030, 4, 30), None) == (date(2030, 4, 30), date(2030, 5, 17))


@pytest.mark.parametrize("first", [date(2030, 5, 18), date(2029, 5, 16)])
async def test_a_period_is_a_day_to_a_year(work: Work, project: Project, first: date) -> None:
    with pytest.raises(InvalidFields) as refused:
        await read_usage(work, ReadUsage(project.organization_id, first=first))

    assert list(refused.value.fields) == ["from"]
    year = await read_usage(work, ReadUsage(project.organization_id, first=date(2029, 5, 17)))
    assert (year.last - year.first).days == 365


async def test_nobody_elses_project_is_counted(work: Work, project: Project) -> None:
    organization = await a_customer(work)

    for project_id in (project.id, ids.new_uid()):
        with pytest.raises(InvalidFields) as refused:
            await read_usage(work, ReadUsage(organization.id, project_id))
        assert list(refused.value.fields) == ["project_id"]
    assert (await read_usage(work, ReadUsage(organization.id))).tokens_issued == 0


async def test_people_share_the_days_rows_by_chance(work: Work, project: Project) -> None:
    for _ in range(100):
        await _use(work, project, ids.new_uid(), login=True)

    rows = await work.conn.fetchval("SELECT count(*) FROM usage_days WHERE realm_id = $1", project.realm_id)

    assert PARTS // 2 < rows <= PARTS
    assert (await read_usage(work, ReadUsage(project.organization_id, project.id))).logins == 100


async def _use(
    work: Work,
    project: Project,
    principal_id: UUID,
    *,
    login: bool = False,
    passwordless: bool = False,
    sso: bool = False,
) -> None:
    await count_sign_in(
        work, CountedUse(project.realm_id, principal_id, login, passwordless=passwordless, sso=sso)
    )
