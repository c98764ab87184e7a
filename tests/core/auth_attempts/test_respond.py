from collections.abc import Callable
from dataclasses import replace

import pytest
from nacl.exceptions import BadSignatureError

from server.base.errors import AttemptStateConflict, EnrollmentInactive, TooManyRequests
from server.core.auth_attempts.deliver import PendingAttempt
from server.core.auth_attempts.model import Attempt, DenyReason, proof_token_purpose
from server.core.auth_attempts.respond import (
    AnsweredAttempt,
    AttemptResult,
    RespondToAttempt,
    respond_to_attempt,
)
from server.core.enrollments.lifecycle import UnlockEnrollment, unlock_enrollment
from server.db.pool import Connection
from tests.support.enrolling import ANYONE, answer_of
from tests.support.phone import Ed25519Key, Key, P256Key, Phone, with_high_s
from tests.support.rolled_back import a_core_rolled_back, woken_by
from tests.support.scene import Scene
from tests.support.work import some_settings

KEYS = pytest.mark.parametrize("make_key", [P256Key, Ed25519Key])


def wrong(challenge: int | None) -> int:
    """Another number of as many digits."""
    assert challenge is not None
    return challenge - 1 if challenge % 10 else challenge + 1


async def asked(scene: Scene, phone: Phone, *, challenge: bool = False) -> tuple[Attempt, PendingAttempt]:
    """An attempt that the phone has read."""
    attempt = await scene.ask(phone, challenge=challenge)
    return attempt, await scene.fetch(phone)


async def fail_once(scene: Scene, phone: Phone) -> AnsweredAttempt:
    """The owner approves a new attempt with a wrong number."""
    attempt, pending = await asked(scene, phone, challenge=True)
    return await scene.answer(phone, pending, challenge=wrong(attempt.challenge))


def check_signature(phone: Phone, pending: PendingAttempt, answered: AnsweredAttempt) -> None:
    """The result is signed by the integration."""
    assert answered.signature is not None
    phone.checks(answered.signature, pending.proof_token, pending.id, answered.result, answered.message)


# --- the answers -------------------------------------------------------------------------------------


@KEYS
async def test_e19_a_right_signature_approves(scene: Scene, make_key: Callable[[], Key]) -> None:
    phone = await scene.enrolled_phone(key=make_key())
    attempt, pending = await asked(scene, phone)

    answered = await scene.answer(phone, pending)

    assert (answered.attempt_id, answered.result) == (attempt.id, "APPROVED")
    row = await scene.attempt(attempt.id)
    assert row["status"] == "ACCEPTED"
    assert row["ended_at"] is not None
    assert (await scene.enrollment(phone))["last_used_at"] == row["ended_at"]


async def test_e19_the_signature_that_approved_is_kept(scene: Scene) -> None:
    """It is the relying party's receipt."""
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone)
    command = answer_of(phone, pending, accepted=True)

    await scene.respond(command)

    assert (await scene.attempt(attempt.id))["device_signature"] == command.signature
    assert (await scene.look(attempt.id)).proof_token == pending.proof_token


async def test_e19_the_right_number_approves(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone, challenge=True)

    answered = await scene.answer(phone, pending, challenge=attempt.challenge)

    assert answered.result == "APPROVED"


@KEYS
@pytest.mark.parametrize("challenge", [False, True])
async def test_e20_a_denial_needs_no_number(
    scene: Scene, make_key: Callable[[], Key], *, challenge: bool
) -> None:
    phone = await scene.enrolled_phone(key=make_key())
    attempt, pending = await asked(scene, phone, challenge=challenge)

    answered = await scene.answer(phone, pending, accepted=False)

    assert answered.result == "DENIED"
    assert (await scene.attempt(attempt.id))["status"] == "REJECTED"
    assert (await scene.look(attempt.id)).proof_token is None


async def test_e20_a_denial_with_a_wrong_number_is_a_denial(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone, challenge=True)

    answered = await scene.answer(phone, pending, accepted=False, challenge=wrong(attempt.challenge))

    assert answered.result == "DENIED"
    assert (await scene.enrollment(phone))["failures"] == 0


@pytest.mark.parametrize("given", ["wrong", "absent", "of the attempt before"])
async def test_e21_an_approval_without_the_right_number_ends_the_attempt(scene: Scene, given: str) -> None:
    phone = await scene.enrolled_phone()
    before, _ = await asked(scene, phone, challenge=True)
    attempt, pending = await asked(scene, phone, challenge=True)
    if before.challenge == attempt.challenge:
        attempt, pending = await asked(scene, phone, challenge=True)
    numbers = {"wrong": wrong(attempt.challenge), "absent": None, "of the attempt before": before.challenge}

    answered = await scene.answer(phone, pending, challenge=numbers[given])

    assert answered.result == "FAILED"
    check_signature(phone, pending, answered)
    assert (await scene.attempt(attempt.id))["status"] == "INVALID"
    with pytest.raises(AttemptStateConflict):
        await scene.answer(phone, pending, challenge=attempt.challenge)


async def test_a_number_that_nobody_asked_for_is_not_looked_at(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    _, pending = await asked(scene, phone)

    assert (await scene.answer(phone, pending, challenge=4711)).result == "APPROVED"


@pytest.mark.parametrize("accepted", [True, False])
async def test_e26_the_result_is_signed(scene: Scene, *, accepted: bool) -> None:
    phone = await scene.enrolled_phone()
    _, pending = await asked(scene, phone)

    answered = await scene.answer(phone, pending, accepted=accepted)

    check_signature(phone, pending, answered)
    for changed in (
        replace(answered, message=answered.message + "!"),
        replace(answered, result=AttemptResult.DENIED if accepted else AttemptResult.APPROVED),
    ):
        with pytest.raises(BadSignatureError):
            check_signature(phone, pending, changed)
    with pytest.raises(BadSignatureError):
        check_signature(phone, replace(pending, id=pending.id - 1), answered)


# --- who may answer, and when --------------------------------------------------------------------------


async def forged(phone: Phone, other: Phone, pending: PendingAttempt) -> dict[str, RespondToAttempt]:
    """Every way not to prove possession, by its name."""
    good = answer_of(phone, pending, accepted=True)
    return {
        "another key": answer_of(phone, pending, accepted=True, signed_by=other.key),
        "a new key": answer_of(phone, pending, accepted=True, signed_by=P256Key()),
        "a denial made an approval": replace(answer_of(phone, pending, accepted=False), accepted=True),
        "an approval made a denial": replace(good, accepted=False),
        "the bare token": replace(good, signature=phone.key.sign(pending.proof_token)),
        "another attempt's token": replace(good, signature=phone.key.sign(f"{other.proof_token}|true")),
        "a high s": replace(good, signature=with_high_s(good.signature)),
        "nothing": replace(good, signature=""),
        "no Base64": replace(good, signature="%"),
    }


async def test_e22_a_forged_answer_fails_and_changes_nothing(scene: Scene) -> None:
    """E09 too: the high-S form of a good signature is one of them."""
    phone, other = await scene.enrolled_phone(), await scene.enrolled_phone()
    _, pending = await asked(scene, phone)
    before = await scene.state()

    told = set()
    for command in (await forged(phone, other, pending)).values():
        answered = await scene.respond(command)
        assert answered.result == "FAILED"
        check_signature(phone, pending, answered)
        told.add(answered.message)

    assert len(told) == 1
    assert await scene.state() == before
    assert scene.meter.failures == 9
    assert (await scene.answer(phone, pending)).result == "APPROVED"


async def test_an_unknown_attempt_fails_without_a_signature(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    _, pending = await asked(scene, phone)
    unknown = replace(pending, id=pending.id % (2**31 - 1) + 1)

    answered = await scene.answer(phone, unknown)

    assert (answered.attempt_id, answered.result, answered.signature) == (unknown.id, "FAILED", None)
    forged_answer = await scene.answer(phone, pending, signed_by=P256Key())
    assert answered.message == forged_answer.message


async def test_the_state_is_told_only_to_who_proves_possession(scene: Scene) -> None:
    """docs/protocol/wire.md, 0.6."""
    phone = await scene.enrolled_phone()
    _, pending = await asked(scene, phone)
    open_told = await scene.answer(phone, pending, signed_by=P256Key())
    await scene.answer(phone, pending)

    ended_told = await scene.answer(phone, pending, signed_by=P256Key())

    assert ended_told == open_told


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("again", [True, False])
async def test_e23_a_second_answer_is_refused_and_changes_nothing(
    scene: Scene, *, accepted: bool, again: bool
) -> None:
    phone = await scene.enrolled_phone()
    _, pending = await asked(scene, phone)
    await scene.answer(phone, pending, accepted=accepted)
    before = await scene.state()

    with pytest.raises(AttemptStateConflict):
        await scene.answer(phone, pending, accepted=again)

    assert await scene.state() == before


async def test_e24_what_was_never_read_cannot_be_answered(scene: Scene) -> None:
    """The phone cannot know the token; even who does is refused."""
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone)
    row = await scene.attempt(attempt.id)
    token = scene.core.keys.open(row["proof_token_sealed"], proof_token_purpose(attempt.id)).decode()

    with pytest.raises(AttemptStateConflict):
        await scene.answer(phone, PendingAttempt(attempt.id, token, False, None, None, ""))

    assert await scene.attempt(attempt.id) == row


async def test_e25_a_late_answer_is_refused(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone)
    scene.move_clock(seconds=120)
    before = await scene.state()

    with pytest.raises(AttemptStateConflict):
        await scene.answer(phone, pending)

    assert await scene.state() == before
    assert (await scene.look(attempt.id)).status == "EXPIRED"


async def test_a_superseded_or_cancelled_attempt_cannot_be_answered(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    _, superseded = await asked(scene, phone)
    attempt, cancelled = await asked(scene, phone)
    await scene.cancel(attempt.id)

    for pending in (superseded, cancelled):
        with pytest.raises(AttemptStateConflict):
            await scene.answer(phone, pending)


async def test_a_caller_over_its_limit_is_not_served(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone)

    class Full:
        async def proved(self, subject: str) -> None:
            assert subject == f"enrollment:{phone.enrollment_id}"
            raise TooManyRequests(7)

        async def unproved(self) -> None:
            raise AssertionError("the proof was good")

    with pytest.raises(TooManyRequests):
        await scene.core.perform_at_once(
            respond_to_attempt, answer_of(phone, pending, accepted=True), actor=ANYONE, meter=Full()
        )

    assert (await scene.attempt(attempt.id))["status"] == "READ"


# --- wrong numbers count (docs/protocol/wire.md, 0.5) ----------------------------------------------------


async def test_wrong_numbers_are_counted_across_attempts(scene: Scene) -> None:
    phone = await scene.enrolled_phone()

    for count in (1, 2, 3):
        await fail_once(scene, phone)
        assert (await scene.enrollment(phone))["failures"] == count


async def test_only_an_approval_with_the_right_number_forgets_earlier_failures(scene: Scene) -> None:
    """Neither a denial nor an approval that asked for no number says anything about guessed ones."""
    phone = await scene.enrolled_phone()
    await fail_once(scene, phone)
    _, pending = await asked(scene, phone)
    await scene.answer(phone, pending, accepted=False)
    assert (await scene.enrollment(phone))["failures"] == 1

    _, pending = await asked(scene, phone)
    await scene.answer(phone, pending)
    assert (await scene.enrollment(phone))["failures"] == 1

    attempt, pending = await asked(scene, phone, challenge=True)
    await scene.answer(phone, pending, challenge=attempt.challenge)

    assert (await scene.enrollment(phone))["failures"] == 0


async def test_the_tenth_wrong_number_in_a_row_locks_the_enrollment(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    for _ in range(9):
        await fail_once(scene, phone)
    assert (await scene.enrollment(phone))["locked_at"] is None

    await fail_once(scene, phone)

    row = await scene.enrollment(phone)
    assert (row["failures"], row["status"], row["active"]) == (10, "VERIFIED", True)
    assert row["locked_at"] is not None
    with pytest.raises(EnrollmentInactive):
        await scene.ask(phone)
    *_, event = await scene.events_of("enrollment", phone.enrollment_id)
    assert (event["event"], event["data"]) == ("enrollment.locked", '{"failures": 10}')
    assert (await scene.event_names("enrollment", phone.enrollment_id)).count("enrollment.locked") == 1


async def test_an_unlocked_enrollment_has_all_its_tries_again(conn: Connection) -> None:
    scene = await Scene.on(a_core_rolled_back(conn, some_settings(max_failures=2)))
    phone = await scene.enrolled_phone()
    for _ in range(2):
        await fail_once(scene, phone)
    await scene.made(unlock_enrollment, command=UnlockEnrollment(phone.enrollment_id))

    await fail_once(scene, phone)

    assert (await scene.enrollment(phone))["locked_at"] is None


async def test_a_locked_enrollment_cannot_answer_what_it_read_before(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone)
    async with scene.core.db.acquire() as conn:
        await conn.execute("UPDATE enrollments SET locked_at = now() WHERE id = $1", phone.enrollment_id)

    with pytest.raises(AttemptStateConflict):
        await scene.answer(phone, pending)

    assert (await scene.attempt(attempt.id))["status"] == "READ"


# --- why not (docs/protocol/wire.md, 0.12) -----------------------------------------------------------------


async def test_a_denial_may_say_that_it_was_a_mistake(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone)

    await scene.answer(phone, pending, accepted=False, deny_reason=DenyReason.MISTAKE)

    assert (await scene.attempt(attempt.id))["deny_reason"] == "MISTAKE"
    assert (await scene.look(attempt.id)).deny_reason == "MISTAKE"
    assert (await scene.enrollment(phone))["quiet_since"] is None
    *_, event = await scene.events_of("auth_attempt", attempt.id)
    assert (event["event"], event["data"]) == ("auth_attempt.rejected", '{"deny_reason": "MISTAKE"}')


async def test_a_reason_beside_an_approval_means_nothing(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone)

    await scene.answer(phone, pending, deny_reason=DenyReason.FRAUD)

    row = await scene.attempt(attempt.id)
    assert (row["status"], row["deny_reason"]) == ("ACCEPTED", None)
    assert (await scene.enrollment(phone))["quiet_since"] is None


async def test_fraud_quiets_the_enrollment_and_ends_the_users_other_attempts(scene: Scene) -> None:
    phone, second = [await scene.enrolled_phone(user_identifier="jane") for _ in range(2)]
    other = await scene.enrolled_phone(user_identifier="john")
    attempt, pending = await asked(scene, phone)
    of_the_second, of_another = await scene.ask(second), await scene.ask(other)

    await scene.answer(phone, pending, accepted=False, deny_reason=DenyReason.FRAUD)

    assert (await scene.attempt(attempt.id))["status"] == "REJECTED"
    assert (await scene.attempt(of_the_second.id))["status"] == "EXPIRED"
    assert (await scene.attempt(of_another.id))["status"] == "PENDING"
    assert (await scene.enrollment(phone))["quiet_since"] is not None
    assert (await scene.enrollment(second))["quiet_since"] is None
    assert woken_by(scene.core)[-2:] == [f"attempt:{of_the_second.id}", f"attempt:{attempt.id}"]
    *_, event = await scene.events_of("enrollment", phone.enrollment_id)
    assert event["event"] == "enrollment.fraud_reported"
    *_, event = await scene.events_of("auth_attempt", of_the_second.id)
    assert (event["event"], event["data"]) == ("auth_attempt.expired", '{"reason": "fraud_reported"}')


async def test_fraud_is_reported_by_an_enrollment_without_a_user_too(scene: Scene) -> None:
    phone, other = await scene.enrolled_phone(), await scene.enrolled_phone()
    _, pending = await asked(scene, phone)
    theirs = await scene.ask(other)

    await scene.answer(phone, pending, accepted=False, deny_reason=DenyReason.FRAUD)

    assert (await scene.enrollment(phone))["quiet_since"] is not None
    assert (await scene.attempt(theirs.id))["status"] == "PENDING"


async def test_an_approval_ends_quiet_mode(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    _, pending = await asked(scene, phone)
    await scene.answer(phone, pending, accepted=False, deny_reason=DenyReason.FRAUD)
    since = (await scene.enrollment(phone))["quiet_since"]
    _, pending = await asked(scene, phone)
    await scene.answer(phone, pending, accepted=False, deny_reason=DenyReason.FRAUD)
    assert (await scene.enrollment(phone))["quiet_since"] == since

    _, pending = await asked(scene, phone)
    await scene.answer(phone, pending)

    assert (await scene.enrollment(phone))["quiet_since"] is None


# --- what is written and who is woken -----------------------------------------------------------------


async def test_an_answer_wakes_those_who_wait_for_it(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone)

    await scene.answer(phone, pending)

    assert woken_by(scene.core)[-1] == f"attempt:{attempt.id}"


@pytest.mark.parametrize(
    ("accepted", "right", "name", "result"),
    [
        (True, True, "auth_attempt.accepted", "ok"),
        (False, True, "auth_attempt.rejected", "ok"),
        (True, False, "auth_attempt.invalid", "refused"),
    ],
)
async def test_an_answer_leaves_one_event_by_the_device(
    scene: Scene, *, accepted: bool, right: bool, name: str, result: str
) -> None:
    phone = await scene.enrolled_phone()
    attempt, pending = await asked(scene, phone, challenge=True)

    number = attempt.challenge if right else wrong(attempt.challenge)
    await scene.answer(phone, pending, accepted=accepted, challenge=number)

    _, _, event = await scene.events_of("auth_attempt", attempt.id)
    assert (event["event"], event["result"], event["data"]) == (name, result, "{}")
    assert (event["actor_kind"], event["actor_id"]) == ("device", str(phone.enrollment_id))
