"""A phone that was recognized once is recognized again, and what has changed since counts at once."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.base.errors import AttemptBindingFailed
from server.core.enrollments import lifecycle, prove
from server.core.enrollments.lifecycle import (
    DeactivateEnrollment,
    ReactivateEnrollment,
    RebindEnrollment,
    RevokeEnrollment,
)
from server.core.integrations.actions import DeactivateIntegration, deactivate_integration
from server.core.organizations.actions import DeactivateTenant, deactivate_tenant
from tests.support.phone import P256Key, Phone, new_proof_token
from tests.support.scene import Scene

End = Callable[[Scene, Phone], Awaitable[object]]


@pytest.fixture
async def known(scene: Scene) -> Phone:
    """A phone that has polled."""
    phone = await scene.enrolled_phone()
    assert await scene.poll(phone.poll_body()) is None
    assert phone.enrollment_id in prove._known
    return phone


async def is_refused(scene: Scene, body: dict[str, Any]) -> None:
    with pytest.raises(AttemptBindingFailed):
        await scene.poll(body)


async def deactivated(scene: Scene, phone: Phone) -> None:
    command = DeactivateEnrollment(phone.enrollment_id)
    await scene.made(lifecycle.deactivate_enrollment, command=command)


async def revoked(scene: Scene, phone: Phone) -> None:
    await scene.made(lifecycle.revoke_enrollment, command=RevokeEnrollment(phone.enrollment_id))


async def rebound(scene: Scene, phone: Phone) -> None:
    await scene.made(lifecycle.rebind_enrollment, command=RebindEnrollment(phone.enrollment_id))


async def without_integration(scene: Scene, _: Phone) -> None:
    await scene.made(deactivate_integration, command=DeactivateIntegration(scene.integration.id))


async def without_tenant(scene: Scene, _: Phone) -> None:
    await scene.made(deactivate_tenant, command=DeactivateTenant(scene.integration.organization_id))


@pytest.mark.parametrize("end", [deactivated, revoked, without_integration, without_tenant, rebound])
async def test_a_known_phone_whose_ground_is_gone_is_refused(scene: Scene, known: Phone, end: End) -> None:
    await scene.ask(known)
    await end(scene, known)

    await is_refused(scene, known.poll_body())


@pytest.mark.parametrize("end", [deactivated, rebound])
async def test_it_is_a_stranger_from_then_on_and_charged_as_one(scene: Scene, known: Phone, end: End) -> None:
    """Else a phone that was replaced could use up what its successor may ask."""
    await end(scene, known)
    await is_refused(scene, known.poll_body())
    proofs, failures = len(scene.meter.subjects), scene.meter.failures

    for _ in range(3):
        await is_refused(scene, known.poll_body())

    assert (len(scene.meter.subjects), scene.meter.failures) == (proofs, failures + 3)


async def test_a_known_phone_that_is_reactivated_is_served(scene: Scene, known: Phone) -> None:
    await deactivated(scene, known)
    await is_refused(scene, known.poll_body())
    command = ReactivateEnrollment(known.enrollment_id)
    await scene.made(lifecycle.reactivate_enrollment, command=command)

    assert await scene.poll(known.poll_body()) is None


@pytest.mark.parametrize(
    "members",
    [
        {"enrollmentProofToken": new_proof_token()},
        {"deviceProofToken": new_proof_token()},
        {"deviceProofTokenSigned": "MAo="},
        {"deviceProofToken": "short"},
    ],
    ids=["another proof token", "another device token", "no signature", "no token"],
)
async def test_what_is_wrong_with_a_known_phones_proof_is_refused(
    scene: Scene, known: Phone, members: dict[str, Any]
) -> None:
    await scene.ask(known)

    await is_refused(scene, known.poll_body(**members))
    await is_refused(scene, known.poll_body(signed_by=P256Key()))
    assert await scene.poll(known.poll_body()) is not None


async def test_the_phones_that_polled_longest_ago_are_forgotten(
    scene: Scene, known: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prove, "KNOWN_PHONES", len(prove._known))
    for enrollment_id in list(prove._known):
        if enrollment_id != known.enrollment_id:
            prove._known.move_to_end(enrollment_id)
    newcomer = await scene.enrolled_phone()

    await scene.poll(newcomer.poll_body())

    assert newcomer.enrollment_id in prove._known
    assert known.enrollment_id not in prove._known
    assert await scene.poll(known.poll_body()) is None
