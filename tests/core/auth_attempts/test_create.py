import asyncio
import unicodedata
from dataclasses import replace
from datetime import timedelta

import pytest

from server.base import ids
from server.base.errors import (
    AppError,
    AttemptCreateInvalid,
    EnrollmentForbidden,
    EnrollmentInactive,
    IdempotencyKeyReused,
    InvalidFields,
)
from server.core.auth_attempts import create
from server.core.auth_attempts.create import CreateAttempt, create_attempt
from server.core.auth_attempts.model import Attempt
from server.core.enrollments.administration import ChangeEnrollment, change_enrollment
from server.core.enrollments.lifecycle import (
    DeactivateEnrollment,
    RevokeEnrollment,
    deactivate_enrollment,
    revoke_enrollment,
)
from server.core.integrations.actions import (
    ChangeIntegration,
    DeactivateIntegration,
    change_integration,
    deactivate_integration,
)
from server.core.work import Core
from server.db.pool import Connection
from tests.support.enrolling import question_for
from tests.support.phone import Given, Phone
from tests.support.rolled_back import a_core_rolled_back, woken_by
from tests.support.scene import Scene
from tests.support.work import some_settings

EMOJI = "\U0001f600"  # two UTF-16 units


async def created(scene: Scene, command: CreateAttempt) -> Attempt:
    """The attempt that the command made."""
    return await scene.core.perform_at_once(create_attempt, command, actor=scene.relying_party)


async def refused(scene: Scene, command: CreateAttempt) -> AppError:
    """How the command was refused; nothing came of it."""
    before = await scene.state()
    with pytest.raises(AppError) as refusal:
        await created(scene, command)
    assert await scene.state() == before
    return refusal.value


def for_user(scene: Scene, user: str | None, enrollment_id: int | None = None) -> CreateAttempt:
    """A question to whoever the relying party calls so."""
    return CreateAttempt(
        integration_id=scene.integration.id,
        enrollment_id=enrollment_id,
        user_identifier=user,
        challenge_requested=False,
        context_title=None,
        context_message=None,
    )


async def statements(conn: Connection, scene: Scene, command: CreateAttempt) -> int:
    """How many statements the creation was."""
    sent: list[str] = []
    with conn.query_logger(lambda record: sent.append(record.query)):  # type: ignore[attr-defined]  # asyncpg's
        await created(scene, command)
        await asyncio.sleep(0)  # asyncpg tells a moment later
    return len([statement for statement in sent if "SAVEPOINT" not in statement])


# --- what is made --------------------------------------------------------------------------------


async def test_e27_an_attempt_is_pending_for_two_minutes(scene: Scene) -> None:
    phone = await scene.enrolled_phone()

    attempt = await scene.ask(phone)

    row = await scene.attempt(attempt.id)
    assert (row["status"], row["enrollment_id"]) == ("PENDING", phone.enrollment_id)
    assert row["expires_at"] - row["created_at"] == timedelta(seconds=120)
    assert (row["read_at"], row["ended_at"]) == (None, None)


async def test_e27_there_is_a_challenge_exactly_when_it_was_asked_for(scene: Scene) -> None:
    phone = await scene.enrolled_phone()

    with_one = await scene.ask(phone, challenge=True)
    without = await scene.ask(phone)

    assert with_one.challenge is not None
    assert 100_000 <= with_one.challenge <= 999_999
    assert without.challenge is None


async def test_an_enrollment_may_demand_a_challenge(scene: Scene) -> None:
    phone = await scene.enrolled_phone(challenge_required=True)

    assert (await scene.ask(phone)).challenge is not None


@pytest.mark.parametrize("digits", [2, 3, 4, 5, 6])
async def test_an_integration_may_have_shorter_challenges(scene: Scene, digits: int) -> None:
    await scene.made(
        change_integration, command=ChangeIntegration(scene.integration.id, challenge_digits=digits)
    )
    phone = await scene.enrolled_phone()

    challenges = [(await scene.ask(phone, challenge=True)).challenge for _ in range(20)]

    assert {len(str(challenge)) for challenge in challenges} == {digits}


async def test_an_integration_may_change_how_long_its_challenges_are(scene: Scene) -> None:
    phone = await scene.enrolled_phone()

    for digits in (4, 2, 6, 3):
        await scene.made(
            change_integration, command=ChangeIntegration(scene.integration.id, challenge_digits=digits)
        )
        challenge = (await scene.ask(phone, challenge=True)).challenge
        assert len(str(challenge)) == digits


async def test_what_is_known_of_challenges_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "MOST_DIGITS_SEEN", 2)
    monkeypatch.setattr(create, "_digits_seen", {})
    for _ in range(5):
        elsewhere = await Scene.on(scene.core, challenge_digits=4)
        await elsewhere.ask(await elsewhere.enrolled_phone(), challenge=True)

    assert 0 < len(create._digits_seen) <= 2


async def test_an_integration_may_give_another_time(scene: Scene) -> None:
    await scene.made(
        change_integration, command=ChangeIntegration(scene.integration.id, attempt_ttl_seconds=600)
    )
    phone = await scene.enrolled_phone()

    attempt = await scene.ask(phone)

    assert attempt.expires_at - attempt.created_at == timedelta(minutes=10)


async def test_the_instance_says_what_integrations_leave_open(conn: Connection) -> None:
    settings = some_settings(attempt_ttl_seconds=45, challenge_digits=4)
    scene = await Scene.on(a_core_rolled_back(conn, settings))

    attempt = await scene.ask(await scene.enrolled_phone(), challenge=True)

    assert attempt.expires_at - attempt.created_at == timedelta(seconds=45)
    assert attempt.challenge is not None
    assert 1000 <= attempt.challenge <= 9999


async def test_the_requirement_is_fixed_when_the_attempt_is_made(scene: Scene) -> None:
    """docs/protocol/wire.md, 0.9."""
    phone = await scene.enrolled_phone()
    await scene.ask(phone)

    await scene.made(
        change_enrollment, command=ChangeEnrollment(phone.enrollment_id, challenge_required=True)
    )

    assert (await scene.fetch(phone)).challenge_required is False


async def test_ids_are_random_positive_int32(scene: Scene) -> None:
    phone = await scene.enrolled_phone()

    made = [(await scene.ask(phone)).id for _ in range(10)]

    assert all(1 <= each < 2**31 for each in made)
    assert made != sorted(made)


async def test_an_id_that_is_taken_is_drawn_again(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = await Scene.on(core)
    phone, other = await scene.enrolled_phone(), await scene.enrolled_phone()
    taken, free = (await scene.ask(phone)).id, ids.new_small_id()
    drawn = iter([taken, free])
    monkeypatch.setattr(create, "new_small_id", lambda: next(drawn))

    assert (await scene.ask(other)).id == free


async def test_the_phone_is_woken_and_so_are_those_who_wait_for_the_earlier_attempt(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    first = await scene.ask(phone)
    assert woken_by(scene.core) == [f"enrollment:{phone.enrollment_id}"]

    await scene.ask(phone)

    assert woken_by(scene.core)[1:] == [f"enrollment:{phone.enrollment_id}", f"attempt:{first.id}"]


async def test_a_creation_leaves_one_event_without_a_secret(scene: Scene) -> None:
    phone = await scene.enrolled_phone()

    attempt = await scene.ask(phone, challenge=True, title="Pay", message="50 EUR")

    [event] = await scene.events_of("auth_attempt", attempt.id)
    assert (event["event"], event["result"]) == ("auth_attempt.created", "ok")
    assert (event["actor_kind"], event["actor_id"]) == ("integration", scene.relying_party.id)
    assert event["data"] == f'{{"challenge": true, "enrollment_id": {phone.enrollment_id}}}'


# --- how often the database is asked --------------------------------------------------------------------


@pytest.mark.parametrize("idempotency_key", [None, "order-1"])
@pytest.mark.parametrize("challenge_requested", [False, True])
@pytest.mark.parametrize("named_by", ["id", "user", "both"])
async def test_a_creation_is_one_statement(
    conn: Connection, scene: Scene, named_by: str, idempotency_key: str | None, *, challenge_requested: bool
) -> None:
    phone = await scene.enrolled_phone(user_identifier="jane")
    command = replace(
        for_user(
            scene,
            None if named_by == "id" else "jane",
            None if named_by == "user" else phone.enrollment_id,
        ),
        challenge_requested=challenge_requested,
        idempotency_key=idempotency_key,
    )

    assert await statements(conn, scene, command) == 1


@pytest.mark.parametrize("challenge_requested", [False, True])
async def test_what_a_process_guesses_wrong_it_guesses_once(
    conn: Connection, scene: Scene, *, challenge_requested: bool
) -> None:
    """An integration's own number of digits, or a phone that demands a challenge nobody asked for."""
    elsewhere = await Scene.on(scene.core, challenge_digits=4 if challenge_requested else None)
    phone = await elsewhere.enrolled_phone(challenge_required=not challenge_requested)
    command = question_for(phone, elsewhere.integration, challenge=challenge_requested)

    told = [await statements(conn, elsewhere, command) for _ in range(3)]

    assert told == [3, 1, 1]


# --- E30: a newer one ends the older ------------------------------------------------------------------


@pytest.mark.parametrize("is_read", [False, True])
async def test_e30_a_newer_attempt_ends_the_older(scene: Scene, *, is_read: bool) -> None:
    phone = await scene.enrolled_phone()
    older = await scene.ask(phone)
    if is_read:
        await scene.fetch(phone)

    newer = await scene.ask(phone)

    assert (await scene.look(older.id)).status == "EXPIRED"
    assert (await scene.look(newer.id)).status == "PENDING"
    *_, event = await scene.events_of("auth_attempt", older.id)
    assert (event["event"], event["data"]) == ("auth_attempt.expired", '{"reason": "superseded"}')


async def test_e30_attempts_of_others_go_on(scene: Scene) -> None:
    phone, other = await scene.enrolled_phone(), await scene.enrolled_phone()
    theirs = await scene.ask(other)

    await scene.ask(phone)

    assert (await scene.look(theirs.id)).status == "PENDING"


async def test_e30_an_answered_attempt_is_not_superseded(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    answered = await scene.ask(phone)
    await scene.answer(phone, await scene.fetch(phone))

    await scene.ask(phone)

    assert (await scene.look(answered.id)).status == "ACCEPTED"


# --- for whom --------------------------------------------------------------------------------------


async def test_e27_a_user_is_found_by_what_the_relying_party_calls_them(scene: Scene) -> None:
    phone = await scene.enrolled_phone(user_identifier="jane")
    await scene.enrolled_phone(user_identifier="Jane")
    await scene.bound_phone(user_identifier="jane")

    for spelling in ("jane", "  jane "):
        assert (await created(scene, for_user(scene, spelling))).enrollment_id == phone.enrollment_id


@pytest.mark.parametrize("user", [None, "", "   "])
async def test_e27_somebody_must_be_named(scene: Scene, user: str | None) -> None:
    assert isinstance(await refused(scene, for_user(scene, user)), AttemptCreateInvalid)


async def test_no_match_and_two_matches_are_refused(scene: Scene) -> None:
    for _ in range(2):
        await scene.enrolled_phone(user_identifier="two phones")
    elsewhere = await Scene.on(scene.core)
    await elsewhere.enrolled_phone(user_identifier="of another integration")

    for user in ("nobody", "two phones", "of another integration"):
        assert isinstance(await refused(scene, for_user(scene, user)), AttemptCreateInvalid)


async def test_an_inactive_phone_does_not_make_a_user_ambiguous(scene: Scene) -> None:
    old, new = [await scene.enrolled_phone(user_identifier="jane") for _ in range(2)]
    await scene.made(deactivate_enrollment, command=DeactivateEnrollment(old.enrollment_id))

    assert (await created(scene, for_user(scene, "jane"))).enrollment_id == new.enrollment_id


async def test_id_and_user_may_be_given_together_if_they_belong_together(scene: Scene) -> None:
    phone = await scene.enrolled_phone(user_identifier="jane")

    both = for_user(scene, "jane", phone.enrollment_id)
    assert (await created(scene, both)).enrollment_id == phone.enrollment_id
    other = replace(both, user_identifier="john")
    assert isinstance(await refused(scene, other), AttemptCreateInvalid)


async def test_a_contradiction_is_told_before_what_the_phone_can_do(scene: Scene) -> None:
    phone = await scene.enrolled_phone(user_identifier="jane")
    await scene.made(deactivate_enrollment, command=DeactivateEnrollment(phone.enrollment_id))

    for user, refusal in (("jane", EnrollmentInactive), ("john", AttemptCreateInvalid)):
        assert isinstance(await refused(scene, for_user(scene, user, phone.enrollment_id)), refusal)


async def test_e29_unknown_and_foreign_enrollments_are_refused_alike(scene: Scene) -> None:
    elsewhere = await Scene.on(scene.core)
    foreign = await elsewhere.enrolled_phone()
    known = await scene.enrolled_phone()
    unknown = Phone(ids.new_small_id(), "", 0, known.key)

    refusals = [await refused(scene, question_for(phone, scene.integration)) for phone in (foreign, unknown)]

    assert [type(each) for each in refusals] == [EnrollmentForbidden] * 2
    assert len({str(each) for each in refusals}) == 1


async def test_who_is_not_verified_active_and_unlocked_cannot_be_asked(scene: Scene) -> None:
    invited, bound, deactivated, revoked, locked = (
        await scene.invited_phone(),
        await scene.bound_phone(),
        await scene.enrolled_phone(),
        await scene.enrolled_phone(),
        await scene.enrolled_phone(),
    )
    await scene.made(deactivate_enrollment, command=DeactivateEnrollment(deactivated.enrollment_id))
    await scene.made(revoke_enrollment, command=RevokeEnrollment(revoked.enrollment_id))
    async with scene.core.db.acquire() as conn:
        await conn.execute("UPDATE enrollments SET locked_at = now() WHERE id = $1", locked.enrollment_id)

    for phone in (invited, bound, deactivated, revoked, locked):
        command = question_for(phone, scene.integration)
        assert isinstance(await refused(scene, command), EnrollmentInactive)


async def test_a_locked_phone_cannot_be_asked_by_its_user_either(scene: Scene) -> None:
    phone = await scene.enrolled_phone(user_identifier="jane")
    async with scene.core.db.acquire() as conn:
        await conn.execute("UPDATE enrollments SET locked_at = now() WHERE id = $1", phone.enrollment_id)

    assert isinstance(await refused(scene, for_user(scene, "jane")), EnrollmentInactive)


async def test_nobody_is_asked_for_an_integration_that_is_not_active(scene: Scene) -> None:
    """Its key may still be taken for right for some seconds."""
    phone = await scene.enrolled_phone(user_identifier="jane")
    await scene.made(deactivate_integration, command=DeactivateIntegration(scene.integration.id))

    for command in (for_user(scene, None, phone.enrollment_id), for_user(scene, "jane")):
        assert isinstance(await refused(scene, command), EnrollmentInactive)


# --- E35: what the phone shows ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("x" * 200, "y" * 2000),
        (EMOJI * 100, EMOJI * 1000),
        ("Zahlung 50 €", "an Zoë\nfür |Miete|"),
        ("عملية", "👩‍👩‍👧‍👦 family"),
    ],
)
async def test_e35_texts_reach_the_phone_as_they_are(scene: Scene, title: str, message: str) -> None:
    phone = await scene.enrolled_phone()

    attempt = await scene.ask(phone, title=title, message=message)
    pending = await scene.fetch(phone)

    assert (attempt.context_title, attempt.context_message) == (title, message)
    assert (pending.context_title, pending.context_message) == (title, message)
    phone.checks(pending.signature, pending.proof_token, "false", title, message)


async def test_e35_texts_are_shown_and_signed_in_nfc(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    decomposed = unicodedata.normalize("NFD", "Größe Zoë")

    await scene.ask(phone, title=decomposed, message=decomposed)
    pending = await scene.fetch(phone)

    assert pending.context_title == pending.context_message == "Größe Zoë"
    phone.checks(pending.signature, pending.proof_token, "false", "Größe Zoë", "Größe Zoë")


@pytest.mark.parametrize(
    ("title", "message", "field"),
    [
        ("x" * 201, None, "contextTitle"),
        (EMOJI * 100 + "x", None, "contextTitle"),
        ("a|b", None, "contextTitle"),
        ("two\nlines", None, "contextTitle"),
        ("tab\t", None, "contextTitle"),
        ("\u202e1000 EUR", None, "contextTitle"),
        (None, "y" * 2001, "contextMessage"),
        (None, EMOJI * 1000 + "y", "contextMessage"),
        (None, "line\r\nline", "contextMessage"),
        (None, "\u2066hidden\u2069", "contextMessage"),
        (None, "line\u2028separator", "contextMessage"),
        (None, "\ud800", "contextMessage"),
    ],
)
async def test_e35_texts_that_are_too_long_or_deceive_are_refused(
    scene: Scene, title: str | None, message: str | None, field: str
) -> None:
    phone = await scene.enrolled_phone()

    refusal = await refused(scene, question_for(phone, scene.integration, title=title, message=message))

    assert isinstance(refusal, InvalidFields)
    assert list(refusal.fields) == [field]


async def test_an_empty_text_is_none(scene: Scene) -> None:
    phone = await scene.enrolled_phone()

    attempt = await scene.ask(phone, title="", message="")

    assert (attempt.context_title, attempt.context_message) == (None, None)


# --- Idempotency-Key -----------------------------------------------------------------------------------


async def test_the_same_key_gives_the_same_attempt(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    first = await scene.ask(phone, challenge=True, title="Pay", idempotency_key="order-1")
    before = await scene.state()
    woken = list(woken_by(scene.core))

    again = await scene.ask(phone, challenge=True, title="Pay", idempotency_key="order-1")

    assert again == first
    assert await scene.state() == before
    assert woken_by(scene.core) == woken


async def test_the_same_key_tells_what_has_become_of_the_attempt(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    first = await scene.ask(phone, idempotency_key="order-1")
    await scene.answer(phone, await scene.fetch(phone))
    await scene.made(deactivate_enrollment, command=DeactivateEnrollment(phone.enrollment_id))

    again = await scene.ask(phone, idempotency_key="order-1")

    assert (again.id, again.status) == (first.id, "ACCEPTED")


@pytest.mark.parametrize(
    "change",
    [
        {"challenge_requested": True},
        {"context_title": "Other"},
        {"context_message": "Other"},
        {"user_identifier": "jane"},
    ],
)
async def test_the_same_key_with_another_request_is_refused(scene: Scene, change: dict[str, Given]) -> None:
    phone = await scene.enrolled_phone(user_identifier="jane")
    command = question_for(phone, scene.integration, idempotency_key="order-1")
    await created(scene, command)

    assert isinstance(await refused(scene, replace(command, **change)), IdempotencyKeyReused)


async def test_a_key_is_used_once_although_the_challenge_was_guessed_wrong(scene: Scene) -> None:
    elsewhere = await Scene.on(scene.core, challenge_digits=4)
    phone = await elsewhere.enrolled_phone()

    first = await elsewhere.ask(phone, challenge=True, idempotency_key="order-1")

    assert await elsewhere.ask(phone, challenge=True, idempotency_key="order-1") == first
    assert len((await elsewhere.state())["auth_attempts"]) == 1


async def test_a_key_belongs_to_its_integration(scene: Scene) -> None:
    elsewhere = await Scene.on(scene.core)
    phone, other = await scene.enrolled_phone(), await elsewhere.enrolled_phone()

    first = await scene.ask(phone, idempotency_key="order-1")
    theirs = await elsewhere.ask(other, idempotency_key="order-1")

    assert first.id != theirs.id


async def test_a_refused_request_leaves_its_key_unused(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    command = question_for(phone, scene.integration, idempotency_key="order-1")
    await refused(scene, replace(command, context_title="a|b"))

    assert (await created(scene, command)).status == "PENDING"


async def test_a_key_is_forgotten_after_a_day(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    first = await scene.ask(phone, idempotency_key="order-1")
    scene.move_clock(hours=23, minutes=59)
    assert (await scene.ask(phone, idempotency_key="order-1")).id == first.id
    scene.move_clock(minutes=1, seconds=1)
    await scene.run_job()

    assert (await scene.ask(phone, idempotency_key="order-1")).id != first.id


async def test_a_key_is_forgotten_after_a_day_although_no_job_came_by(core: Core) -> None:
    scene = await Scene.on(core)
    phone = await scene.enrolled_phone()
    first = await scene.ask(phone, idempotency_key="order-1")
    scene.move_clock(hours=24, seconds=1)

    second = await scene.ask(phone, title="Another", idempotency_key="order-1")

    assert second.id != first.id
    assert await scene.ask(phone, title="Another", idempotency_key="order-1") == second
