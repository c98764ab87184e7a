"""Poll and answer on the wire. Rules and signatures are tested in tests/core/auth_attempts."""

import asyncio
import time
import unicodedata
from collections.abc import Callable

import httpx2
import pytest

from tests.support.phone import Given, P256Key, new_proof_token, with_high_s
from tests.support.product import Product, RelyingParty


@pytest.fixture
async def party(product: Product) -> RelyingParty:
    """A relying party of the test's own."""
    return await product.relying_party()


def problem(response: httpx2.Response) -> tuple[int, str]:
    """Status and type of a refusal."""
    return response.status_code, response.json()["type"].removeprefix("https://ezkey.io/problems/auth/")


# --- pending --------------------------------------------------------------------------------------


async def test_e13_nothing_waits(product: Product, party: RelyingParty) -> None:
    response = await product.poll(await product.enrolled_phone(party))

    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers


async def test_e14_e17_what_waits_is_shown_and_signed(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone, challengeRequested=True, contextTitle="Pay", contextMessage="50 EUR")

    response = await product.poll(phone)

    assert response.status_code == 200
    told = response.json()
    phone.checks(
        told.pop("authAttemptProofTokenSignedByIntegration"),
        told.pop("authAttemptProofToken"),
        "true",
        "Pay",
        "50 EUR",
    )
    assert told == {
        "authAttemptId": created["authAttemptId"],
        "authAttemptChallengeRequired": True,
        "contextTitle": "Pay",
        "contextMessage": "50 EUR",
    }
    assert str(created["authAttemptChallenge"]) not in response.text


async def test_absent_texts_are_left_out(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    await party.ask(phone)

    told = await product.fetched(phone)

    assert set(told) == {
        "authAttemptId",
        "authAttemptProofToken",
        "authAttemptProofTokenSignedByIntegration",
        "authAttemptChallengeRequired",
    }


async def test_e35_texts_arrive_in_nfc(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    decomposed = unicodedata.normalize("NFD", "Größe 👩‍👧 Zoë")
    await party.ask(phone, contextTitle=decomposed, contextMessage=decomposed + "\nline")

    told = await product.fetched(phone)

    composed = unicodedata.normalize("NFC", decomposed)
    assert (told["contextTitle"], told["contextMessage"]) == (composed, composed + "\nline")


async def test_e14_e16_a_new_token_gets_it_again_and_the_spent_one_does_not(
    product: Product, party: RelyingParty
) -> None:
    phone = await product.enrolled_phone(party)
    token = new_proof_token()
    assert (await product.poll(phone, token)).status_code == 204
    await party.ask(phone)
    first = await product.poll(phone, token)
    assert first.status_code == 200

    assert problem(await product.poll(phone, token)) == (400, "auth-attempt-binding-failed")
    assert (await product.poll(phone)).content == first.content


async def test_e15_every_refused_poll_is_the_same_answer(product: Product, party: RelyingParty) -> None:
    phone, other = await product.enrolled_phone(party), await product.enrolled_phone(party)
    await party.ask(phone)
    spent = phone.poll_body()
    await product.post("auth-attempts/pending", spent)
    high = phone.poll_body()
    high["deviceProofTokenSigned"] = with_high_s(high["deviceProofTokenSigned"])
    scene = product.scene(party)
    before = await scene.state()

    refused = [
        await product.post("auth-attempts/pending", body)
        for body in (
            spent,
            high,
            phone.poll_body(enrollmentId=other.enrollment_id),
            phone.poll_body(enrollmentProofToken=new_proof_token()),
            phone.poll_body(enrollmentProofToken=other.proof_token),
            phone.poll_body(signed_by=P256Key()),
            phone.poll_body(deviceProofTokenSigned="no Base64"),
            phone.poll_body("malformed"),
            phone.poll_body(new_proof_token() + "="),
        )
    ]

    assert {(each.status_code, each.content) for each in refused} == {(400, refused[0].content)}
    assert await scene.state() == before


# --- Prefer: wait ---------------------------------------------------------------------------------


async def test_a_long_poll_is_answered_as_soon_as_something_waits(
    product: Product, party: RelyingParty
) -> None:
    phone = await product.enrolled_phone(party)
    began = time.monotonic()
    polling = asyncio.create_task(product.poll(phone, prefer="wait=30"))
    await asyncio.sleep(0.05)
    assert not polling.done()

    created = await party.ask(phone)

    response = await polling
    assert response.json()["authAttemptId"] == created["authAttemptId"]
    assert response.headers["preference-applied"] == "wait=30"
    assert time.monotonic() - began < 5


async def test_a_long_poll_that_finds_something_does_not_wait(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    await party.ask(phone)

    assert (await product.poll(phone, prefer="wait=30")).status_code == 200


async def test_a_long_poll_without_news_is_an_empty_one(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    began = time.monotonic()

    response = await product.poll(phone, prefer="wait=1")

    assert (response.status_code, response.headers["preference-applied"]) == (204, "wait=1")
    assert 1 <= time.monotonic() - began < 3


async def test_a_long_poll_waits_fifty_seconds_at_most(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    await party.ask(phone)

    response = await product.poll(phone, prefer="respond-async, wait=3600")

    assert response.headers["preference-applied"] == "wait=50"


@pytest.mark.parametrize("prefer", ["wait=0", "wait=-1", "wait=soon", "wait", "return=minimal"])
async def test_a_preference_that_cannot_be_read_is_none(
    product: Product, party: RelyingParty, prefer: str
) -> None:
    response = await product.poll(await product.enrolled_phone(party), prefer=prefer)

    assert response.status_code == 204
    assert "preference-applied" not in response.headers


async def test_a_long_poll_without_proof_is_refused_at_once(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    phone.key = P256Key()

    async with asyncio.timeout(5):
        assert (await product.poll(phone, prefer="wait=30")).status_code == 400


async def test_a_long_poll_is_answered_when_the_process_stops(make_product: Callable[..., Product]) -> None:
    product = make_product()
    phone = await product.enrolled_phone(await product.relying_party())
    polling = asyncio.create_task(product.poll(phone, prefer="wait=30"))
    await asyncio.sleep(0.05)

    product.gateway.begin_shutdown()

    async with asyncio.timeout(5):
        assert (await polling).status_code == 204


async def test_one_enrollment_does_not_take_every_place(make_product: Callable[..., Product]) -> None:
    product = make_product(max_waits_per_caller=1)
    party = await product.relying_party()
    phone, other = await product.enrolled_phone(party), await product.enrolled_phone(party)
    polling = asyncio.create_task(product.poll(phone, prefer="wait=30"))
    await asyncio.sleep(0.05)

    refused = await product.poll(phone, prefer="wait=30")

    assert (refused.status_code, refused.content) == (429, b"")
    assert (await product.poll(other, prefer="wait=1")).status_code == 204
    product.gateway.begin_shutdown()
    await polling


# --- respond --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "result", "status"), [(True, "APPROVED", "ACCEPTED"), (False, "DENIED", "REJECTED")]
)
async def test_e19_e20_e26_an_answer_is_taken_and_signed(
    product: Product, party: RelyingParty, *, accepted: bool, result: str, status: str
) -> None:
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone, challengeRequested=True)
    fetched = await product.fetched(phone)

    response = await product.answer(
        phone, fetched, accepted=accepted, challenge=created["authAttemptChallenge"] if accepted else None
    )

    assert response.status_code == 200
    told = response.json()
    assert (told["authAttemptId"], told["authAttemptResult"]) == (created["authAttemptId"], result)
    phone.checks(
        told["authAttemptProofTokenResultSignedByIntegration"],
        fetched["authAttemptProofToken"],
        created["authAttemptId"],
        result,
        told["authAttemptMessage"],
    )
    assert await party.status(created["authAttemptId"]) == status


@pytest.mark.parametrize("given", ["wrong", "absent", "null"])
async def test_e21_an_approval_without_the_right_number_fails(
    product: Product, party: RelyingParty, given: str
) -> None:
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone, challengeRequested=True)
    members: dict[str, Given] = {
        "wrong": {"authAttemptChallengeResponse": created["authAttemptChallenge"] - 1},
        "absent": {},
        "null": {"authAttemptChallengeResponse": None},
    }[given]

    response = await product.answer(phone, await product.fetched(phone), **members)

    assert (response.status_code, response.json()["authAttemptResult"]) == (200, "FAILED")
    assert await party.status(created["authAttemptId"]) == "INVALID"


async def test_e22_a_forged_answer_fails_and_changes_nothing(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    await party.ask(phone)
    fetched = await product.fetched(phone)
    token = fetched["authAttemptProofToken"]
    scene = product.scene(party)
    before = await scene.state()
    high = phone.answer_body(fetched["authAttemptId"], token, accepted=True)
    high["authAttemptProofTokenSignedByDevice"] = with_high_s(high["authAttemptProofTokenSignedByDevice"])

    answers = [
        await product.post("auth-attempts/respond", body)
        for body in (
            high,
            phone.answer_body(fetched["authAttemptId"], token, accepted=True, signed_by=P256Key()),
            phone.answer_body(fetched["authAttemptId"], new_proof_token(), accepted=True),
            phone.answer_body(fetched["authAttemptId"], token, accepted=True)
            | {"authAttemptAccepted": False},
            phone.answer_body(
                fetched["authAttemptId"], token, accepted=True, authAttemptProofTokenSignedByDevice=""
            ),
        )
    ]

    assert {(each.status_code, each.content) for each in answers} == {(200, answers[0].content)}
    assert answers[0].json()["authAttemptResult"] == "FAILED"
    phone.checks(
        answers[0].json()["authAttemptProofTokenResultSignedByIntegration"],
        token,
        fetched["authAttemptId"],
        "FAILED",
        answers[0].json()["authAttemptMessage"],
    )
    assert await scene.state() == before
    assert (await product.answer(phone, fetched)).json()["authAttemptResult"] == "APPROVED"


async def test_an_unknown_attempt_fails_without_a_signature(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    body = phone.answer_body(7, new_proof_token(), accepted=True)

    response = await product.post("auth-attempts/respond", body)

    assert response.status_code == 200
    assert set(response.json()) == {"authAttemptId", "authAttemptResult", "authAttemptMessage"}
    assert response.json()["authAttemptResult"] == "FAILED"


async def test_e23_a_second_answer_is_a_conflict(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone)
    fetched = await product.fetched(phone)
    await product.answer(phone, fetched)

    for accepted in (True, False):
        response = await product.answer(phone, fetched, accepted=accepted)
        assert problem(response) == (409, "auth-attempt-state-conflict")
    assert await party.status(created["authAttemptId"]) == "ACCEPTED"


async def test_e25_a_late_answer_is_a_conflict_and_the_attempt_expired(
    product: Product, party: RelyingParty
) -> None:
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone)
    fetched = await product.fetched(phone)
    product.move_clock(seconds=created["timeoutSeconds"])

    assert problem(await product.answer(phone, fetched)) == (409, "auth-attempt-state-conflict")
    assert await party.status(created["authAttemptId"]) == "EXPIRED"
    assert (await product.poll(phone)).status_code == 204


@pytest.mark.parametrize("reason", ["MISTAKE", "FRAUD", None])
async def test_a_denial_may_say_why(product: Product, party: RelyingParty, reason: str | None) -> None:
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone)

    response = await product.answer(
        phone, await product.fetched(phone), accepted=False, authAttemptDenyReason=reason
    )

    assert response.json()["authAttemptResult"] == "DENIED"
    told = (await party.wait(created["authAttemptId"])).json()["authAttempt"]
    assert told.get("authAttemptDenyReason") == reason


async def test_an_unknown_reason_is_not_valid(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    await party.ask(phone)

    response = await product.answer(
        phone, await product.fetched(phone), accepted=False, authAttemptDenyReason="BORED"
    )

    assert problem(response) == (400, "validation-failed")


async def test_ten_wrong_numbers_lock_the_enrollment(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    for _ in range(10):
        created = await party.ask(phone, challengeRequested=True)
        await product.answer(
            phone, await product.fetched(phone), challenge=created["authAttemptChallenge"] - 1
        )

    assert problem(await product.poll(phone)) == (400, "auth-attempt-binding-failed")
    assert (await party.create(phone)).status_code == 403
