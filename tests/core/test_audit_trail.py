"""X13: every change of state leaves its events and no other, and none of them holds a secret."""

import json
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from server.base.errors import AppError
from server.core.auth_attempts.model import DenyReason
from server.core.enrollments.lifecycle import RevokeEnrollment, revoke_enrollment
from tests.support.phone import P256Key
from tests.support.scene import Row, Scene

FIELDS = ("surface", "event", "result", "actor_kind", "target_kind", "target_id")


async def changes(scene: Scene, step: Awaitable[object]) -> tuple[bool, list[Row]]:
    """Whether *step*, allowed or refused, changed any row of the tenant, and the records that it left."""
    before = await scene.state()
    with suppress(AppError):
        await step
    after = await scene.state()
    known = {event["id"] for event in before.pop("audit_events")}
    events = [event for event in after.pop("audit_events") if event["id"] not in known]
    return before != after, sorted(events, key=lambda event: str(event["event"]))


async def leaves(scene: Scene, step: Awaitable[object], *expected: str) -> None:
    """*step* left exactly these records, each complete; it changed something only if it left one."""
    changed, events = await changes(scene, step)
    assert [event["event"] for event in events] == sorted(expected)
    assert changed == bool(expected), "a change without a record, or a record without a change"
    for event in events:
        assert all(event[field] for field in FIELDS)
        assert event["organization_id"] == scene.integration.organization_id


async def test_x13_enrolling_leaves_one_record_for_each_change(scene: Scene) -> None:
    phone, stranger = await scene.invited_phone(), P256Key()

    await leaves(scene, scene.bind(phone, "a wrong token"))
    await leaves(scene, scene.bind(phone), "enrollment.bound")
    await leaves(scene, scene.bind(phone))
    await leaves(scene, scene.verify(phone.verify_body(signed_by=stranger)))
    await leaves(scene, scene.verify(phone.verify_body(phone.challenge - 1)), "enrollment.verify_failed")
    await leaves(scene, scene.verify(phone.verify_body()), "enrollment.verified")
    await leaves(scene, scene.verify(phone.verify_body()))
    register = phone.push_address_body("FCM", "here")
    await leaves(scene, scene.register(phone.push_address_body("FCM", "here", signed_by=stranger)))
    await leaves(scene, scene.register(register), "enrollment.push_address_registered")
    await leaves(scene, scene.register(register))
    other = await scene.enrolled_phone()
    await leaves(
        scene,
        scene.register(other.push_address_body("FCM", "here")),
        "enrollment.push_address_registered",
        "enrollment.push_address_moved_away",
    )


async def test_x13_asking_leaves_one_record_for_each_change(scene: Scene) -> None:
    phone, stranger = await scene.enrolled_phone(), P256Key()
    poll = phone.poll_body()

    await leaves(scene, scene.poll(poll))
    await leaves(scene, scene.ask(phone), "auth_attempt.created")
    await leaves(scene, scene.ask(phone), "auth_attempt.created", "auth_attempt.expired")
    await leaves(scene, scene.poll(phone.poll_body(signed_by=stranger)))
    await leaves(scene, scene.poll(poll), "auth_attempt.read")
    await leaves(scene, scene.poll(poll))
    pending = await scene.fetch(phone)
    await leaves(scene, scene.answer(phone, pending, signed_by=stranger))
    await leaves(scene, scene.answer(phone, pending), "auth_attempt.accepted")
    await leaves(scene, scene.answer(phone, pending))
    await leaves(scene, scene.cancel(pending.id))
    await leaves(scene, scene.ask(phone, idempotency_key="order-1"), "auth_attempt.created")
    await leaves(scene, scene.ask(phone, idempotency_key="order-1"))
    await scene.ask(phone, challenge=True)
    pending = await scene.fetch(phone)
    await leaves(scene, scene.answer(phone, pending, challenge=1), "auth_attempt.invalid")


async def test_x13_ending_leaves_one_record_for_each_change(scene: Scene) -> None:
    phone, second = [await scene.enrolled_phone(user_identifier="jane") for _ in range(2)]

    attempt = await scene.ask(phone)
    await leaves(scene, scene.cancel(attempt.id), "auth_attempt.expired")
    await scene.ask(second)
    await scene.ask(phone)
    pending = await scene.fetch(phone)
    await leaves(
        scene,
        scene.answer(phone, pending, accepted=False, deny_reason=DenyReason.FRAUD),
        "auth_attempt.rejected",
        "auth_attempt.expired",
        "enrollment.fraud_reported",
    )
    await scene.ask(phone)
    scene.move_clock(minutes=3)
    await leaves(scene, scene.run_job(), "auth_attempt.expired")
    await leaves(scene, scene.run_job())
    await scene.ask(phone)
    await leaves(
        scene,
        scene.made(revoke_enrollment, command=RevokeEnrollment(phone.enrollment_id)),
        "auth_attempt.expired",
        "enrollment.revoked",
    )


async def test_x13_no_record_holds_a_secret_or_what_people_were_shown(scene: Scene) -> None:
    phone = await scene.invited_phone(name="Jane's phone", user_identifier="jane@example.org")
    await scene.bind(phone)
    await scene.verify(phone.verify_body())
    await scene.register(phone.push_address_body("FCM", "her-push-address"))
    attempt = await scene.ask(
        phone, challenge=True, title="A title", message="A message", idempotency_key="her-key"
    )
    body = phone.poll_body()
    pending = await scene.poll(body)
    assert pending is not None
    await scene.answer(phone, pending, challenge=attempt.challenge)

    text = json.dumps((await scene.state())["audit_events"], default=_as_text)

    for secret in (
        phone.proof_token,
        str(phone.challenge),
        str(attempt.challenge),
        pending.proof_token,
        body["deviceProofToken"],
        body["deviceProofTokenSigned"],
        "her-push-address",
        "her-key",
        "A title",
        "A message",
        "Jane's phone",
        "jane@example.org",
    ):
        assert json.dumps(secret)[1:-1] not in text


def _as_text(value: object) -> Any:  # noqa: ANN401 - as JSON's encoder asks
    # Instants are full of digits, which may look like a challenge.
    return "" if hasattr(value, "isoformat") else str(value)
