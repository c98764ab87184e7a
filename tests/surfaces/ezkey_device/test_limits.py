"""How often phones may come. Source: docs/protocol/wire.md, 0.14 and A6.

Windows are an hour long here, so that none ends while a test runs.
"""

from collections.abc import Callable

import httpx2

from tests.support.phone import P256Key, new_proof_token
from tests.support.product import Product

MakeProduct = Callable[..., Product]


def assert_limited(response: httpx2.Response, limit: int) -> None:
    """It is 429 without a body, and its headers say when to come again."""
    assert (response.status_code, response.content) == (429, b"")
    assert "content-type" not in response.headers
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["x-ratelimit-limit"] == str(limit)
    assert response.headers["x-ratelimit-remaining"] == "0"
    assert 1 <= int(response.headers["x-ratelimit-reset"]) <= 7200


async def test_e18_one_enrollment_polls_so_often(make_product: MakeProduct) -> None:
    product = make_product(limit_pending="3/3600")
    party = await product.relying_party()
    phone, other = await product.enrolled_phone(party), await product.enrolled_phone(party)

    remaining = [(await product.poll(phone)).headers["x-ratelimit-remaining"] for _ in range(3)]

    assert remaining == ["2", "1", "0"]
    assert_limited(await product.poll(phone), 3)
    assert (await product.poll(other)).status_code == 204


async def test_a_long_poll_counts_once(make_product: MakeProduct) -> None:
    product = make_product(limit_pending="1/3600")
    phone = await product.enrolled_phone(await product.relying_party())

    assert (await product.poll(phone, prefer="wait=1")).status_code == 204
    assert_limited(await product.poll(phone), 1)


async def test_nobody_uses_up_anothers_polls(make_product: MakeProduct) -> None:
    """A stranger who knows the id, and even one who knows the proof token, polls on their own account."""
    product = make_product(limit_pending="1/3600", limit_unproved="4/3600")
    phone = await product.enrolled_phone(await product.relying_party())
    stranger = product.client("198.51.100.7")

    for body in (phone.poll_body(signed_by=P256Key()), phone.poll_body(enrollmentProofToken="x")) * 2:
        assert (await stranger.post("/api/v1/auth-attempts/pending", json=body)).status_code == 400
    for body in (phone.poll_body(signed_by=P256Key()), phone.poll_body(enrollmentProofToken="x")):
        assert_limited(await stranger.post("/api/v1/auth-attempts/pending", json=body), 4)

    # Not even from the stranger's own address.
    assert (await stranger.post("/api/v1/auth-attempts/pending", json=phone.poll_body())).status_code == 204
    await stranger.aclose()


async def test_failed_proofs_of_one_address_are_counted_over_all_operations(
    make_product: MakeProduct,
) -> None:
    product = make_product(limit_unproved="4/3600")
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    forged = phone.answer_body(7, new_proof_token(), accepted=True)

    await product.post("auth-attempts/pending", phone.poll_body(signed_by=P256Key()))
    await product.post("auth-attempts/respond", forged)
    await product.post("enrollments/push-address", phone.push_address_body("FCM", "x", signed_by=P256Key()))
    await product.post("enrollments/instance-info", {"enrollmentProofToken": "wrong"})

    assert_limited(await product.post("auth-attempts/respond", forged), 4)
    failed = await product.post("auth-attempts/pending", phone.poll_body(signed_by=P256Key()))
    assert_limited(failed, 4)
    neighbour = product.client("192.0.2.11")
    assert (await neighbour.post("/api/v1/auth-attempts/pending", json=phone.poll_body())).status_code == 204
    await neighbour.aclose()


async def test_a_spent_token_is_a_good_proof(make_product: MakeProduct) -> None:
    """A phone that repeats itself is told no, but is not taken for a stranger."""
    product = make_product(limit_unproved="1/3600")
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    await party.ask(phone)
    token = new_proof_token()

    statuses = [(await product.poll(phone, token)).status_code for _ in range(4)]

    assert statuses == [200, 400, 400, 400]


async def test_one_enrollment_answers_so_often(make_product: MakeProduct) -> None:
    product = make_product(limit_respond="2/3600")
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    created = [await party.ask(phone)]
    fetched = await product.fetched(phone)

    assert (await product.answer(phone, fetched)).status_code == 200
    assert (await product.answer(phone, fetched)).status_code == 409
    assert_limited(await product.answer(phone, fetched), 2)
    assert await party.status(created[0]["authAttemptId"]) == "ACCEPTED"


async def test_an_answer_over_the_limit_is_not_taken(make_product: MakeProduct) -> None:
    product = make_product(limit_respond="1/3600")
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    await party.ask(phone)
    await product.answer(phone, await product.fetched(phone), accepted=False)
    created = await party.ask(phone)

    assert_limited(await product.answer(phone, await product.fetched(phone)), 1)

    assert await party.status(created["authAttemptId"]) == "READ"


async def test_bind_and_instance_info_of_one_address_share_a_budget(make_product: MakeProduct) -> None:
    product = make_product(limit_bind="2/3600")
    party = await product.relying_party()
    phone = await product.invited_phone(party)

    assert (await product.bind(phone)).status_code == 200
    assert (
        await product.post("enrollments/instance-info", {"enrollmentProofToken": phone.proof_token})
    ).status_code == 400
    assert_limited(await product.bind(phone), 2)
    assert_limited(await product.post("enrollments/instance-info", {}), 2)
    neighbour = product.client("192.0.2.11")
    assert (await neighbour.post("/api/v1/enrollments/bind", json=phone.bind_body())).status_code == 409
    await neighbour.aclose()


async def test_verify_of_one_address_has_a_budget(make_product: MakeProduct) -> None:
    product = make_product(limit_verify="1/3600")
    party = await product.relying_party()
    phone = await product.bound_phone(party)
    await product.verify(phone, phone.challenge - 1)

    assert_limited(await product.verify(phone), 1)

    assert (await product.scene(party).enrollment(phone))["status"] == "BOUND"


async def test_the_public_words_are_not_limited(make_product: MakeProduct) -> None:
    product = make_product(limit_bind="1/3600", limit_unproved="1/3600")

    for _ in range(5):
        response = await product.http.get("/api/v1/public/instance-info")
        assert response.status_code == 200
        assert "x-ratelimit-limit" not in response.headers
