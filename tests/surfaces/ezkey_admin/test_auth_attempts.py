import httpx2

from tests.support.product import Product


async def test_operators_see_attempts_without_challenge_and_token(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone, challengeRequested=True, contextTitle="Transfer")
    fetched = await product.fetched(phone)

    seen = await operator.get(f"auth-attempts/{created['authAttemptId']}")

    assert seen.headers["X-Surface"] == "ezkey_admin"
    attempt = seen.json()
    assert (attempt["status"], attempt["contextTitle"]) == ("READ", "Transfer")
    assert (attempt["enrollmentId"], attempt["challengeRequired"]) == (phone.enrollment_id, True)
    assert fetched["authAttemptProofToken"] not in seen.text
    assert "authAttemptChallenge" not in attempt
    listed = await operator.get("auth-attempts", params={"enrollmentId": phone.enrollment_id})
    assert listed.headers["X-Surface"] == "ezkey_admin"
    assert listed.json()["items"] == [attempt]


async def test_a_denial_shows_its_reason(product: Product, operator: httpx2.AsyncClient) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone)
    fetched = await product.fetched(phone)
    await product.answer(phone, fetched, accepted=False, authAttemptDenyReason="MISTAKE")

    attempt = (await operator.get(f"auth-attempts/{created['authAttemptId']}")).json()

    assert (attempt["status"], attempt["denyReason"]) == ("REJECTED", "MISTAKE")
    listed = await operator.get(
        "auth-attempts", params={"integrationId": party.integration.id, "status": "REJECTED"}
    )
    assert listed.json()["total"] == 1


async def test_an_unknown_attempt_is_not_found(operator: httpx2.AsyncClient) -> None:
    answer = await operator.get("auth-attempts/2147483647")

    assert (answer.status_code, answer.json()["type"]) == (
        404,
        "https://ezkey.io/problems/auth-attempt-not-found",
    )
