"""What every request of an enrolled phone has to prove; tried on the poll."""

from collections.abc import Callable

import pytest

from server.base.errors import AttemptBindingFailed, TooManyRequests
from server.core.auth_attempts.deliver import fetch_pending
from server.core.enrollments.lifecycle import (
    DeactivateEnrollment,
    RebindEnrollment,
    RevokeEnrollment,
    deactivate_enrollment,
    rebind_enrollment,
    revoke_enrollment,
)
from server.core.integrations.actions import DeactivateIntegration, deactivate_integration
from server.core.organizations.actions import DeactivateTenant, deactivate_tenant
from tests.support.enrolling import ANYONE, poll_of
from tests.support.phone import Body, Ed25519Key, Key, P256Key, Phone, new_proof_token, with_high_s
from tests.support.scene import Scene


async def refused(scene: Scene, body: Body) -> str:
    """What the refusal says; the caller was counted among those who prove nothing."""
    failures = scene.meter.failures
    with pytest.raises(AttemptBindingFailed) as refusal:
        await scene.poll(body)
    assert scene.meter.failures == failures + 1
    return str(refusal.value)


def wrong_bodies(phone: Phone, other: Phone) -> dict[str, Body]:
    """Every way not to prove possession of *phone*'s enrollment, by its name."""
    token = new_proof_token()
    high = phone.poll_body()
    if isinstance(phone.key, P256Key):
        high["deviceProofTokenSigned"] = with_high_s(high["deviceProofTokenSigned"])
    else:
        high["deviceProofTokenSigned"] = high["deviceProofTokenSigned"][:-4]
    return {
        "another id": phone.poll_body(enrollmentId=other.enrollment_id),
        "an unknown id": phone.poll_body(enrollmentId=phone.enrollment_id % (2**31 - 1) + 1),
        "another enrollment's token": phone.poll_body(enrollmentProofToken=other.proof_token),
        "an unknown token": phone.poll_body(enrollmentProofToken=new_proof_token()),
        "no token": phone.poll_body(enrollmentProofToken=""),
        "half a surrogate pair": phone.poll_body(enrollmentProofToken="\ud800"),
        "another enrollment's key": phone.poll_body(signed_by=other.key),
        "a new key": phone.poll_body(signed_by=P256Key()),
        "a new key of the other kind": phone.poll_body(signed_by=Ed25519Key()),
        "a signature over something else": phone.poll_body(
            deviceProofTokenSigned=phone.key.sign(new_proof_token())
        ),
        "a malleable or short signature": high,
        "no signature": phone.poll_body(deviceProofTokenSigned=""),
        "no Base64": phone.poll_body(deviceProofTokenSigned="%%%"),
        "no device proof token": phone.poll_body(
            "x", deviceProofToken="", deviceProofTokenSigned=phone.key.sign("")
        ),
        "a short device proof token": phone.poll_body(token[:-1]),
        "a long device proof token": phone.poll_body(token + "A"),
        "a device proof token in another alphabet": phone.poll_body(token.replace(token[0], "+", 1)),
        "a device proof token that ends a line": phone.poll_body(token + "\n"),
    }


@pytest.mark.parametrize("make_key", [P256Key, Ed25519Key])
async def test_e15_every_failed_proof_is_refused_alike_and_changes_nothing(
    scene: Scene, make_key: Callable[[], Key]
) -> None:
    phone, other = await scene.enrolled_phone(key=make_key()), await scene.enrolled_phone()
    await scene.ask(phone)
    before = await scene.state()

    told = {await refused(scene, body) for body in wrong_bodies(phone, other).values()}

    assert len(told) == 1
    assert await scene.state() == before
    assert scene.meter.subjects == []
    assert await scene.poll(phone.poll_body()) is not None


async def test_an_older_phones_token_with_a_time_in_it_is_taken(scene: Scene) -> None:
    """docs/protocol/wire.md, 2: inbound tokens are opaque, and older ones had a timestamp in the middle."""
    phone = await scene.enrolled_phone()
    first, second = new_proof_token().split(".")

    assert await scene.poll(phone.poll_body(f"{first}.1764000000.{second}")) is None


async def test_a_good_proof_is_counted_against_the_enrollment(scene: Scene) -> None:
    phone = await scene.enrolled_phone()

    await scene.poll(phone.poll_body())

    assert scene.meter.subjects == [f"enrollment:{phone.enrollment_id}"]
    assert scene.meter.failures == 0


async def test_a_caller_over_its_limit_is_not_served(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone)

    class Full:
        async def proved(self, subject: str) -> None:
            raise TooManyRequests(7)

        async def unproved(self) -> None:
            raise AssertionError("the proof was good")

    with pytest.raises(TooManyRequests):
        await scene.core.perform_at_once(
            fetch_pending, poll_of(phone.poll_body()), actor=ANYONE, meter=Full()
        )

    assert (await scene.attempt(attempt.id))["status"] == "PENDING"


async def test_who_is_not_active_any_more_is_refused_like_a_stranger(scene: Scene) -> None:
    stranger = await scene.enrolled_phone()
    told = {await refused(scene, stranger.poll_body(signed_by=P256Key()))}

    deactivated, revoked, rebound = [await scene.enrolled_phone() for _ in range(3)]
    await scene.made(deactivate_enrollment, command=DeactivateEnrollment(deactivated.enrollment_id))
    await scene.made(revoke_enrollment, command=RevokeEnrollment(revoked.enrollment_id))
    await scene.made(rebind_enrollment, command=RebindEnrollment(rebound.enrollment_id))
    invited, bound = await scene.invited_phone(), await scene.bound_phone()
    for phone in (deactivated, revoked, rebound, invited, bound):
        told.add(await refused(scene, phone.poll_body()))

    of_inactive_integration = await Scene.on(scene.core)
    phone = await of_inactive_integration.enrolled_phone()
    await scene.made(
        deactivate_integration, command=DeactivateIntegration(of_inactive_integration.integration.id)
    )
    told.add(await refused(scene, phone.poll_body()))
    await scene.made(deactivate_tenant, command=DeactivateTenant(scene.integration.organization_id))
    told.add(await refused(scene, stranger.poll_body()))

    assert len(told) == 1


async def test_a_spent_token_is_refused_like_a_wrong_one_but_counts_as_proved(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    await scene.ask(phone)
    body = phone.poll_body()
    await scene.poll(body)

    with pytest.raises(AttemptBindingFailed) as spent:
        await scene.poll(body)

    assert scene.meter.failures == 0
    assert str(spent.value) == await refused(scene, phone.poll_body(signed_by=P256Key()))


async def test_the_same_token_of_another_enrollment_is_not_spent(scene: Scene) -> None:
    phone, other = await scene.enrolled_phone(), await scene.enrolled_phone()
    await scene.ask(phone)
    await scene.ask(other)
    token = new_proof_token()

    assert await scene.poll(phone.poll_body(token)) is not None
    assert await scene.poll(other.poll_body(token)) is not None
