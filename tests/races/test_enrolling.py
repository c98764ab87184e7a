"""Many bind, verify or register at the same moment."""

from server.base.errors import (
    AttemptBindingFailed,
    EnrollmentAlreadyBound,
    EnrollmentPushAddressFailed,
    EnrollmentStateConflict,
    EnrollmentVerifyFailed,
)
from tests.races.together import Processes, at_once
from tests.support.phone import Ed25519Key, new_proof_token

ROUNDS = range(8)


async def test_of_fifty_binds_one_succeeds(processes: Processes) -> None:
    phone = await processes.one.invited_phone()

    outcomes = await at_once(*(scene.bind(phone) for scene in processes.each(50)))

    assert outcomes.result.enrollment_id == phone.enrollment_id
    assert (len(outcomes.refusals), outcomes.refused_as) == (49, {EnrollmentAlreadyBound})
    events = await processes.one.event_names("enrollment", phone.enrollment_id)
    assert events == ["enrollment.created", "enrollment.bound"]


async def test_of_fifty_verifies_one_succeeds(processes: Processes) -> None:
    phone = await processes.one.bound_phone()
    body = phone.verify_body()

    outcomes = await at_once(*(scene.verify(body) for scene in processes.each(50)))

    assert len(outcomes.results) == 1
    assert (len(outcomes.refusals), outcomes.refused_as) == (49, {EnrollmentStateConflict})


async def test_of_two_enrollments_with_one_key_one_is_verified(processes: Processes) -> None:
    for _ in ROUNDS:
        key = Ed25519Key()
        phones = [await processes.one.bound_phone(key=key) for _ in range(2)]

        outcomes = await at_once(
            *(
                scene.verify(phone.verify_body())
                for scene, phone in zip(processes.each(2), phones, strict=True)
            )
        )

        assert (len(outcomes.results), outcomes.refused_as) == (1, {EnrollmentVerifyFailed})
        statuses = {(await processes.one.enrollment(phone))["status"] for phone in phones}
        assert statuses == {"VERIFIED", "BOUND"}


async def test_of_two_enrollments_with_one_name_one_is_verified(processes: Processes) -> None:
    for number in ROUNDS:
        phones = [await processes.one.bound_phone(name=f"Jane {number}") for _ in range(2)]

        outcomes = await at_once(
            *(
                scene.verify(phone.verify_body())
                for scene, phone in zip(processes.each(2), phones, strict=True)
            )
        )

        assert (len(outcomes.results), outcomes.refused_as) == (1, {EnrollmentStateConflict})


async def test_wrong_challenges_that_arrive_together_count_one_by_one(processes: Processes) -> None:
    phone = await processes.one.bound_phone()
    wrong = phone.verify_body(phone.challenge - 1)

    outcomes = await at_once(*(scene.verify(wrong) for scene in processes.each(20)))

    kinds = [type(refusal) for refusal in outcomes.refusals]
    assert (kinds.count(EnrollmentVerifyFailed), kinds.count(EnrollmentStateConflict)) == (3, 17)
    row = await processes.one.enrollment(phone)
    assert (row["status"], row["verify_failures"]) == ("INVALID", 3)


async def test_two_wrong_challenges_do_not_use_up_a_right_one(processes: Processes) -> None:
    for _ in ROUNDS:
        phone = await processes.one.bound_phone()
        wrong = phone.verify_body(phone.challenge - 1)

        outcomes = await at_once(
            processes.one.verify(wrong),
            processes.other.verify(phone.verify_body()),
            processes.one.verify(wrong),
        )

        assert len(outcomes.results) == 1
        assert (await processes.one.enrollment(phone))["status"] == "VERIFIED"


async def test_one_push_address_belongs_to_one_phone(processes: Processes) -> None:
    """An app registers for all its enrollments as soon as it starts, with one address."""
    phones = [await processes.one.enrolled_phone() for _ in range(6)]

    outcomes = await at_once(
        *(
            scene.register(phone.push_address_body("FCM", "one-for-all"))
            for scene, phone in zip(processes.each(6), phones, strict=True)
        )
    )

    assert len(outcomes.results) == 6
    holders = [phone for phone in phones if (await processes.one.enrollment(phone))["push_provider"]]
    assert len(holders) == 1


async def test_phones_that_swap_their_addresses_do_not_wait_for_each_other_for_ever(
    processes: Processes,
) -> None:
    one, other = await processes.one.enrolled_phone(), await processes.one.enrolled_phone()
    for turn in ROUNDS:
        addresses = ("first", "second") if turn % 2 else ("second", "first")

        outcomes = await at_once(
            processes.one.register(one.push_address_body("APNS", addresses[0])),
            processes.other.register(other.push_address_body("APNS", addresses[1])),
        )

        assert len(outcomes.results) == 2


async def test_a_poll_and_a_new_address_with_one_token_do_not_wait_for_each_other(
    processes: Processes,
) -> None:
    """One of them spends the token. Had they crossed, PostgreSQL would end one after a second."""
    phone = await processes.one.enrolled_phone()
    for turn in ROUNDS:
        await processes.one.ask(phone)
        token = new_proof_token()

        outcomes = await at_once(
            processes.one.poll(phone.poll_body(token)),
            processes.other.register(phone.push_address_body("APNS", f"address {turn}", token)),
        )

        assert len(outcomes.results) == 1
        assert outcomes.refused_as <= {AttemptBindingFailed, EnrollmentPushAddressFailed}
