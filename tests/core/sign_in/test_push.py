"""A phone as the second factor: the product's own attempts, answered by a phone with its key."""

from dataclasses import dataclass

import pytest

from server.base.errors import (
    EnrollmentInactive,
    EnrollmentNotFound,
    FactorExists,
    InvalidCredentials,
    InvalidSignIn,
    TooManyAttempts,
)
from server.core.auth_attempts.model import DenyReason
from server.core.enrollments.lifecycle import (
    DeactivateEnrollment,
    ReactivateEnrollment,
    deactivate_enrollment,
    reactivate_enrollment,
)
from server.core.factors.owner import Owner
from server.core.factors.push import LinkPush, link_push
from server.core.realms.actions import SetPushIntegration, set_push_integration
from server.core.sign_in.model import StepRequired
from server.core.sign_in.set_up import RemoveSetUp, remove_set_up
from server.core.work import Core
from tests.support.accounts import an_email
from tests.support.application import Application, amr, signed_in, step
from tests.support.phone import Given, Phone
from tests.support.rolled_back import woken_by
from tests.support.scene import Scene


@dataclass
class Person:
    """Somebody whose phone is asked when they sign in."""

    application: Application
    scene: Scene
    phone: Phone
    email: str

    @classmethod
    async def on(cls, core: Core, **policy: Given) -> "Person":
        """In an application of their own."""
        application, scene = await Application.on(core, **policy), await Scene.on(core)
        application.realm = await application.do(
            set_push_integration, SetPushIntegration(application.realm.id, scene.integration.id)
        )
        email = an_email()
        principal = (await application.sign_up(email)).principal
        phone = await scene.enrolled_phone()
        await application.do(link_push, LinkPush(Owner(application.realm, principal), phone.enrollment_id))
        return cls(application, scene, phone, email)

    async def begin(self) -> StepRequired:
        """The password is right."""
        return step(await self.application.log_in(self.email))

    async def say(
        self, *, yes: bool = True, number: int | None = None, reason: DenyReason | None = None
    ) -> None:
        """The owner answers on the phone."""
        pending = await self.scene.fetch(self.phone)
        await self.scene.answer(self.phone, pending, accepted=yes, challenge=number, deny_reason=reason)


@pytest.fixture
async def person(uncommitted: Core) -> Person:
    """Nothing that they do lasts."""
    return await Person.on(uncommitted)


async def test_the_sign_in_waits_for_the_phone(person: Person) -> None:
    waiting = await person.begin()
    still = step(await person.application.advance(waiting, method="push"))

    assert waiting.methods == ("push",)
    assert waiting.number is not None
    assert 100_000 <= waiting.number <= 999_999
    assert (still.number, still.topic) == (waiting.number, waiting.topic)
    assert still.handle.reveal() == waiting.handle.reveal()


async def test_the_right_number_and_a_yes_finish_it(uncommitted: Core, person: Person) -> None:
    waiting = await person.begin()
    await person.say(number=waiting.number)

    outcome = await person.application.advance(waiting, method="push")

    assert amr(outcome) == ("pwd", "swk", "mfa")
    assert waiting.topic in woken_by(uncommitted)


async def test_the_phone_shows_which_application_asks(person: Person) -> None:
    await person.begin()

    pending = await person.scene.fetch(person.phone)

    assert pending.context_title == f"Sign in to {person.application.realm.app_name}"
    assert pending.challenge_required


async def test_a_yes_finishes_one_sign_in(person: Person) -> None:
    waiting = await person.begin()
    await person.say(number=waiting.number)
    await person.application.advance(waiting, method="push")

    with pytest.raises(InvalidSignIn):
        await person.application.advance(waiting, method="push")
    step(await person.application.advance(await person.begin(), method="push"))


async def test_a_newer_sign_in_takes_the_place_of_the_older(person: Person) -> None:
    """A phone is asked one thing at a time: the number that is shown last is the one that counts."""
    older = await person.begin()
    newer = await person.begin()
    await person.say(number=newer.number)

    with pytest.raises(InvalidSignIn):
        await person.application.advance(older, method="push")
    signed_in(await person.application.advance(newer, method="push"))


@pytest.mark.parametrize("reason", [None, DenyReason.MISTAKE, DenyReason.FRAUD])
async def test_a_no_ends_the_sign_in(person: Person, reason: DenyReason | None) -> None:
    waiting = await person.begin()
    await person.say(yes=False, reason=reason)

    for _ in range(2):
        with pytest.raises(InvalidSignIn):
            await person.application.advance(waiting, method="push")

    (refused,) = await person.application.events("sign_in.refused")
    assert '"method": "swk"' in refused["data"]


async def test_a_wrong_number_ends_the_sign_in(person: Person) -> None:
    waiting = await person.begin()
    assert waiting.number is not None
    await person.say(number=waiting.number % 900_000 + 100_001)

    with pytest.raises(InvalidSignIn):
        await person.application.advance(waiting, method="push")


async def test_noes_are_counted_with_all_other_second_proofs(uncommitted: Core) -> None:
    person = await Person.on(uncommitted, max_second_factor_failures=3)
    for _ in range(3):
        waiting = await person.begin()
        await person.say(yes=False)
        with pytest.raises(InvalidSignIn):
            await person.application.advance(waiting, method="push")

    with pytest.raises(InvalidCredentials):
        await person.begin()


async def test_who_does_not_answer_in_time_begins_again(person: Person) -> None:
    waiting = await person.begin()

    person.application.move_clock(seconds=300)

    with pytest.raises(InvalidSignIn):
        await person.application.advance(waiting, method="push")
    assert await person.application.events("sign_in.refused") == []


async def test_a_phone_is_asked_ten_times_an_hour_without_a_yes(person: Person) -> None:
    for _ in range(10):
        await person.begin()

    waiting = await person.begin()

    assert (waiting.number, waiting.topic) == (None, None)
    with pytest.raises(TooManyAttempts):
        await person.application.advance(waiting, method="push")


async def test_a_yes_begins_the_count_anew(person: Person) -> None:
    for _ in range(9):
        await person.begin()
    waiting = await person.begin()
    await person.say(number=waiting.number)
    await person.application.advance(waiting, method="push")

    assert (await person.begin()).number is not None


async def test_a_quiet_phone_is_asked_when_its_owner_looks(person: Person) -> None:
    """After a report of fraud nothing rings, but whoever signs in can still open the app and answer."""
    await person.begin()
    await person.say(yes=False, reason=DenyReason.FRAUD)
    assert (await person.scene.enrollment(person.phone))["quiet_since"] is not None

    waiting = await person.begin()
    await person.say(number=waiting.number)

    signed_in(await person.application.advance(waiting, method="push"))


async def test_a_locked_phone_cannot_be_asked_and_nobody_gets_in_without_it(person: Person) -> None:
    async with person.application.core.db.acquire() as conn:
        await conn.execute(
            "UPDATE enrollments SET locked_at = now() WHERE id = $1", person.phone.enrollment_id
        )

    waiting = await person.begin()
    again = step(await person.application.advance(waiting, method="push"))

    assert (waiting.methods, waiting.number, again.number) == (("push",), None, None)


async def test_a_phone_that_was_switched_off_can_be_asked_once_it_is_on_again(person: Person) -> None:
    await person.application.do(deactivate_enrollment, DeactivateEnrollment(person.phone.enrollment_id))
    waiting = await person.begin()
    assert waiting.number is None
    await person.application.do(reactivate_enrollment, ReactivateEnrollment(person.phone.enrollment_id))

    asked = step(await person.application.advance(waiting, method="push"))
    await person.say(number=asked.number)

    signed_in(await person.application.advance(asked, method="push"))


async def test_a_code_of_the_app_will_do_while_the_phone_is_asked(person: Person) -> None:
    waiting = await person.begin()
    await person.say(number=waiting.number)
    in_session = signed_in(await person.application.advance(waiting, method="push"))
    app = await person.application.with_totp(in_session)

    both = await person.begin()

    assert both.methods == ("totp", "push")
    assert amr(await person.application.advance(both, app.next_code())) == ("pwd", "otp", "mfa")


# --- whose phone it is ----------------------------------------------------------------------------


async def test_only_a_verified_phone_of_the_realms_integration_is_linked(person: Person) -> None:
    application, scene = person.application, person.scene
    owner = Owner(application.realm, (await application.sign_up()).principal)
    other = await Scene.on(application.core)

    with pytest.raises(EnrollmentNotFound):
        await application.do(link_push, LinkPush(owner, (await other.enrolled_phone()).enrollment_id))
    with pytest.raises(EnrollmentInactive):
        await application.do(link_push, LinkPush(owner, (await scene.invited_phone()).enrollment_id))


async def test_a_phone_is_one_persons_and_a_person_has_one(person: Person) -> None:
    application = person.application
    new = Owner(application.realm, (await application.sign_up()).principal)

    with pytest.raises(FactorExists):
        await application.do(link_push, LinkPush(new, person.phone.enrollment_id))
    await application.do(link_push, LinkPush(new, (await person.scene.enrolled_phone()).enrollment_id))
    with pytest.raises(FactorExists):
        await application.do(link_push, LinkPush(new, (await person.scene.enrolled_phone()).enrollment_id))


async def test_its_owner_hears_of_a_linked_phone_and_of_one_taken_away(person: Person) -> None:
    waiting = await person.begin()
    await person.say(number=waiting.number)
    in_session = signed_in(await person.application.advance(waiting, method="push"))

    await person.application.do(remove_set_up, RemoveSetUp(person.application.by(in_session), "push"))

    letters = await person.application.letters(person.email)
    assert [letter.template for letter in letters] == ["factor_removed", "factor_added"]
    signed_in(await person.application.log_in(person.email))
