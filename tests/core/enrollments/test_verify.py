from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.exceptions import BadSignatureError

from server.base.errors import AppError, EnrollmentStateConflict, EnrollmentVerifyFailed
from server.core.enrollments.lifecycle import RevokeEnrollment, revoke_enrollment
from server.core.enrollments.model import MAX_VERIFY_FAILURES
from server.core.integrations.actions import DeactivateIntegration, deactivate_integration
from tests.support.phone import Body, Ed25519Key, Key, P256Key, Phone, with_high_s
from tests.support.scene import Scene

KEYS = pytest.mark.parametrize("make_key", [P256Key, Ed25519Key])


async def refused(scene: Scene, body: Body) -> type[AppError]:
    """How the verify was refused."""
    with pytest.raises(AppError) as refusal:
        await scene.verify(body)
    return type(refusal.value)


def another_challenge(phone: Phone) -> int:
    """A six-digit number that is not the phone's."""
    return phone.challenge + 1 if phone.challenge < 999_999 else 100_000


@KEYS
async def test_e07_the_right_signature_and_challenge_make_the_enrollment_active(
    scene: Scene, make_key: Callable[[], Key]
) -> None:
    phone = await scene.bound_phone(key=make_key())

    await scene.verify(phone.verify_body())

    row = await scene.enrollment(phone)
    assert (row["status"], row["active"], row["device_key"]) == ("VERIFIED", True, phone.key.spki)
    assert row["challenge_sealed"] is None
    assert row["verified_at"] is not None


async def test_e11_the_answer_is_signed(scene: Scene) -> None:
    phone = await scene.bound_phone()

    verified = await scene.verify(phone.verify_body())

    phone.checks(verified.signature, phone.proof_token, phone.enrollment_id, "VERIFIED", verified.message)
    with pytest.raises(BadSignatureError):
        phone.checks(verified.signature, phone.proof_token, phone.enrollment_id, "VERIFIED", "Something else")


@pytest.mark.parametrize("tier", [None, "NONE", "STANDARD", "STRONG"])
async def test_e12_the_storage_tier_is_kept(scene: Scene, tier: str | None) -> None:
    phone = await scene.bound_phone()

    await scene.verify(phone.verify_body(devicePrivateKeyStorageTier=tier))

    assert (await scene.enrollment(phone))["device_key_tier"] == tier


@KEYS
@pytest.mark.parametrize(
    "member", ["enrollmentId", "challengeResponse", "devicePublicKey", "enrollmentProofTokenSigned"]
)
async def test_e08_a_request_of_which_anything_is_changed_changes_nothing(
    scene: Scene, make_key: Callable[[], Key], member: str
) -> None:
    """Whatever a man in the middle changes, the phone's signature no longer fits."""
    phone, other = await scene.bound_phone(key=make_key()), await scene.bound_phone(key=make_key())
    body = phone.verify_body()
    body[member] = {
        "enrollmentId": other.enrollment_id,
        "challengeResponse": another_challenge(phone),
        "devicePublicKey": other.public_key,
        "enrollmentProofTokenSigned": other.verify_body()["enrollmentProofTokenSigned"],
    }[member]
    before = await scene.state()

    for _ in range(MAX_VERIFY_FAILURES + 1):
        assert await refused(scene, body) is EnrollmentVerifyFailed

    assert await scene.state() == before
    assert scene.meter.failures == MAX_VERIFY_FAILURES + 1
    await scene.verify(phone.verify_body())


async def test_e08_only_the_holder_of_the_invitation_can_use_up_its_tries(scene: Scene) -> None:
    """A thief who knows id and challenge, but not the proof token, signs with a key of their own."""
    phone = await scene.bound_phone()
    thief = Phone(phone.enrollment_id, "guessed", phone.challenge, P256Key())
    before = await scene.state()

    for _ in range(MAX_VERIFY_FAILURES + 1):
        assert await refused(scene, thief.verify_body()) is EnrollmentVerifyFailed

    assert await scene.state() == before


async def test_e08_the_third_wrong_challenge_ends_the_enrollment(scene: Scene) -> None:
    phone = await scene.bound_phone()
    wrong = phone.verify_body(another_challenge(phone))

    for tries in (1, 2):
        assert await refused(scene, wrong) is EnrollmentVerifyFailed
        row = await scene.enrollment(phone)
        assert (row["status"], row["verify_failures"]) == ("BOUND", tries)
    assert await refused(scene, wrong) is EnrollmentVerifyFailed

    row = await scene.enrollment(phone)
    assert (row["status"], row["verify_failures"], row["challenge_sealed"]) == ("INVALID", 3, None)
    assert await refused(scene, phone.verify_body()) is EnrollmentStateConflict
    assert (await scene.event_names("enrollment", phone.enrollment_id))[2:] == [
        "enrollment.verify_failed",
        "enrollment.verify_failed",
        "enrollment.invalidated",
    ]
    assert scene.meter.failures == 0


async def test_a_right_challenge_after_two_wrong_ones_is_right(scene: Scene) -> None:
    phone = await scene.bound_phone()
    for _ in range(2):
        await refused(scene, phone.verify_body(another_challenge(phone)))

    await scene.verify(phone.verify_body())

    row = await scene.enrollment(phone)
    assert (row["status"], row["verify_failures"]) == ("VERIFIED", 0)


async def test_e09_a_signature_with_a_high_s_is_refused(scene: Scene) -> None:
    phone = await scene.bound_phone()
    body = phone.verify_body()
    body["enrollmentProofTokenSigned"] = with_high_s(body["enrollmentProofTokenSigned"])

    assert await refused(scene, body) is EnrollmentVerifyFailed


@KEYS
async def test_e10_a_key_is_for_one_enrollment_only(scene: Scene, make_key: Callable[[], Key]) -> None:
    first = await scene.enrolled_phone(key=make_key())
    second = await scene.bound_phone(key=first.key)
    before = await scene.enrollment(second)

    assert await refused(scene, second.verify_body()) is EnrollmentVerifyFailed

    assert await scene.enrollment(second) == before


async def test_e10_the_key_of_another_tenant_or_of_a_revoked_enrollment_is_used_too(scene: Scene) -> None:
    elsewhere = await Scene.on(scene.core)
    first = await elsewhere.enrolled_phone()
    await scene.made(revoke_enrollment, command=RevokeEnrollment(first.enrollment_id))
    second = await scene.bound_phone(key=first.key)

    assert await refused(scene, second.verify_body()) is EnrollmentVerifyFailed


async def test_e10_another_spelling_of_a_key_is_the_same_key(scene: Scene) -> None:
    """The reference server compares texts, so the same key without its padding slips through there."""
    first = await scene.enrolled_phone()
    second = await scene.bound_phone(key=first.key)
    unpadded = second.public_key.rstrip("=")
    signed = f"{second.proof_token}|{second.enrollment_id}|{second.challenge}|{unpadded}"
    body = second.verify_body(devicePublicKey=unpadded, enrollmentProofTokenSigned=second.key.sign(signed))

    assert await refused(scene, body) is EnrollmentVerifyFailed


async def test_a_key_on_another_curve_is_refused(scene: Scene) -> None:
    phone = await scene.bound_phone()
    p384 = ec.generate_private_key(ec.SECP384R1()).public_key()

    class Foreign(P256Key):
        spki = p384.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    phone.key = Foreign()

    assert await refused(scene, phone.verify_body()) is EnrollmentVerifyFailed


async def test_one_verified_enrollment_has_a_name(scene: Scene) -> None:
    """docs/protocol/wire.md, 3.1: the second stays BOUND."""
    await scene.enrolled_phone(name="Jane")
    second = await scene.bound_phone(name="Jane")
    before = await scene.enrollment(second)

    assert await refused(scene, second.verify_body()) is EnrollmentStateConflict

    assert await scene.enrollment(second) == before


async def test_another_integration_may_have_an_enrollment_of_the_same_name(scene: Scene) -> None:
    elsewhere = await Scene.on(scene.core)
    await elsewhere.enrolled_phone(name="Jane")

    await scene.enrolled_phone(name="Jane")


async def test_an_unknown_enrollment_is_a_conflict(scene: Scene) -> None:
    phone = await scene.bound_phone()
    phone.enrollment_id = phone.enrollment_id % (2**31 - 1) + 1

    assert await refused(scene, phone.verify_body()) is EnrollmentStateConflict


async def test_what_is_not_bound_is_a_conflict_and_stays_as_it_is(scene: Scene) -> None:
    """The reference server makes it INVALID. docs/protocol/wire.md, 4: do not copy."""
    created, verified, revoked = (
        await scene.invited_phone(),
        await scene.enrolled_phone(),
        await scene.bound_phone(),
    )
    await scene.made(revoke_enrollment, command=RevokeEnrollment(revoked.enrollment_id))
    before = await scene.state()

    for phone in (created, verified, revoked):
        assert await refused(scene, phone.verify_body()) is EnrollmentStateConflict

    assert await scene.state() == before


async def test_an_invitation_past_its_time_ends(scene: Scene) -> None:
    phone = await scene.bound_phone()
    scene.move_clock(days=7, seconds=1)

    assert await refused(scene, phone.verify_body()) is EnrollmentVerifyFailed

    row = await scene.enrollment(phone)
    assert (row["status"], row["challenge_sealed"]) == ("EXPIRED", None)
    assert (await scene.event_names("enrollment", phone.enrollment_id))[-1] == "enrollment.expired"


async def test_a_stranger_does_not_end_an_invitation_past_its_time(scene: Scene) -> None:
    phone = await scene.bound_phone()
    scene.move_clock(days=8)
    before = await scene.state()

    assert await refused(scene, phone.verify_body(signed_by=P256Key())) is EnrollmentVerifyFailed

    assert await scene.state() == before


async def test_an_inactive_integrations_enrollment_cannot_be_verified(scene: Scene) -> None:
    phone = await scene.bound_phone()
    await scene.made(deactivate_integration, command=DeactivateIntegration(scene.integration.id))

    assert await refused(scene, phone.verify_body()) is EnrollmentStateConflict


async def test_all_failures_of_the_proof_are_told_alike(scene: Scene) -> None:
    phone, other = await scene.bound_phone(), await scene.enrolled_phone()
    high = phone.verify_body()
    high["enrollmentProofTokenSigned"] = with_high_s(high["enrollmentProofTokenSigned"])
    bodies = [
        phone.verify_body(another_challenge(phone)),
        phone.verify_body(signed_by=P256Key()),
        phone.verify_body(devicePublicKey="bm90IGEga2V5"),
        phone.verify_body(enrollmentProofTokenSigned="not Base64"),
        high,
    ]
    told = set()
    for body in bodies:
        with pytest.raises(EnrollmentVerifyFailed) as refusal:
            await scene.verify(body)
        told.add(str(refusal.value))
    phone.key = other.key
    with pytest.raises(EnrollmentVerifyFailed) as refusal:
        await scene.verify(phone.verify_body())

    assert told == {str(refusal.value)}


async def test_a_verify_leaves_one_event_by_the_device(scene: Scene) -> None:
    phone = await scene.bound_phone(key=Ed25519Key())

    await scene.verify(phone.verify_body(devicePrivateKeyStorageTier="STRONG"))

    *_, event = await scene.events_of("enrollment", phone.enrollment_id)
    assert (event["event"], event["result"]) == ("enrollment.verified", "ok")
    assert (event["actor_kind"], event["actor_id"]) == ("device", str(phone.enrollment_id))
    assert event["data"] == '{"algorithm": "Ed25519", "storage_tier": "STRONG"}'
    assert len(await scene.events_of("enrollment", phone.enrollment_id)) == 3
