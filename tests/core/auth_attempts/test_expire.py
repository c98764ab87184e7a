import pytest

from server.core.auth_attempts.expire import ExpireAttempts, expire_attempts
from server.core.enrollments.lifecycle import (
    DeactivateEnrollment,
    RevokeEnrollment,
    deactivate_enrollment,
    revoke_enrollment,
)
from server.jobs.expire import SYSTEM
from tests.support.phone import Given
from tests.support.rolled_back import woken_by
from tests.support.scene import Scene


@pytest.mark.parametrize("is_read", [False, True])
async def test_attempts_past_their_time_end_although_nobody_looks(scene: Scene, *, is_read: bool) -> None:
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone)
    if is_read:
        await scene.fetch(phone)
    scene.move_clock(seconds=120)

    await scene.run_job()

    row = await scene.attempt(attempt.id)
    assert row["status"] == "EXPIRED"
    assert row["ended_at"] >= row["expires_at"]
    assert f"attempt:{attempt.id}" in woken_by(scene.core)
    *_, event = await scene.events_of("auth_attempt", attempt.id)
    assert (event["event"], event["data"]) == ("auth_attempt.expired", '{"reason": "time"}')
    assert (event["surface"], event["actor_kind"]) == ("jobs", "system")


async def test_those_whose_time_is_not_over_stay(scene: Scene) -> None:
    phone, other = await scene.enrolled_phone(), await scene.enrolled_phone()
    attempt, answered = await scene.ask(phone), await scene.ask(other)
    await scene.answer(other, await scene.fetch(other))
    scene.move_clock(seconds=118)
    before = [await scene.attempt(attempt.id), await scene.attempt(answered.id)]

    await scene.run_job()

    assert [await scene.attempt(attempt.id), await scene.attempt(answered.id)] == before


async def test_at_most_a_batch_ends_in_one_go(scene: Scene) -> None:
    await scene.run_job()  # what other tests left
    for _ in range(3):
        await scene.ask(await scene.enrolled_phone())
    scene.move_clock(minutes=10)

    counts = [
        await scene.core.perform(expire_attempts, ExpireAttempts(batch=2), actor=SYSTEM) for _ in range(2)
    ]

    assert counts[0] == 2
    assert counts[1] >= 1


@pytest.mark.parametrize(
    ("end", "command"),
    [(deactivate_enrollment, DeactivateEnrollment), (revoke_enrollment, RevokeEnrollment)],
)
async def test_the_attempts_of_an_enrollment_end_with_it(scene: Scene, end: Given, command: Given) -> None:
    """docs/protocol/wire.md, 0.9."""
    phone, other = await scene.enrolled_phone(), await scene.enrolled_phone()
    attempt, theirs = await scene.ask(phone), await scene.ask(other)

    await scene.made(end, command=command(phone.enrollment_id))

    assert (await scene.look(attempt.id)).status == "EXPIRED"
    assert (await scene.look(theirs.id)).status == "PENDING"
    assert woken_by(scene.core)[-2:] == [f"attempt:{attempt.id}", f"enrollment:{phone.enrollment_id}"]
