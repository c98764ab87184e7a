"""Return commits. Raise forgets. Refusal remembers."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from server.base.errors import TenantInactive, TenantNotFound, Unavailable
from server.base.ids import new_small_id
from server.base.principal import Actor
from server.core.audit.events import Event
from server.core.integrations.store import insert_integration
from server.core.organizations.actions import ReadTenant, read_tenant
from server.core.organizations.model import Tenant
from server.core.work import MOST_RUNS, Core, Refusal, Work, prepared
from tests.support.factories import a_name, a_tenant
from tests.support.work import OPERATOR


async def exists(core: Core, tenant: Tenant) -> bool:
    """Whether everybody can see the tenant."""
    try:
        await core.perform_at_once(read_tenant, ReadTenant(tenant.id), actor=OPERATOR)
    except TenantNotFound:
        return False
    return True


async def events_of(core: Core, tenant: Tenant) -> list[asyncpg.Record]:
    """The audit records of the tenant, oldest first."""
    async with core.db.acquire() as conn:
        return await conn.fetch(
            "SELECT * FROM audit_events WHERE target_kind = 'tenant' AND target_id = $1 ORDER BY at",
            str(tenant.id),
        )


async def test_returning_commits_work_events_and_outcome(core: Core) -> None:
    tenant = await core.perform(_make_tenant, "topic", actor=OPERATOR)

    assert await exists(core, tenant)
    assert [event["event"] for event in await events_of(core, tenant)] == ["tenant.created"]


async def test_raising_forgets_work_events_and_wakeups(core: Core) -> None:
    made: list[Tenant] = []

    async def fail(work: Work, topic: str) -> None:
        made.append(await _make_tenant(work, topic))
        raise TenantInactive

    topic = a_name("topic")
    with core.db.wakeups.subscribe(topic) as subscription:
        with pytest.raises(TenantInactive):
            await core.perform(fail, topic, actor=OPERATOR)
        assert not await subscription.wait(0)

    assert not await exists(core, made[0])
    assert await events_of(core, made[0]) == []


async def test_a_refusal_remembers_all_three_and_raises_what_it_carries(core: Core) -> None:
    made: list[Tenant] = []

    async def refuse(work: Work, topic: str) -> None:
        made.append(await _make_tenant(work, topic))
        raise Refusal(TenantInactive("not today"))

    topic = a_name("topic")
    with core.db.wakeups.subscribe(topic) as subscription:
        with pytest.raises(TenantInactive, match="not today"):
            await core.perform(refuse, topic, actor=OPERATOR)
        assert await subscription.wait(0)

    assert await exists(core, made[0])
    assert len(await events_of(core, made[0])) == 1


async def test_nobody_is_woken_before_the_commit(core: Core) -> None:
    """Who is woken looks at once, and must find what has changed."""
    topic = a_name("topic")
    seen: list[bool] = []

    async def make(work: Work, _: None) -> Tenant:
        tenant = await _make_tenant(work, topic)
        seen.append(await subscription.wait(0))
        return tenant

    with core.db.wakeups.subscribe(topic) as subscription:
        await core.perform(make, None, actor=OPERATOR)
        assert await subscription.wait(0)

    assert seen == [False]


async def test_a_commit_that_fails_wakes_nobody(core: Core) -> None:
    """An integration without a signing key is noticed at the commit, not before."""
    topic = a_name("topic")

    async def make_half(work: Work, _: None) -> None:
        tenant = await a_tenant(work)
        await insert_integration(
            work.conn,
            new_small_id(),
            organization_id=tenant.id,
            name="half",
            description=None,
            attempt_ttl_seconds=None,
            challenge_digits=None,
            now=work.now,
        )
        work.wake(topic)

    with core.db.wakeups.subscribe(topic) as subscription:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await core.perform(make_half, None, actor=OPERATOR)
        assert not await subscription.wait(0)


async def test_done_at_once_every_statement_is_committed_by_itself(core: Core) -> None:
    made: list[Tenant] = []

    async def fail_afterwards(work: Work, _: None) -> None:
        made.append(await a_tenant(work))
        raise TenantInactive

    with pytest.raises(TenantInactive):
        await core.perform_at_once(fail_afterwards, None, actor=OPERATOR)

    assert await exists(core, made[0])
    assert await events_of(core, made[0]) == []


async def test_done_at_once_an_action_writes_its_own_records(core: Core) -> None:
    with pytest.raises(AssertionError, match="writes its own"):
        await core.perform_at_once(_make_tenant, "topic", actor=OPERATOR)


async def test_all_of_a_work_happens_at_one_instant_of_the_cores_clock(core: Core) -> None:
    core.clock.set_offset(timedelta(days=100))

    async def instants(work: Work, _: None) -> tuple[datetime, datetime, datetime]:
        tenant = await a_tenant(work)
        return work.now, tenant.created_at, work.now

    first, stored, last = await core.perform(instants, None, actor=OPERATOR)

    assert first == stored == last
    assert timedelta(0) <= datetime.now(UTC) + timedelta(days=100) - first < timedelta(minutes=1)


async def test_records_name_who_was_proved_to_ask(core: Core) -> None:
    async def prove(work: Work, _: None) -> Tenant:
        tenant = await a_tenant(work)
        work.prove_actor(Actor.DEVICE, "42", tenant.id)
        work.record(
            Event("tenant.looked_at", "tenant", str(tenant.id), tenant.id, result="refused", data={"n": 1})
        )
        return tenant

    tenant = await core.perform(prove, None, actor=OPERATOR)

    for event in await events_of(core, tenant):
        assert (event["actor_kind"], event["actor_id"], event["surface"]) == ("device", "42", "tests")
        assert (event["address"], event["request_id"]) == (OPERATOR.address, OPERATOR.request_id)
    assert {(event["event"], event["result"], event["data"]) for event in await events_of(core, tenant)} == {
        ("tenant.created", "ok", "{}"),
        ("tenant.looked_at", "refused", '{"n": 1}'),
    }


async def _make_tenant(work: Work, topic: str) -> Tenant:
    tenant = await a_tenant(work)
    work.wake(topic)
    return tenant


async def test_what_is_prepared_holds_no_connection_and_is_done_before_the_transaction(core: Core) -> None:
    """As many slow parts as somebody likes keep nobody else from the database."""
    inside: list[bool] = []

    async def prepare(work: Work, topic: str) -> str:
        inside.append(work.conn.is_in_transaction())
        assert work.now is not None
        return f"{topic} ready"

    @prepared(prepare)
    async def act(work: Work, topic: str) -> Tenant:
        inside.append(work.conn.is_in_transaction())
        return await _make_tenant(work, topic)

    topic = a_name("topic")
    with core.db.wakeups.subscribe(f"{topic} ready") as subscription:
        tenant = await core.perform(act, topic, actor=OPERATOR)
        assert await subscription.wait(0)

    assert inside == [False, True]
    assert await exists(core, tenant)


async def test_who_meets_in_a_deadlock_is_done_anew(core: Core) -> None:
    one, other = [await core.perform(_make_tenant, "topic", actor=OPERATOR) for _ in range(2)]
    both_hold_one = asyncio.Barrier(2)
    runs: list[Work] = []

    async def touch(work: Work, order: tuple[Tenant, Tenant]) -> str:
        runs.append(work)
        is_first_run = len(runs) <= 2
        for number, tenant in enumerate(order):
            if number and is_first_run:
                await both_hold_one.wait()
            await work.conn.execute(
                "UPDATE organizations SET updated_at = $2 WHERE id = $1", tenant.id, work.now
            )
        work.record(Event("tenant.touched", "tenant", str(order[0].id), order[0].id))
        work.wake(topic)
        return work.now.isoformat()

    topic = a_name("topic")
    with core.db.wakeups.subscribe(topic) as subscription:
        await asyncio.gather(
            core.perform(touch, (one, other), actor=OPERATOR),
            core.perform(touch, (other, one), actor=OPERATOR),
        )
        assert await subscription.wait(0)

    assert len(runs) == len({id(work) for work in runs}) == 3
    for tenant in (one, other):
        events = [event["event"] for event in await events_of(core, tenant)]
        assert events == ["tenant.created", "tenant.touched"]


@pytest.mark.parametrize(
    "overtaken",
    [
        asyncpg.DeadlockDetectedError("each waits"),
        asyncpg.SerializationError("neither was first"),
        asyncpg.ForeignKeyViolationError("it is gone"),
    ],
)
async def test_what_others_undid_is_done_anew_and_nothing_of_it_stays(
    core: Core, overtaken: Exception
) -> None:
    runs: list[tuple[Work, Tenant]] = []

    async def act(work: Work, topic: str) -> Tenant:
        runs.append((work, await _make_tenant(work, topic)))
        if len(runs) < MOST_RUNS:
            raise overtaken
        return runs[-1][1]

    made = await core.perform(act, "topic", actor=OPERATOR)

    assert len(runs) == MOST_RUNS
    assert runs[-1][1] == made
    assert [await exists(core, tenant) for _, tenant in runs] == [False] * (MOST_RUNS - 1) + [True]
    assert len(await events_of(core, made)) == 1
    assert len({work.now for work, _ in runs}) == MOST_RUNS


@pytest.mark.parametrize(
    ("overtaken", "raised"),
    [
        (asyncpg.DeadlockDetectedError, Unavailable),
        (asyncpg.SerializationError, Unavailable),
        (asyncpg.ForeignKeyViolationError, asyncpg.ForeignKeyViolationError),
    ],
)
async def test_what_others_undo_each_time_is_not_done(
    core: Core, overtaken: type[Exception], raised: type[Exception]
) -> None:
    """Whoever asks can come again; only what nobody else can be to blame for is a failure of ours."""
    made: list[Tenant] = []

    async def act(work: Work, topic: str) -> None:
        made.append(await _make_tenant(work, topic))
        raise overtaken("once more")

    topic = a_name("topic")
    with core.db.wakeups.subscribe(topic) as subscription:
        with pytest.raises(raised):
            await core.perform(act, topic, actor=OPERATOR)
        assert not await subscription.wait(0)

    assert len(made) == MOST_RUNS
    assert [await exists(core, tenant) for tenant in made] == [False] * MOST_RUNS


@pytest.mark.parametrize(
    "failure", [asyncpg.UniqueViolationError("taken"), TenantInactive(), Refusal(TenantInactive())]
)
async def test_what_was_refused_for_itself_is_not_done_anew(core: Core, failure: Exception) -> None:
    runs = 0

    async def act(_: Work, __: None) -> None:
        nonlocal runs
        runs += 1
        raise failure

    with pytest.raises((asyncpg.UniqueViolationError, TenantInactive)):
        await core.perform(act, None, actor=OPERATOR)

    assert runs == 1


async def test_what_is_slow_is_prepared_once_however_often_the_rest_is_done(core: Core) -> None:
    prepared_times, runs = 0, 0

    async def prepare(_: Work, topic: str) -> str:
        nonlocal prepared_times
        prepared_times += 1
        return topic

    @prepared(prepare)
    async def act(_: Work, topic: str) -> str:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise asyncpg.DeadlockDetectedError("each waits")
        return topic

    assert await core.perform(act, "topic", actor=OPERATOR) == "topic"
    assert (prepared_times, runs) == (1, 2)


async def test_a_preparation_that_raises_leaves_the_action_undone(core: Core) -> None:
    async def prepare(_: Work, __: str) -> str:
        raise TenantInactive

    @prepared(prepare)
    async def act(work: Work, topic: str) -> Tenant:
        raise AssertionError("this comes after what is slow")

    with pytest.raises(TenantInactive):
        await core.perform(act, "topic", actor=OPERATOR)


async def test_a_prepared_action_can_be_called_by_another_like_any(core: Core) -> None:
    async def prepare(_: Work, topic: str) -> str:
        return topic + " ready"

    @prepared(prepare)
    async def act(work: Work, topic: str) -> str:
        work.wake(topic)
        return topic

    async def outer(work: Work, topic: str) -> str:
        return await act(work, topic)

    assert await core.perform(outer, "topic", actor=OPERATOR) == "topic ready"
