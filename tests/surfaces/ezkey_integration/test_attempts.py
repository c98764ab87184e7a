"""Create, wait and cancel on the wire. Rules are tested in tests/core/auth_attempts."""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2
import pytest

from tests.support.phone import Given, Phone
from tests.support.product import Product, RelyingParty

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
EMOJI = "\U0001f600"  # two UTF-16 units


@pytest.fixture
async def party(product: Product) -> RelyingParty:
    """A relying party of the test's own."""
    return await product.relying_party()


@pytest.fixture
async def phone(product: Product, party: RelyingParty) -> Phone:
    """A phone of one of its users."""
    return await product.enrolled_phone(party, user_identifier="jane")


def problem(response: httpx2.Response) -> tuple[int, str]:
    """Status and type of a refusal."""
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].removeprefix("https://ezkey.io/problems/")


# --- create ---------------------------------------------------------------------------------------


async def test_e27_a_created_attempt_is_shown(product: Product, party: RelyingParty, phone: Phone) -> None:
    response = await party.create(phone, challengeRequested=True, contextTitle="Pay", contextMessage="50 EUR")

    assert response.status_code == 201
    told = response.json()
    assert 1 <= told.pop("authAttemptId") < 2**31
    assert 100_000 <= told.pop("authAttemptChallenge") <= 999_999
    expires_at = told.pop("expiresAt")
    assert INSTANT.fullmatch(expires_at)
    left = (datetime.fromisoformat(expires_at) - datetime.now(UTC)).total_seconds()
    assert 100 < left <= 120
    assert told == {"timeoutSeconds": 120, "contextTitle": "Pay", "contextMessage": "50 EUR"}


async def test_e27_what_was_not_asked_for_is_null(party: RelyingParty, phone: Phone) -> None:
    told = await party.ask(phone)

    assert (told["authAttemptChallenge"], told["contextTitle"], told["contextMessage"]) == (None, None, None)


async def test_e27_a_user_may_be_named_instead(party: RelyingParty, phone: Phone) -> None:
    created = (await party.create(userIdentifier=" jane ")).json()

    told = (await party.cancel(created["authAttemptId"])).json()
    assert told["enrollmentId"] == phone.enrollment_id


async def test_a_member_that_is_null_is_absent(party: RelyingParty, phone: Phone) -> None:
    response = await party.create(
        userIdentifier="jane",
        enrollmentId=None,
        contextTitle=None,
        contextMessage=None,
        demoMitmSignatureRequested=None,
    )

    assert response.status_code == 201


async def test_the_reference_servers_demonstration_is_ignored(
    product: Product, party: RelyingParty, phone: Phone
) -> None:
    await party.ask(phone, demoMitmSignatureRequested=True, contextTitle="Pay")

    told = await product.fetched(phone)

    phone.checks(
        told["authAttemptProofTokenSignedByIntegration"], told["authAttemptProofToken"], "false", "Pay", ""
    )


@pytest.mark.parametrize("named", [{}, {"userIdentifier": ""}, {"userIdentifier": "nobody"}])
async def test_e27_who_is_asked_must_be_clear(party: RelyingParty, phone: Phone, named: Given) -> None:
    assert problem(await party.create(**named)) == (400, "validation/auth-attempt-create-invalid")


async def test_e27_a_contradiction_is_refused(product: Product, party: RelyingParty, phone: Phone) -> None:
    await product.enrolled_phone(party, user_identifier="john")

    response = await party.create(phone, userIdentifier="john")

    assert problem(response) == (400, "validation/auth-attempt-create-invalid")


async def test_challenge_requested_must_be_said(party: RelyingParty, phone: Phone) -> None:
    for wrong in (
        {},
        {"challengeRequested": None},
        {"challengeRequested": "true"},
        {"challengeRequested": 1},
    ):
        response = await party.http.post(
            "/api/v1/auth-attempts", json={"enrollmentId": phone.enrollment_id, **wrong}, auth=party.auth
        )
        assert problem(response) == (400, "validation/validation-failed")
        assert [error["field"] for error in response.json()["errors"]] == ["challengeRequested"]


async def test_e29_unknown_and_foreign_enrollments_are_the_same_answer(
    product: Product, party: RelyingParty, phone: Phone
) -> None:
    foreign = await product.enrolled_phone(await product.relying_party())
    unknown = Phone(phone.enrollment_id % (2**31 - 1) + 1, "", 0, phone.key)

    answers = [await party.create(foreign), await party.create(unknown)]

    assert {(each.status_code, each.content) for each in answers} == {(403, answers[0].content)}
    assert problem(answers[0]) == (403, "enrollment/enrollment-forbidden")


async def test_an_enrollment_that_is_not_active_is_forbidden(product: Product, party: RelyingParty) -> None:
    bound = await product.bound_phone(party)

    assert problem(await party.create(bound)) == (403, "enrollment/enrollment-inactive")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"contextTitle": "x" * 201}, "contextTitle"),
        ({"contextTitle": EMOJI * 101}, "contextTitle"),
        ({"contextTitle": "a|b"}, "contextTitle"),
        ({"contextTitle": "\u202eabc"}, "contextTitle"),
        ({"contextMessage": "x" * 2001}, "contextMessage"),
        ({"contextMessage": "bell\u0007"}, "contextMessage"),
        ({"contextTitle": 1}, "contextTitle"),
        ({"enrollmentId": "1"}, "enrollmentId"),
        ({"enrollmentId": 0}, "enrollmentId"),
        ({"enrollmentId": 2**31}, "enrollmentId"),
        ({"userIdentifier": ["jane"]}, "userIdentifier"),
    ],
)
async def test_e35_members_out_of_their_bounds_are_not_valid(
    party: RelyingParty, phone: Phone, members: dict[str, Given], field: str
) -> None:
    response = await party.create(phone, **members)

    assert problem(response) == (400, "validation/validation-failed")
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_e35_two_hundred_and_two_thousand_are_allowed(party: RelyingParty, phone: Phone) -> None:
    told = await party.ask(phone, contextTitle=EMOJI * 100, contextMessage="y" * 2000)

    assert (told["contextTitle"], told["contextMessage"]) == (EMOJI * 100, "y" * 2000)


async def test_e30_a_newer_attempt_ends_the_older(party: RelyingParty, phone: Phone) -> None:
    older = await party.ask(phone)
    newer = await party.ask(phone)

    assert await party.status(older["authAttemptId"]) == "EXPIRED"
    assert await party.status(newer["authAttemptId"]) == "PENDING"


# --- Idempotency-Key ------------------------------------------------------------------------------


async def test_the_same_key_gives_the_same_answer(party: RelyingParty, phone: Phone) -> None:
    first = await party.create(phone, idempotency_key="order-1", challengeRequested=True)
    again = await party.create(phone, idempotency_key="order-1", challengeRequested=True)

    assert (again.status_code, again.content) == (201, first.content)


async def test_the_same_key_with_other_members_is_refused(party: RelyingParty, phone: Phone) -> None:
    await party.create(phone, idempotency_key="order-1")

    response = await party.create(phone, idempotency_key="order-1", contextTitle="Other")

    assert problem(response) == (400, "validation/idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "x" * 256, "two\x7f", "é"])
async def test_a_key_out_of_its_bounds_is_not_valid(party: RelyingParty, phone: Phone, key: str) -> None:
    response = await party.create(phone, idempotency_key=key)

    assert problem(response) == (400, "validation/validation-failed")
    assert [error["field"] for error in response.json()["errors"]] == ["Idempotency-Key"]


# --- wait -----------------------------------------------------------------------------------------


async def test_e32_a_wait_that_ends_without_an_answer_says_so(party: RelyingParty, phone: Phone) -> None:
    created = await party.ask(phone, contextTitle="Pay", challengeRequested=True)
    began = time.monotonic()

    response = await party.wait(created["authAttemptId"], timeout=1, polling=1)

    assert response.status_code == 200
    assert 1 <= time.monotonic() - began < 3
    told = response.json()
    attempt = told.pop("authAttempt")
    assert INSTANT.fullmatch(told.pop("completedAt"))
    assert told == {"status": "PENDING", "completed": False, "timeoutReached": True, "waitDuration": 1}
    assert INSTANT.fullmatch(attempt.pop("createdAt"))
    assert attempt == {
        "authAttemptId": created["authAttemptId"],
        "enrollmentId": phone.enrollment_id,
        "authAttemptStatus": "PENDING",
        "authAttemptChallenge": created["authAttemptChallenge"],
        "expiresAt": created["expiresAt"],
        "contextTitle": "Pay",
    }


@pytest.mark.parametrize(("accepted", "status"), [(True, "ACCEPTED"), (False, "REJECTED")])
async def test_e32_a_wait_ends_with_the_answer(
    product: Product, party: RelyingParty, phone: Phone, *, accepted: bool, status: str
) -> None:
    created = await party.ask(phone)
    began = time.monotonic()
    waiting = asyncio.create_task(party.wait(created["authAttemptId"], timeout=60))
    fetched = await product.fetched(phone)
    await asyncio.sleep(0.05)
    assert not waiting.done()

    await product.answer(phone, fetched, accepted=accepted)

    told = (await waiting).json()
    assert time.monotonic() - began < 5
    assert (told["status"], told["authAttempt"]["authAttemptStatus"]) == (status, status)
    assert (told["completed"], told["timeoutReached"], told["waitDuration"]) == (True, False, 0)
    assert told["authAttempt"].get("authAttemptProofToken") == (
        fetched["authAttemptProofToken"] if accepted else None
    )


async def test_a_wait_for_what_has_ended_is_answered_at_once(
    product: Product, party: RelyingParty, phone: Phone
) -> None:
    created = await party.ask(phone, challengeRequested=True)
    await product.answer(phone, await product.fetched(phone), challenge=1)

    for _ in range(2):
        told = (await party.wait(created["authAttemptId"], timeout=60)).json()
        assert (told["status"], told["completed"], told["timeoutReached"]) == ("INVALID", True, False)


async def test_reading_does_not_end_a_wait(product: Product, party: RelyingParty, phone: Phone) -> None:
    created = await party.ask(phone)
    waiting = asyncio.create_task(party.wait(created["authAttemptId"], timeout=1, polling=1))
    await product.fetched(phone)

    told = (await waiting).json()

    assert (told["status"], told["completed"], told["timeoutReached"]) == ("READ", False, True)


@pytest.mark.parametrize("how", ["cancelled", "superseded", "past its time"])
async def test_0_13_a_wait_for_what_expires_is_completed(
    product: Product, party: RelyingParty, phone: Phone, how: str
) -> None:
    created = await party.ask(phone)
    waiting = asyncio.create_task(party.wait(created["authAttemptId"], timeout=60))
    await asyncio.sleep(0.05)

    if how == "cancelled":
        await party.cancel(created["authAttemptId"])
    elif how == "superseded":
        await party.ask(phone)
    else:
        product.move_clock(seconds=120)

    async with asyncio.timeout(5):
        told = (await waiting).json()
    assert (told["status"], told["authAttempt"]["authAttemptStatus"]) == ("EXPIRED", "EXPIRED")
    assert (told["completed"], told["timeoutReached"]) == (True, False)


async def test_a_wait_notices_that_time_is_over_by_itself(
    product: Product, party: RelyingParty, phone: Phone
) -> None:
    """No job and no wake-up: the attempt has half a second to live when the wait begins."""
    created = await party.ask(phone)
    product.move_clock(seconds=119.5)
    began = time.monotonic()

    told = (await party.wait(created["authAttemptId"], timeout=60)).json()

    assert told["status"] == "EXPIRED"
    assert 0.2 < time.monotonic() - began < 3


@pytest.mark.parametrize(
    "query",
    [
        {"timeout": 0},
        {"timeout": 301},
        {"timeout": -1},
        {"polling": 0},
        {"timeout": 300, "polling": 61},
        {"timeout": 5, "polling": 6},
    ],
)
async def test_e32_a_wait_out_of_its_bounds_is_not_valid(
    party: RelyingParty, phone: Phone, query: dict[str, int]
) -> None:
    created = await party.ask(phone)

    response = await party.wait(created["authAttemptId"], **query)

    assert problem(response) == (400, "validation/auth-attempt-wait-invalid")


@pytest.mark.parametrize(
    "query", ["timeout=x", "timeout=1.5", "timeout=", "timeout=2&timeout=3", "polling=%00"]
)
async def test_a_wait_that_cannot_be_read_is_not_valid(party: RelyingParty, phone: Phone, query: str) -> None:
    created = await party.ask(phone)

    response = await party.http.get(
        f"/api/v1/auth-attempts/{created['authAttemptId']}/wait?{query}", auth=party.auth
    )

    assert problem(response) == (400, "validation/auth-attempt-wait-invalid")


@pytest.mark.parametrize(
    "query", [{"timeout": 2, "polling": 2}, {"timeout": 300, "polling": 60}, {"timeout": 1}, {}]
)
async def test_e32_a_wait_within_its_bounds_is_valid(
    party: RelyingParty, phone: Phone, query: dict[str, int]
) -> None:
    """The TypeScript demonstration asks for 2 and 2; who leaves polling out is not refused for it."""
    created = await party.ask(phone)
    await party.cancel(created["authAttemptId"])

    assert (await party.wait(created["authAttemptId"], **query)).status_code == 200


async def test_e29_unknown_and_foreign_attempts_are_the_same_answer(
    product: Product, party: RelyingParty, phone: Phone
) -> None:
    elsewhere = await product.relying_party()
    created = await elsewhere.ask(await product.enrolled_phone(elsewhere))
    unknown = created["authAttemptId"] % (2**31 - 1) + 1

    for ask in (party.wait, party.cancel):
        answers = [await ask(each) for each in (created["authAttemptId"], unknown)]
        assert [problem(each) for each in answers] == [(404, "domain/auth-attempt-not-found")] * 2
        # The path is part of a problem; for the rest they are the same.
        told = [{**each.json(), "path": ""} for each in answers]
        assert told[0] == told[1]


@pytest.mark.parametrize("attempt_id", ["0", "00", "-1", "2147483648", "99999999999", "1e3", "x", "%30"])
async def test_what_is_no_id_is_not_found(party: RelyingParty, attempt_id: str) -> None:
    for ask in (party.wait, party.cancel):
        assert (await ask(attempt_id)).status_code == 404


async def test_e33_two_hundred_waits_hold_up_nobody(product: Product, party: RelyingParty) -> None:
    """They hold no connection either: there are four."""
    phones = [await product.enrolled_phone(party) for _ in range(4)]
    created = [await party.ask(phone) for phone in phones]
    waiting = [
        asyncio.create_task(party.wait(created[index % 4]["authAttemptId"], timeout=60))
        for index in range(200)
    ]
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in waiting)

    began = time.monotonic()
    for phone in phones:
        await product.answer(phone, await product.fetched(phone))
    answers = await asyncio.gather(*waiting)

    assert time.monotonic() - began < 10
    assert {answer.json()["status"] for answer in answers} == {"ACCEPTED"}


async def test_a_wait_is_answered_when_the_process_stops(make_product: Callable[..., Product]) -> None:
    product = make_product()
    party = await product.relying_party()
    created = await party.ask(await product.enrolled_phone(party))
    waiting = asyncio.create_task(party.wait(created["authAttemptId"], timeout=60))
    await asyncio.sleep(0.05)

    product.gateway.begin_shutdown()

    async with asyncio.timeout(5):
        told = (await waiting).json()
    assert (told["status"], told["completed"], told["timeoutReached"]) == ("PENDING", False, True)


# --- cancel ---------------------------------------------------------------------------------------


async def test_e31_cancel_has_no_body_and_shows_the_attempt(party: RelyingParty, phone: Phone) -> None:
    created = await party.ask(phone, contextTitle="Pay")

    response = await party.cancel(created["authAttemptId"])

    assert "content-type" not in response.request.headers
    assert response.request.headers["content-length"] == "0"
    assert response.status_code == 200
    told = response.json()
    assert INSTANT.fullmatch(told.pop("createdAt"))
    assert told == {
        "authAttemptId": created["authAttemptId"],
        "enrollmentId": phone.enrollment_id,
        "authAttemptStatus": "EXPIRED",
        "expiresAt": created["expiresAt"],
        "contextTitle": "Pay",
    }


async def test_e31_what_has_ended_is_a_conflict(product: Product, party: RelyingParty, phone: Phone) -> None:
    created = await party.ask(phone)
    await product.answer(phone, await product.fetched(phone))

    for _ in range(2):
        response = await party.cancel(created["authAttemptId"])
        assert problem(response) == (409, "domain/auth-attempt-state-conflict")
    assert await party.status(created["authAttemptId"]) == "ACCEPTED"


async def test_e31_a_cancelled_attempt_reaches_no_phone(
    product: Product, party: RelyingParty, phone: Phone
) -> None:
    created = await party.ask(phone)
    fetched = await product.fetched(phone)
    await party.cancel(created["authAttemptId"])

    assert (await product.answer(phone, fetched)).status_code == 409
    assert (await product.poll(phone)).status_code == 204
