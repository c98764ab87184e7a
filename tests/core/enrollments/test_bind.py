import unicodedata

import pytest
from nacl.exceptions import BadSignatureError

from server.base.errors import AppError, EnrollmentAlreadyBound, EnrollmentBindingFailed
from server.core.enrollments.bind import BoundEnrollment
from server.core.enrollments.lifecycle import RevokeEnrollment, revoke_enrollment
from server.core.integrations.actions import (
    DeactivateIntegration,
    RotateSigningKey,
    deactivate_integration,
    rotate_signing_key,
)
from server.core.organizations.actions import DeactivateTenant, deactivate_tenant
from server.core.work import Core
from server.db.pool import Connection
from tests.support.factories import a_tenant
from tests.support.phone import Phone, new_proof_token, verify_integration
from tests.support.rolled_back import a_core_rolled_back
from tests.support.scene import Scene, made_on
from tests.support.work import some_settings

NFD = unicodedata.normalize("NFD", "Café Zoë")
NFC = unicodedata.normalize("NFC", NFD)


def ten_segments(bound: BoundEnrollment) -> list[str]:
    """What the integration signed, from what the phone was told."""
    return [
        bound.proof_token.reveal(),
        str(bound.enrollment_id),
        bound.integration_public_key,
        bound.integration_key_algorithm,
        bound.integration_name,
        bound.integration_description or "",
        bound.enrollment_name,
        str(bound.tenant_id),
        bound.tenant_name,
        bound.tenant_description or "",
    ]


async def a_described_scene(core: Core) -> Scene:
    """A scene in which every text is there, none of it in NFC as it was written."""
    tenant = await made_on(core, a_tenant, name=f"{NFD} {new_proof_token()}", description=NFD)
    return await Scene.on(core, tenant=tenant, name=f"{NFD} Bank", description=f"{NFD} pays")


async def test_e03_the_right_token_tells_the_phone_whose_invitation_it_is(scene: Scene) -> None:
    phone = await scene.invited_phone(name="Jane's phone")

    bound = await scene.bind(phone)

    assert (bound.enrollment_id, bound.proof_token.reveal()) == (phone.enrollment_id, phone.proof_token)
    assert bound.integration_key_algorithm == "ed25519"
    assert (bound.integration_name, bound.enrollment_name) == (scene.integration.name, "Jane's phone")
    assert bound.tenant_id == scene.integration.organization_id
    row = await scene.enrollment(phone)
    assert (row["status"], row["signing_key_id"]) == ("BOUND", scene.integration.signing_key_id)
    assert row["bound_at"] is not None


async def test_e04_the_integration_signs_the_ten_segments(uncommitted: Core) -> None:
    scene = await a_described_scene(uncommitted)
    bound = await scene.bind(await scene.invited_phone(name=f"{NFD} phone"))

    assert bound.integration_name == f"{NFC} Bank"
    verify_integration(bound.integration_public_key, "|".join(ten_segments(bound)), bound.signature)


async def test_e04_texts_that_are_absent_are_empty_segments(scene: Scene) -> None:
    bound = await scene.bind(await scene.invited_phone())

    assert (bound.integration_description, bound.tenant_description) == (None, None)
    verify_integration(bound.integration_public_key, "|".join(ten_segments(bound)), bound.signature)


@pytest.mark.parametrize("changed", range(10))
async def test_e04_a_change_to_any_segment_breaks_the_signature(uncommitted: Core, changed: int) -> None:
    scene = await a_described_scene(uncommitted)
    bound = await scene.bind(await scene.invited_phone())
    segments = ten_segments(bound)
    segments[changed] = f"{segments[changed]}x"

    with pytest.raises(BadSignatureError):
        verify_integration(bound.integration_public_key, "|".join(segments), bound.signature)


async def test_the_instance_may_sign_twelve_segments(conn: Connection) -> None:
    scene = await Scene.on(a_core_rolled_back(conn, some_settings(bind_segments=12)))

    bound = await scene.bind(await scene.invited_phone())

    assert bound.is_system_integration is False
    twelve = "|".join([*ten_segments(bound), "false", ""])
    verify_integration(bound.integration_public_key, twelve, bound.signature)


async def test_an_enrollment_keeps_the_key_that_it_was_bound_with(scene: Scene) -> None:
    """docs/protocol/wire.md, 0.1: rotation is for those who are bound afterwards."""
    earlier, later = await scene.invited_phone(), await scene.invited_phone()
    await scene.bind(earlier)
    await scene.made(rotate_signing_key, command=RotateSigningKey(scene.integration.id))
    await scene.bind(later)

    assert earlier.integration_key != later.integration_key
    verified = await scene.verify(earlier.verify_body())
    earlier.checks(
        verified.signature, earlier.proof_token, earlier.enrollment_id, "VERIFIED", verified.message
    )


async def test_e05_a_second_bind_is_refused_and_changes_nothing(scene: Scene) -> None:
    phone = await scene.invited_phone()
    await scene.bind(phone)
    before = await scene.state()

    with pytest.raises(EnrollmentAlreadyBound):
        await scene.bind(phone)

    assert await scene.state() == before


async def test_a_bound_enrollment_past_its_time_is_still_already_bound(scene: Scene) -> None:
    phone = await scene.bound_phone()
    scene.move_clock(days=8)

    with pytest.raises(EnrollmentAlreadyBound):
        await scene.bind(phone)

    assert (await scene.enrollment(phone))["status"] == "BOUND"


async def test_a_revoked_invitation_cannot_be_bound(scene: Scene) -> None:
    phone = await scene.invited_phone()
    await scene.made(revoke_enrollment, command=RevokeEnrollment(phone.enrollment_id))

    with pytest.raises(EnrollmentAlreadyBound):
        await scene.bind(phone)

    assert (await scene.enrollment(phone))["status"] == "REVOKED"


async def refusal_of(
    scene: Scene, phone: Phone, proof_token: str | None = None
) -> tuple[type[AppError], str]:
    with pytest.raises(AppError) as refused:
        await scene.bind(phone, proof_token)
    return type(refused.value), str(refused.value)


async def test_e06_unknown_wrong_expired_and_inactive_are_refused_alike(scene: Scene) -> None:
    wrong, expired, swept = [await scene.invited_phone() for _ in range(3)]
    unknown = Phone(wrong.enrollment_id % (2**31 - 1) + 1, wrong.proof_token, 0, wrong.key)
    of_inactive = await Scene.on(scene.core)
    inactive = await of_inactive.invited_phone()
    await scene.made(deactivate_integration, command=DeactivateIntegration(of_inactive.integration.id))

    refusals = {
        await refusal_of(scene, unknown),
        await refusal_of(scene, wrong, new_proof_token()),
        await refusal_of(scene, wrong, expired.proof_token),
        await refusal_of(scene, wrong, ""),
        await refusal_of(scene, inactive),
    }
    scene.move_clock(days=8)
    refusals.add(await refusal_of(scene, expired))
    refusals.add(await refusal_of(scene, expired))  # by now its status says so
    await scene.run_job()
    refusals.add(await refusal_of(scene, swept))

    assert len(refusals) == 1
    assert refusals.pop()[0] is EnrollmentBindingFailed


async def test_an_inactive_tenants_invitations_cannot_be_bound(scene: Scene) -> None:
    phone = await scene.invited_phone()
    await scene.made(deactivate_tenant, command=DeactivateTenant(scene.integration.organization_id))

    with pytest.raises(EnrollmentBindingFailed):
        await scene.bind(phone)


async def test_who_has_not_the_token_changes_nothing(scene: Scene) -> None:
    phone = await scene.invited_phone()
    scene.move_clock(days=8)  # not even its expiry is noted for a stranger
    before = await scene.state()

    with pytest.raises(EnrollmentBindingFailed):
        await scene.bind(phone, new_proof_token())

    assert await scene.state() == before


async def test_an_invitation_past_its_time_ends_although_the_answer_is_no(scene: Scene) -> None:
    phone = await scene.invited_phone()
    row = await scene.enrollment(phone)
    scene.move_clock(seconds=(row["expires_at"] - scene.core.clock.now()).total_seconds() + 0.001)

    with pytest.raises(EnrollmentBindingFailed):
        await scene.bind(phone)

    after = await scene.enrollment(phone)
    assert (after["status"], after["challenge_sealed"]) == ("EXPIRED", None)
    assert await scene.event_names("enrollment", phone.enrollment_id) == [
        "enrollment.created",
        "enrollment.expired",
    ]


async def test_a_bind_leaves_one_event_by_the_device(scene: Scene) -> None:
    phone = await scene.invited_phone()

    await scene.bind(phone)

    *_, event = await scene.events_of("enrollment", phone.enrollment_id)
    assert (event["event"], event["result"], event["surface"]) == ("enrollment.bound", "ok", "tests")
    assert (event["actor_kind"], event["actor_id"]) == ("device", str(phone.enrollment_id))
    assert (event["address"], event["request_id"]) == ("192.0.2.10", "a-request")
    assert event["organization_id"] == scene.integration.organization_id
