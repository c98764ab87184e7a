"""The table of legal moves says what the statements do."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from server.base.errors import AppError
from server.core.auth_attempts.deliver import PendingAttempt
from server.core.auth_attempts.model import LEGAL_MOVES, Attempt, AttemptStatus, proof_token_purpose
from server.core.enrollments.lifecycle import DeactivateEnrollment, deactivate_enrollment
from tests.support.phone import Phone
from tests.support.scene import Scene


@dataclass
class Asked:
    """One attempt, and all that is needed to do anything to it."""

    scene: Scene
    phone: Phone
    attempt: Attempt

    async def pending(self) -> PendingAttempt:
        """What its phone is given, known without asking."""
        row = await self.scene.attempt(self.attempt.id)
        token = self.scene.core.keys.open(row["proof_token_sealed"], proof_token_purpose(self.attempt.id))
        return PendingAttempt(self.attempt.id, token.decode(), True, None, None, "")


Step = Callable[[Asked], Awaitable[object]]


async def poll(asked: Asked) -> object:
    return await asked.scene.poll(asked.phone.poll_body())


async def approve(asked: Asked) -> object:
    return await asked.scene.answer(asked.phone, await asked.pending(), challenge=asked.attempt.challenge)


async def approve_late(asked: Asked) -> object:
    asked.scene.move_clock(minutes=3)
    try:
        return await approve(asked)
    finally:
        asked.scene.move_clock(minutes=-3)


async def approve_with_a_wrong_number(asked: Asked) -> object:
    return await asked.scene.answer(asked.phone, await asked.pending(), challenge=1)


async def deny(asked: Asked) -> object:
    return await asked.scene.answer(asked.phone, await asked.pending(), accepted=False)


async def cancel(asked: Asked) -> object:
    return await asked.scene.cancel(asked.attempt.id)


async def ask_again(asked: Asked) -> object:
    return await asked.scene.ask(asked.phone)


async def time_passes(asked: Asked) -> None:
    asked.scene.move_clock(minutes=3)
    try:
        await asked.scene.run_job()
    finally:
        asked.scene.move_clock(minutes=-3)


async def deactivate(asked: Asked) -> object:
    command = DeactivateEnrollment(asked.phone.enrollment_id)
    return await asked.scene.made(deactivate_enrollment, command=command)


STEPS: tuple[Step, ...] = (
    poll,
    approve,
    approve_late,
    approve_with_a_wrong_number,
    deny,
    cancel,
    ask_again,
    time_passes,
    deactivate,
)
BEGINNINGS: dict[AttemptStatus, tuple[Step, ...]] = {
    AttemptStatus.PENDING: (),
    AttemptStatus.READ: (poll,),
    AttemptStatus.ACCEPTED: (poll, approve),
    AttemptStatus.REJECTED: (poll, deny),
    AttemptStatus.INVALID: (poll, approve_with_a_wrong_number),
    AttemptStatus.EXPIRED: (cancel,),
}


def test_every_status_has_its_row_in_the_table() -> None:
    assert set(LEGAL_MOVES) == set(AttemptStatus) == set(BEGINNINGS)
    assert {status for status in AttemptStatus if status.is_open} == {
        status for status, moves in LEGAL_MOVES.items() if moves
    }


@pytest.mark.parametrize("status", AttemptStatus)
async def test_the_moves_from_a_status_are_those_of_the_table(scene: Scene, status: AttemptStatus) -> None:
    """Each thing that can be done is tried; what is not in the table changes nothing."""
    phone = await scene.enrolled_phone()
    asked = Asked(scene, phone, await scene.ask(phone, challenge=True))
    for step in BEGINNINGS[status]:
        await step(asked)
    before = await scene.attempt(asked.attempt.id)
    assert before["status"] == status
    reached = set()

    for step in STEPS:
        async with scene.core.db.acquire() as conn:
            attempted = conn.transaction()
            await attempted.start()
            with suppress(AppError):
                await step(asked)
            after = await scene.attempt(asked.attempt.id)
            await attempted.rollback()
        if after["status"] != status:
            reached.add(AttemptStatus(after["status"]))
        else:
            assert after == before, f"{step.__name__} changed something else"

    assert reached == LEGAL_MOVES[status] - {status}
