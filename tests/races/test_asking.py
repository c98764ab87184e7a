"""Many ask one phone, or poll for it, at the same moment."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from typing import Any

from server.base.errors import (
    AppError,
    AttemptBindingFailed,
    AttemptCreateInvalid,
    EnrollmentInactive,
    IdempotencyKeyReused,
)
from server.core.auth_attempts.create import create_attempt
from server.core.auth_attempts.model import Attempt
from server.core.integrations.actions import ChangeIntegration, change_integration
from tests.races.together import Processes, at_once
from tests.support.enrolling import question_for
from tests.support.phone import Phone
from tests.support.scene import Scene


async def test_of_fifty_attempts_for_one_phone_one_is_open_at_the_end(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()

    outcomes = await at_once(*(scene.ask(phone) for scene in processes.each(50)))

    assert len({attempt.id for attempt in outcomes.results}) == 50
    state = await processes.one.state()
    assert Counter(attempt["status"] for attempt in state["auth_attempts"]) == {"PENDING": 1, "EXPIRED": 49}
    names = Counter(event["event"] for event in state["audit_events"])
    assert (names["auth_attempt.created"], names["auth_attempt.expired"]) == (50, 49)


async def test_of_twenty_attempts_for_one_user_one_is_open_at_the_end(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone(user_identifier="jane")

    outcomes = await at_once(*(_ask_user(scene, phone, "jane") for scene in processes.each(20)))

    assert {attempt.enrollment_id for attempt in outcomes.results} == {phone.enrollment_id}
    state = await processes.one.state()
    assert Counter(attempt["status"] for attempt in state["auth_attempts"]) == {"PENDING": 1, "EXPIRED": 19}


async def test_a_phone_that_is_deactivated_meanwhile_is_not_asked(processes: Processes) -> None:
    """The creation has seen it active, and waits for whoever changes it."""
    phone = await processes.one.enrolled_phone(user_identifier="jane")
    async with processes.one.core.db.acquire() as conn, conn.transaction():
        await conn.execute("UPDATE enrollments SET active = false WHERE id = $1", phone.enrollment_id)
        asking = [
            asyncio.create_task(processes.other.ask(phone)),
            asyncio.create_task(_ask_user(processes.other, phone, "jane")),
        ]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in asking)

    by_id, by_user = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(by_id, EnrollmentInactive)
    assert isinstance(by_user, AttemptCreateInvalid)
    assert (await processes.one.state())["auth_attempts"] == []


async def test_challenges_are_right_while_the_integration_changes_them(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()

    async def change(digits: int) -> None:
        command = ChangeIntegration(processes.one.integration.id, challenge_digits=digits)
        await processes.one.made(change_integration, command=command)

    for digits, before in ((4, 6), (2, 4)):
        changing = asyncio.create_task(change(digits))
        outcomes = await at_once(*(scene.ask(phone, challenge=True) for scene in processes.each(20)))
        await changing
        told = {attempt.id: attempt.challenge for attempt in outcomes.results}
        assert len(told) == 20
        assert {len(str(challenge)) for challenge in told.values()} <= {digits, before}
        assert {each: (await processes.one.look(each)).challenge for each in told} == told


async def test_attempts_for_different_phones_do_not_meet(processes: Processes) -> None:
    phones = [await processes.one.enrolled_phone() for _ in range(10)]

    outcomes = await at_once(
        *(scene.ask(phone) for scene, phone in zip(processes.each(10), phones, strict=True))
    )

    assert [(await processes.one.look(attempt.id)).status for attempt in outcomes.results] == ["PENDING"] * 10


async def test_twenty_creations_with_one_key_make_one_attempt(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()

    outcomes = await at_once(
        *(scene.ask(phone, challenge=True, idempotency_key="order-1") for scene in processes.each(20))
    )

    assert len(outcomes.results) == 20
    assert len({(attempt.id, attempt.challenge) for attempt in outcomes.results}) == 1
    assert len((await processes.one.state())["auth_attempts"]) == 1


async def test_one_key_for_twenty_phones_asks_one_of_them(processes: Processes) -> None:
    phones = [await processes.one.enrolled_phone() for _ in range(20)]

    outcomes = await at_once(
        *(
            scene.ask(phone, idempotency_key="order-1")
            for scene, phone in zip(processes.each(20), phones, strict=True)
        )
    )

    state = await processes.one.state()
    assert [attempt["id"] for attempt in state["auth_attempts"]] == [outcomes.result.id]
    assert outcomes.refused_as == {IdempotencyKeyReused}


async def test_a_key_whose_day_is_over_makes_one_attempt_again(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()
    first = await processes.one.ask(phone, idempotency_key="order-1")
    for scene in (processes.one, processes.other):
        scene.move_clock(hours=25)

    outcomes = await at_once(*(scene.ask(phone, idempotency_key="order-1") for scene in processes.each(10)))

    assert len({attempt.id for attempt in outcomes.results} - {first.id}) == 1
    assert len((await processes.one.state())["auth_attempts"]) == 2


async def test_of_fifty_polls_with_one_token_one_is_answered(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()
    attempt = await processes.one.ask(phone)
    body = phone.poll_body()

    outcomes = await at_once(*(scene.poll(body) for scene in processes.each(50)))

    assert outcomes.result is not None
    assert outcomes.result.id == attempt.id
    assert outcomes.refused_as == {AttemptBindingFailed}
    assert len((await processes.one.state())["spent_device_proofs"]) == 1


async def test_fifty_polls_with_fresh_tokens_are_given_the_same_attempt(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()
    attempt = await processes.one.ask(phone)

    outcomes = await at_once(*(scene.poll(phone.poll_body()) for scene in processes.each(50)))

    assert len({each.proof_token for each in outcomes.results if each is not None}) == 1
    assert None not in outcomes.results
    names = Counter(await processes.one.event_names("auth_attempt", attempt.id))
    assert (names["auth_attempt.read"], names["auth_attempt.read_again"]) == (1, 49)


async def test_the_jobs_of_two_processes_expire_each_attempt_once(processes: Processes) -> None:
    phones = [await processes.one.enrolled_phone() for _ in range(10)]
    attempts = [await processes.one.ask(phone) for phone in phones]
    for scene in (processes.one, processes.other):
        scene.move_clock(minutes=3)

    await at_once(*(scene.run_job() for scene in processes.each(4)))

    for attempt in attempts:
        assert (await processes.one.event_names("auth_attempt", attempt.id)).count(
            "auth_attempt.expired"
        ) == 1


async def test_a_storm_leaves_everything_in_order(processes: Processes) -> None:
    """Whatever meets whatever: refusals alone, at most one open attempt a phone, one end for each attempt."""
    phones = [await processes.one.enrolled_phone(user_identifier="jane") for _ in range(3)]
    seed = random.Random(20260801)  # noqa: S311 - chance, not secrecy
    processes.other.move_clock(seconds=1)

    async def do_things(scene: Scene, chance: random.Random) -> None:
        for _ in range(25):
            try:
                await _one_thing(scene, chance.choice(phones), chance)
            except AppError:
                continue

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(do_things(scene, random.Random(seed.random())) for scene in processes.each(8))  # noqa: S311
        )

    state = await processes.one.state()
    open_by_phone = Counter(
        attempt["enrollment_id"] for attempt in state["auth_attempts"] if attempt["ended_at"] is None
    )
    assert max(open_by_phone.values(), default=0) <= 1
    ends = Counter(
        event["target_id"]
        for event in state["audit_events"]
        if event["target_kind"] == "auth_attempt"
        and event["event"].rpartition(".")[2] in {"accepted", "rejected", "invalid", "expired"}
    )
    for attempt in state["auth_attempts"]:
        assert ends[str(attempt["id"])] == (0 if attempt["ended_at"] is None else 1)
    assert len(state["auth_attempts"]) > 20


async def _one_thing(scene: Scene, phone: Phone, chance: random.Random) -> Any:  # noqa: ANN401 - whatever it is
    what = chance.randrange(6)
    if what == 0:
        return await scene.ask(phone, challenge=chance.random() < 0.5)
    if what == 1:
        return await scene.poll(phone.poll_body())
    if what == 2:
        return await scene.cancel((await scene.ask(phone)).id)
    if what == 3:
        return await scene.run_job()
    pending = await scene.poll(phone.poll_body())
    if pending is None:
        return await scene.ask(phone)
    return await scene.answer(phone, pending, accepted=what == 4, challenge=1)


async def _ask_user(scene: Scene, phone: Phone, user: str) -> Attempt:
    command = replace(question_for(phone, scene.integration), enrollment_id=None, user_identifier=user)
    return await scene.core.perform_at_once(create_attempt, command, actor=scene.relying_party)
