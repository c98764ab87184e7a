"""The table of legal moves says what the statements do."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from server.base.errors import AppError
from server.core.enrollments.lifecycle import (
    DeactivateEnrollment,
    ReactivateEnrollment,
    RebindEnrollment,
    RevokeEnrollment,
    UnlockEnrollment,
    deactivate_enrollment,
    reactivate_enrollment,
    rebind_enrollment,
    revoke_enrollment,
    unlock_enrollment,
)
from server.core.enrollments.model import LEGAL_MOVES, MAX_VERIFY_FAILURES, EnrollmentStatus
from tests.support.phone import P256Key, Phone
from tests.support.scene import Scene

Step = Callable[[Scene, Phone], Awaitable[object]]


async def _invited(scene: Scene) -> Phone:
    return await scene.invited_phone()


async def _bound(scene: Scene) -> Phone:
    return await scene.bound_phone()


async def _verified(scene: Scene) -> Phone:
    return await scene.enrolled_phone()


async def _invalid(scene: Scene) -> Phone:
    phone = await scene.bound_phone()
    await use_up_tries(scene, phone)
    return phone


async def _expired(scene: Scene) -> Phone:
    phone = await scene.invited_phone()
    await time_passes(scene, phone)
    return phone


async def _revoked(scene: Scene) -> Phone:
    phone = await scene.enrolled_phone()
    await revoke(scene, phone)
    return phone


async def bind(scene: Scene, phone: Phone) -> object:
    return await scene.bind(phone)


async def bind_late(scene: Scene, phone: Phone) -> object:
    scene.move_clock(days=8)
    try:
        return await scene.bind(phone)
    finally:
        scene.move_clock(days=-8)


async def verify(scene: Scene, phone: Phone) -> object:
    phone.key = P256Key()
    return await scene.verify(phone.verify_body())


async def verify_late(scene: Scene, phone: Phone) -> object:
    scene.move_clock(days=8)
    try:
        return await verify(scene, phone)
    finally:
        scene.move_clock(days=-8)


async def use_up_tries(scene: Scene, phone: Phone) -> None:
    for _ in range(MAX_VERIFY_FAILURES):
        with suppress(AppError):
            await scene.verify(phone.verify_body(phone.challenge - 1))


async def time_passes(scene: Scene, phone: Phone) -> None:
    scene.move_clock(days=8)
    try:
        await scene.run_job()
    finally:
        scene.move_clock(days=-8)


async def poll(scene: Scene, phone: Phone) -> object:
    return await scene.poll(phone.poll_body())


async def register(scene: Scene, phone: Phone) -> None:
    await scene.register(phone.push_address_body("FCM", "somewhere"))


async def revoke(scene: Scene, phone: Phone) -> object:
    return await scene.made(revoke_enrollment, command=RevokeEnrollment(phone.enrollment_id))


async def rebind(scene: Scene, phone: Phone) -> object:
    return await scene.made(rebind_enrollment, command=RebindEnrollment(phone.enrollment_id))


async def deactivate(scene: Scene, phone: Phone) -> object:
    return await scene.made(deactivate_enrollment, command=DeactivateEnrollment(phone.enrollment_id))


async def reactivate(scene: Scene, phone: Phone) -> object:
    return await scene.made(reactivate_enrollment, command=ReactivateEnrollment(phone.enrollment_id))


async def unlock(scene: Scene, phone: Phone) -> object:
    return await scene.made(unlock_enrollment, command=UnlockEnrollment(phone.enrollment_id))


BEGINNINGS: dict[EnrollmentStatus, Callable[[Scene], Awaitable[Phone]]] = {
    EnrollmentStatus.CREATED: _invited,
    EnrollmentStatus.BOUND: _bound,
    EnrollmentStatus.VERIFIED: _verified,
    EnrollmentStatus.INVALID: _invalid,
    EnrollmentStatus.EXPIRED: _expired,
    EnrollmentStatus.REVOKED: _revoked,
}
STEPS: tuple[Step, ...] = (
    bind,
    bind_late,
    verify,
    verify_late,
    use_up_tries,
    time_passes,
    poll,
    register,
    revoke,
    rebind,
    deactivate,
    reactivate,
    unlock,
)


def test_every_status_has_its_row_in_the_table() -> None:
    assert set(LEGAL_MOVES) == set(EnrollmentStatus) == set(BEGINNINGS)


@pytest.mark.parametrize("status", EnrollmentStatus)
async def test_the_moves_from_a_status_are_those_of_the_table(scene: Scene, status: EnrollmentStatus) -> None:
    """Each thing that can be done is tried; what is not in the table changes no status."""
    phone = await BEGINNINGS[status](scene)
    before = await scene.enrollment(phone)
    assert before["status"] == status
    key = phone.key
    reached = set()

    for step in STEPS:
        async with scene.core.db.acquire() as conn:
            attempted = conn.transaction()
            await attempted.start()
            with suppress(AppError):
                await step(scene, phone)
            after = await scene.enrollment(phone)
            await attempted.rollback()
        phone.key = key
        if after["status"] != status or after["proof_token_digest"] != before["proof_token_digest"]:
            reached.add(EnrollmentStatus(after["status"]))
        elif not LEGAL_MOVES[status]:
            assert after == before, f"{step.__name__} changed what had ended"

    assert reached == LEGAL_MOVES[status]
