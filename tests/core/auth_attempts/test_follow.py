import pytest

from server.base.errors import AttemptNotFound, AttemptStateConflict
from tests.support.rolled_back import woken_by
from tests.support.scene import Scene


async def test_a_relying_party_sees_its_attempt_with_the_number_it_shows(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone, challenge=True, title="Pay", message="50 EUR")

    assert await scene.look(attempt.id) == attempt


async def test_the_proof_token_is_there_once_the_attempt_is_accepted(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone)
    assert (await scene.look(attempt.id)).proof_token is None
    pending = await scene.fetch(phone)
    assert (await scene.look(attempt.id)).proof_token is None

    await scene.answer(phone, pending)

    assert (await scene.look(attempt.id)).proof_token == pending.proof_token


async def test_an_attempt_past_its_time_is_expired_before_any_job_says_so(scene: Scene) -> None:
    attempt = await scene.ask(await scene.enrolled_phone())
    scene.move_clock(seconds=119)
    assert (await scene.look(attempt.id)).status == "PENDING"

    scene.move_clock(seconds=1)

    assert (await scene.look(attempt.id)).status == "EXPIRED"
    assert (await scene.attempt(attempt.id))["status"] == "PENDING"


async def test_an_answer_wins_over_the_clock(scene: Scene) -> None:
    """docs/protocol/wire.md, 3.2 (wait)."""
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone)
    await scene.answer(phone, await scene.fetch(phone), accepted=False)

    scene.move_clock(days=1)

    assert (await scene.look(attempt.id)).status == "REJECTED"


async def test_e29_unknown_and_foreign_attempts_are_not_found(scene: Scene) -> None:
    elsewhere = await Scene.on(scene.core)
    foreign = await elsewhere.ask(await elsewhere.enrolled_phone())

    for attempt_id in (foreign.id, foreign.id % (2**31 - 1) + 1):
        for action in (scene.look, scene.cancel):
            with pytest.raises(AttemptNotFound):
                await action(attempt_id)

    assert (await elsewhere.look(foreign.id)).status == "PENDING"


@pytest.mark.parametrize("is_read", [False, True])
async def test_e31_an_open_attempt_is_taken_back(scene: Scene, *, is_read: bool) -> None:
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone)
    if is_read:
        await scene.fetch(phone)

    cancelled = await scene.cancel(attempt.id)

    assert (cancelled.id, cancelled.status) == (attempt.id, "EXPIRED")
    assert (await scene.attempt(attempt.id))["status"] == "EXPIRED"
    assert woken_by(scene.core)[-1] == f"attempt:{attempt.id}"
    *_, event = await scene.events_of("auth_attempt", attempt.id)
    assert (event["event"], event["data"]) == ("auth_attempt.expired", '{"reason": "cancelled"}')
    assert (event["actor_kind"], event["actor_id"]) == ("integration", scene.relying_party.id)


async def test_e31_what_has_ended_is_not_taken_back(scene: Scene) -> None:
    accepted, rejected, cancelled, late = [await scene.enrolled_phone() for _ in range(4)]
    attempts = [await scene.ask(phone) for phone in (accepted, rejected, cancelled, late)]
    await scene.answer(accepted, await scene.fetch(accepted))
    await scene.answer(rejected, await scene.fetch(rejected), accepted=False)
    await scene.cancel(attempts[2].id)
    scene.move_clock(seconds=120)
    before = await scene.state()

    for attempt in attempts:
        with pytest.raises(AttemptStateConflict):
            await scene.cancel(attempt.id)

    assert await scene.state() == before
