import pytest

from server.base.errors import AttemptBindingFailed, EnrollmentPushAddressFailed
from server.core.enrollments.lifecycle import RevokeEnrollment, revoke_enrollment
from server.core.enrollments.model import push_address_purpose
from tests.support.phone import Body, P256Key, Phone, new_proof_token
from tests.support.scene import Scene

ADDRESS = "fcm-token-of-jane"


async def address_of(scene: Scene, phone: Phone) -> tuple[str, str] | None:
    """Where the phone is woken, opened."""
    row = await scene.enrollment(phone)
    if row["push_provider"] is None:
        return None
    opened = scene.core.keys.open(row["push_address_sealed"], push_address_purpose(phone.enrollment_id))
    return row["push_provider"], opened.decode()


async def refused(scene: Scene, body: Body) -> str:
    """What the refusal says."""
    with pytest.raises(EnrollmentPushAddressFailed) as refusal:
        await scene.register(body)
    return str(refusal.value)


@pytest.mark.parametrize("provider", ["APNS", "FCM"])
async def test_a_phone_says_where_it_can_be_woken(scene: Scene, provider: str) -> None:
    phone = await scene.enrolled_phone()

    await scene.register(phone.push_address_body(provider, ADDRESS))

    assert await address_of(scene, phone) == (provider, ADDRESS)
    *_, event = await scene.events_of("enrollment", phone.enrollment_id)
    assert (event["event"], event["actor_id"]) == (
        "enrollment.push_address_registered",
        str(phone.enrollment_id),
    )
    assert ADDRESS not in event["data"]


async def test_the_newest_registration_of_a_phone_counts(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    await scene.register(phone.push_address_body("FCM", ADDRESS))

    await scene.register(phone.push_address_body("APNS", "another"))

    assert await address_of(scene, phone) == ("APNS", "another")


async def test_an_address_moves_with_its_newest_registration(scene: Scene) -> None:
    """docs/protocol/wire.md, 0.1: also away from another tenant's enrollment, whose log says so."""
    elsewhere = await Scene.on(scene.core)
    earlier, later = await elsewhere.enrolled_phone(), await scene.enrolled_phone()
    await elsewhere.register(earlier.push_address_body("FCM", ADDRESS))

    await scene.register(later.push_address_body("FCM", ADDRESS))

    assert await address_of(scene, later) == ("FCM", ADDRESS)
    assert await address_of(scene, earlier) is None
    *_, event = await scene.events_of("enrollment", earlier.enrollment_id)
    assert event["event"] == "enrollment.push_address_moved_away"
    assert event["organization_id"] == elsewhere.integration.organization_id


async def test_the_same_text_at_another_provider_is_another_address(scene: Scene) -> None:
    one, other = await scene.enrolled_phone(), await scene.enrolled_phone()

    await scene.register(one.push_address_body("FCM", ADDRESS))
    await scene.register(other.push_address_body("APNS", ADDRESS))

    assert (await address_of(scene, one), await address_of(scene, other)) == (
        ("FCM", ADDRESS),
        ("APNS", ADDRESS),
    )


async def test_registering_the_same_again_moves_nothing(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    await scene.register(phone.push_address_body("FCM", ADDRESS))

    await scene.register(phone.push_address_body("FCM", ADDRESS))

    assert await address_of(scene, phone) == ("FCM", ADDRESS)
    assert "enrollment.push_address_moved_away" not in await scene.event_names(
        "enrollment", phone.enrollment_id
    )


@pytest.mark.parametrize(
    "member",
    ["provider", "address", "deviceProofToken", "deviceProofTokenSigned", "enrollmentProofToken"],
)
async def test_who_changes_any_member_is_refused_and_changes_nothing(scene: Scene, member: str) -> None:
    phone = await scene.enrolled_phone()
    body = phone.push_address_body("FCM", ADDRESS)
    changes = {"provider": "APNS", "address": "mallorys", "deviceProofTokenSigned": P256Key().sign(ADDRESS)}
    before = await scene.state()

    await refused(scene, body | {member: changes.get(member, new_proof_token())})

    assert await scene.state() == before
    assert scene.meter.failures == 1


async def test_the_signature_of_a_poll_registers_nothing(scene: Scene) -> None:
    """One message never passes for another: what a poll signs has no purpose in it, this has."""
    phone = await scene.enrolled_phone()
    poll = phone.poll_body()

    await refused(scene, poll | {"provider": "FCM", "address": ADDRESS})


async def test_a_token_registers_once(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    body = phone.push_address_body("FCM", ADDRESS)
    await scene.register(body)
    before = await scene.state()

    spent = await refused(scene, body)

    assert await scene.state() == before
    assert spent == await refused(scene, phone.push_address_body("FCM", ADDRESS, signed_by=P256Key()))


async def test_a_token_that_registered_does_not_poll(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    await scene.ask(phone)
    token = new_proof_token()
    await scene.register(phone.push_address_body("FCM", ADDRESS, token))

    with pytest.raises(AttemptBindingFailed):
        await scene.poll(phone.poll_body(token))


async def test_a_revoked_enrollment_registers_nothing_and_has_no_address(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    await scene.register(phone.push_address_body("FCM", ADDRESS))
    await scene.made(revoke_enrollment, command=RevokeEnrollment(phone.enrollment_id))

    await refused(scene, phone.push_address_body("FCM", ADDRESS))

    assert await address_of(scene, phone) is None
