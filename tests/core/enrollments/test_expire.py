from server.core.enrollments.expire import ExpireEnrollments, expire_enrollments
from server.jobs.expire import SYSTEM
from tests.support.scene import Scene


async def test_invitations_past_their_time_end_although_nobody_looks(scene: Scene) -> None:
    created, bound = await scene.invited_phone(), await scene.bound_phone()
    scene.move_clock(days=7, seconds=1)

    await scene.run_job()

    for phone in (created, bound):
        row = await scene.enrollment(phone)
        assert (row["status"], row["challenge_sealed"]) == ("EXPIRED", None)
        *_, event = await scene.events_of("enrollment", phone.enrollment_id)
        assert (event["event"], event["result"]) == ("enrollment.expired", "ok")
        assert (event["surface"], event["actor_kind"]) == ("jobs", "system")
        assert event["organization_id"] == scene.integration.organization_id


async def test_those_whose_time_is_not_over_stay(scene: Scene) -> None:
    created = await scene.invited_phone()
    scene.move_clock(days=7, seconds=-1)
    before = await scene.enrollment(created)

    await scene.run_job()

    assert await scene.enrollment(created) == before


async def test_a_verified_enrollment_does_not_end_with_its_invitation(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    scene.move_clock(days=400)

    await scene.run_job()

    assert (await scene.enrollment(phone))["status"] == "VERIFIED"
    assert await scene.poll(phone.poll_body()) is None


async def test_at_most_a_batch_ends_in_one_go(scene: Scene) -> None:
    await scene.run_job()  # what other tests left
    for _ in range(3):
        await scene.invited_phone()
    scene.move_clock(days=8)

    counts = [
        await scene.core.perform(expire_enrollments, ExpireEnrollments(batch=2), actor=SYSTEM)
        for _ in range(2)
    ]

    assert counts[0] == 2
    assert counts[1] >= 1
