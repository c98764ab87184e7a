"""What is secret stays out of logs and metrics, and an id of one kind is none of another."""

import json

import httpx2
import pytest
from structlog.testing import capture_logs

from server.base import ids
from tests.support.phone import P256Key, new_proof_token
from tests.support.product import Product


async def test_no_log_line_holds_a_secret(product: Product) -> None:
    """All of a story, refusals and failures included, and whatever was secret in it."""
    with capture_logs() as logs:
        party = await product.relying_party()
        phone = await product.invited_phone(party)
        await product.bind(phone, enrollmentProofToken=phone.proof_token + "x")
        await product.bind(phone)
        await product.verify(phone, phone.challenge - 1)
        await product.verify(phone)
        created = await party.ask(
            phone, challengeRequested=True, contextTitle="A title", contextMessage="A message"
        )
        device_token = new_proof_token()
        fetched = (await product.poll(phone, device_token)).json()
        await product.poll(phone, device_token)
        await product.post("enrollments/push-address", phone.push_address_body("FCM", "its-push-address"))
        await product.post(
            "auth-attempts/respond",
            phone.answer_body(
                created["authAttemptId"], fetched["authAttemptProofToken"], accepted=True, signed_by=P256Key()
            ),
        )
        await product.answer(phone, fetched, challenge=created["authAttemptChallenge"])
        await party.wait(created["authAttemptId"])
        wrong = httpx2.BasicAuth(party.key_id, "a-wrong-secret")
        await product.http.get("/api/v1/auth-attempts/7/wait", auth=wrong)
        await product.http.get(f"/{phone.proof_token}?token={phone.proof_token}")

    text = json.dumps(logs, default=repr)
    assert len(logs) >= 13
    for secret in (
        phone.proof_token,
        device_token,
        fetched["authAttemptProofToken"],
        party.secret,
        "a-wrong-secret",
        "its-push-address",
        "A title",
        "A message",
        f'"{phone.challenge}"',
        f" {phone.challenge}",
        f" {created['authAttemptChallenge']}",
    ):
        assert secret not in text


async def test_x08_an_id_of_one_kind_is_none_of_another(product: Product) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone)
    others = (phone.enrollment_id, party.integration.id, party.integration.organization_id)

    for other in others:
        assert (await party.wait(other)).status_code == 404
        assert (await party.cancel(other)).status_code == 404
    for other in (created["authAttemptId"], party.integration.id):
        assert (await party.create(enrollmentId=other)).status_code == 403
        body = phone.poll_body(enrollmentId=other)
        assert (await product.post("auth-attempts/pending", body)).status_code == 400


async def test_x08_a_path_is_read_by_one_surface_only(product: Product) -> None:
    """POST and GET on one path may be two surfaces'; each answers in its own name."""
    party, operator = await product.relying_party(), await product.operator()

    created = await party.create(await product.enrolled_phone(party))
    listed = await operator.get("/api/v1/auth-attempts")
    crossed = await operator.post("/api/v1/auth-attempts", json={})

    assert [each.headers["x-surface"] for each in (created, listed, crossed)] == [
        "ezkey_integration",
        "ezkey_admin",
        "ezkey_integration",
    ]
    assert [each.status_code for each in (created, listed, crossed)] == [201, 200, 401]
    await operator.aclose()


async def test_x08_a_taken_id_is_not_given_twice(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    free = ids.new_small_id()
    drawn = iter([phone.enrollment_id, free])
    monkeypatch.setattr(ids, "new_small_id", lambda: next(drawn))

    assert (await product.invited_phone(party)).enrollment_id == free
