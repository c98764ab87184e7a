"""Who answers, cancels or expires an attempt at the same moment: exactly one does."""

import pytest

from server.base.errors import AttemptStateConflict, EnrollmentInactive
from server.core.auth_attempts.model import DenyReason
from server.core.auth_attempts.respond import AnsweredAttempt
from server.core.enrollments.lifecycle import (
    DeactivateEnrollment,
    RebindEnrollment,
    RevokeEnrollment,
    deactivate_enrollment,
    rebind_enrollment,
    revoke_enrollment,
)
from tests.races.together import Processes, at_once
from tests.support.phone import Given, Phone
from tests.support.scene import Scene

ROUNDS = range(8)
ENDINGS = {
    "auth_attempt.accepted": "ACCEPTED",
    "auth_attempt.rejected": "REJECTED",
    "auth_attempt.invalid": "INVALID",
    "auth_attempt.expired": "EXPIRED",
}


async def ended_once(scene: Scene, attempt_id: int) -> str:
    """How the attempt ended: its status, which exactly one record tells too."""
    status: str = (await scene.attempt(attempt_id))["status"]
    endings = [
        ENDINGS[name] for name in await scene.event_names("auth_attempt", attempt_id) if name in ENDINGS
    ]
    assert endings == [status]
    return status


@pytest.mark.parametrize("answers", [(True, True), (False, False), (True, False)])
async def test_of_two_answers_one_counts(processes: Processes, answers: tuple[bool, bool]) -> None:
    phone = await processes.one.enrolled_phone()
    for _ in ROUNDS:
        attempt = await processes.one.ask(phone)
        pending = await processes.one.fetch(phone)

        outcomes = await at_once(
            processes.one.answer(phone, pending, accepted=answers[0]),
            processes.other.answer(phone, pending, accepted=answers[1]),
        )

        assert outcomes.refused_as == {AttemptStateConflict}
        told = {"APPROVED": "ACCEPTED", "DENIED": "REJECTED"}[outcomes.result.result]
        assert await ended_once(processes.one, attempt.id) == told


async def test_of_cancelling_and_answering_one_counts(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()
    for _ in ROUNDS:
        attempt = await processes.one.ask(phone)
        pending = await processes.one.fetch(phone)

        outcomes = await at_once(processes.one.answer(phone, pending), processes.other.cancel(attempt.id))

        assert (len(outcomes.results), outcomes.refused_as) == (1, {AttemptStateConflict})
        assert await ended_once(processes.one, attempt.id) in {"ACCEPTED", "EXPIRED"}


async def test_of_time_and_an_answer_one_counts(processes: Processes) -> None:
    """The two processes do not quite agree what time it is, as processes do not."""
    phone = await processes.one.enrolled_phone()
    processes.other.move_clock(seconds=121)
    for _ in ROUNDS:
        attempt = await processes.one.ask(phone)
        pending = await processes.one.fetch(phone)

        outcomes = await at_once(processes.one.answer(phone, pending), processes.other.run_job())

        status = await ended_once(processes.one, attempt.id)
        assert status == ("EXPIRED" if outcomes.refusals else "ACCEPTED")


async def test_of_a_newer_attempt_and_an_answer_one_ends_the_older(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()
    for _ in ROUNDS:
        attempt = await processes.one.ask(phone)
        pending = await processes.one.fetch(phone)

        outcomes = await at_once(processes.one.answer(phone, pending), processes.other.ask(phone))

        status = await ended_once(processes.one, attempt.id)
        assert status == ("EXPIRED" if outcomes.refusals else "ACCEPTED")


@pytest.mark.parametrize(
    ("end", "command"),
    [
        (deactivate_enrollment, DeactivateEnrollment),
        (revoke_enrollment, RevokeEnrollment),
        (rebind_enrollment, RebindEnrollment),
    ],
)
async def test_an_enrollment_that_ends_leaves_no_open_attempt(
    processes: Processes, end: Given, command: Given
) -> None:
    """However it meets those who poll, ask and answer."""
    for _ in ROUNDS:
        phone = await processes.one.enrolled_phone()
        await processes.one.ask(phone)
        pending = await processes.one.fetch(phone)

        await at_once(
            processes.one.made(end, command=command(phone.enrollment_id)),
            processes.other.poll(phone.poll_body()),
            processes.one.answer(phone, pending),
            processes.other.ask(phone),
            processes.one.poll(phone.poll_body()),
            processes.other.ask(phone),
        )

        assert await open_attempts(processes.one, phone) == []


async def test_no_wrong_number_is_lost_or_counted_twice_and_the_tenth_locks(processes: Processes) -> None:
    """Each is sent to both processes while a third caller asks anew, which may end the attempt first."""
    phone = await processes.one.enrolled_phone()
    counted = 0
    while (await processes.one.enrollment(phone))["locked_at"] is None:
        await processes.one.ask(phone, challenge=True)
        pending = await processes.one.fetch(phone)

        outcomes = await at_once(
            processes.one.answer(phone, pending, challenge=1),
            processes.other.answer(phone, pending, challenge=1),
            processes.other.ask(phone),
        )

        counted += len([each for each in outcomes.results if isinstance(each, AnsweredAttempt)])
        assert outcomes.refused_as <= {AttemptStateConflict, EnrollmentInactive}
        assert (await processes.one.enrollment(phone))["failures"] == counted

    events = await processes.one.event_names("enrollment", phone.enrollment_id)
    assert (counted, events.count("enrollment.locked")) == (10, 1)


async def test_one_wrong_number_sent_ten_times_counts_once(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()
    await processes.one.ask(phone, challenge=True)
    pending = await processes.one.fetch(phone)

    outcomes = await at_once(*(scene.answer(phone, pending, challenge=1) for scene in processes.each(10)))

    assert outcomes.result.result == "FAILED"
    assert outcomes.refused_as == {AttemptStateConflict}
    assert (await processes.one.enrollment(phone))["failures"] == 1


async def test_of_a_right_and_a_wrong_number_one_counts(processes: Processes) -> None:
    phone = await processes.one.enrolled_phone()
    for _ in ROUNDS:
        attempt = await processes.one.ask(phone, challenge=True)
        pending = await processes.one.fetch(phone)

        outcomes = await at_once(
            processes.one.answer(phone, pending, challenge=attempt.challenge),
            processes.other.answer(phone, pending, challenge=1),
        )

        told = {"APPROVED": "ACCEPTED", "FAILED": "INVALID"}[outcomes.result.result]
        assert await ended_once(processes.one, attempt.id) == told


async def test_two_phones_of_one_user_report_fraud_at_once(processes: Processes) -> None:
    """Each ends the other's attempt; whoever is first does, and neither waits for the other for ever."""
    for number in ROUNDS:
        phones = [await processes.one.enrolled_phone(user_identifier=f"jane {number}") for _ in range(2)]
        attempts = [await processes.one.ask(phone) for phone in phones]
        pending = [await processes.one.fetch(phone) for phone in phones]

        outcomes = await at_once(
            *(
                scene.answer(phone, read, accepted=False, deny_reason=DenyReason.FRAUD)
                for scene, phone, read in zip(processes.each(2), phones, pending, strict=True)
            )
        )

        assert outcomes.result.result == "DENIED"
        assert outcomes.refused_as == {AttemptStateConflict}
        statuses = {await ended_once(processes.one, attempt.id) for attempt in attempts}
        assert statuses == {"REJECTED", "EXPIRED"}


async def open_attempts(scene: Scene, phone: Phone) -> list[int]:
    """The ids of the phone's attempts that have not ended."""
    async with scene.core.db.acquire() as conn:
        rows = await conn.fetch(
            "SELECT id FROM auth_attempts WHERE enrollment_id = $1 AND status IN ('PENDING', 'READ')",
            phone.enrollment_id,
        )
    return [row["id"] for row in rows]
