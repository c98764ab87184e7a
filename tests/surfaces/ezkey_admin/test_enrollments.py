import io
import json
from base64 import b64decode

import httpx2
import pytest
import zxingcpp
from PIL import Image

from server.db.pool import Database
from tests.support.factories import a_bound_enrollment, an_integration
from tests.support.product import Product, a_product

UNKNOWN = 2_147_483_647


async def test_an_enrollment_is_made_with_its_secrets_in_one_answer_only(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    integration = await product.made(an_integration)
    wanted = {
        "integrationId": integration.id,
        "name": "Jane",
        "userIdentifier": "jane@example.org",
        "challengeRequired": True,
        "expiresAt": "2030-01-31T12:00:00.000000Z",
    }

    made = await operator.post("enrollments", json=wanted)

    assert made.status_code == 201
    enrollment, token = made.json()["enrollment"], made.json()["enrollmentProofToken"]
    assert {name: enrollment[name] for name in wanted} == wanted
    assert enrollment["status"] == "CREATED"
    assert 100_000 <= made.json()["enrollmentChallenge"] <= 999_999
    assert made.headers["Location"] == f"/api/v1/enrollments/{enrollment['id']}"
    read = await operator.get(f"enrollments/{enrollment['id']}")
    listed = await operator.get("enrollments", params={"integrationId": integration.id})
    assert read.json() == enrollment
    assert listed.json()["items"] == [enrollment]
    assert token not in read.text + listed.text


async def test_the_qr_is_a_text_and_pictures_that_hold_it(db: Database) -> None:
    product = a_product(db, public_base_url="https://auth.example.org")
    operator = await product.operator()
    integration = await product.made(an_integration)

    made = await operator.post("/api/v1/enrollments", json={"integrationId": integration.id, "name": "Jane"})

    qr = made.json()["qr"]
    assert json.loads(qr["text"]) == {
        "enrollmentId": str(made.json()["enrollment"]["id"]),
        "enrollmentProofToken": made.json()["enrollmentProofToken"],
        "authUrl": "https://auth.example.org",
    }
    picture = Image.open(io.BytesIO(b64decode(qr["png"], validate=True)))
    assert min(picture.size) >= 300
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [qr["text"]]
    assert qr["svg"].startswith("<svg ")


async def test_a_phone_can_enroll_with_what_the_answer_holds(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)

    enrollment = (await operator.get(f"enrollments/{phone.enrollment_id}")).json()

    assert (enrollment["status"], enrollment["active"]) == ("VERIFIED", True)
    assert b64decode(enrollment["devicePublicKey"]) == phone.key.spki


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"name": "a|b"}, "name"),
        ({"name": ""}, "name"),
        ({"userIdentifier": "a\u0000b"}, None),
        ({"userIdentifier": "x" * 256}, "userIdentifier"),
        ({"challengeRequired": "yes"}, "challengeRequired"),
        ({"challengeRequired": None}, "challengeRequired"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"integrationId": "1"}, "integrationId"),
        ({"status": "VERIFIED"}, "status"),
    ],
)
async def test_a_member_that_is_not_as_documented_is_refused_by_name(
    product: Product, operator: httpx2.AsyncClient, members: dict[str, object], field: str | None
) -> None:
    integration = await product.made(an_integration)
    body = {"integrationId": integration.id, "name": "Jane"} | members

    refused = await operator.post("enrollments", json=body)

    assert refused.status_code == 400
    errors = refused.json().get("errors", [{"field": None}])
    assert [error["field"] for error in errors] == [field]


async def test_it_needs_an_integration_that_is_there_and_active(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    integration = await product.made(an_integration)
    await operator.post(f"integrations/{integration.id}/deactivate")

    unknown = await operator.post("enrollments", json={"integrationId": UNKNOWN, "name": "Jane"})
    inactive = await operator.post("enrollments", json={"integrationId": integration.id, "name": "Jane"})

    assert (unknown.status_code, inactive.status_code) == (404, 409)


async def test_a_change_changes_the_members_that_are_there(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party, user_identifier="jane")
    path = f"enrollments/{phone.enrollment_id}"
    before = (await operator.get(path)).json()

    changed = (await operator.patch(path, json={"userIdentifier": None, "challengeRequired": True})).json()

    assert (changed["userIdentifier"], changed["challengeRequired"]) == (None, True)
    assert changed["name"] == before["name"]


async def test_an_enrollment_is_paused_and_goes_on(product: Product, operator: httpx2.AsyncClient) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    path = f"enrollments/{phone.enrollment_id}"
    attempt = await party.ask(phone)

    off = await operator.post(f"{path}/deactivate")

    assert (off.json()["status"], off.json()["active"]) == ("VERIFIED", False)
    assert await party.status(attempt["authAttemptId"]) == "EXPIRED"
    assert (await party.create(phone)).status_code == 403
    assert (await product.poll(phone)).status_code == 400
    assert (await operator.post(f"{path}/reactivate")).json()["active"]
    assert (await party.create(phone)).status_code == 201


async def test_a_revoked_enrollment_has_ended_for_good(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    path = f"enrollments/{phone.enrollment_id}"

    revoked = await operator.post(f"{path}/revoke")

    assert (revoked.json()["status"], revoked.json()["active"]) == ("REVOKED", False)
    assert (await party.create(phone)).status_code == 403
    for verb in ("deactivate", "reactivate", "revoke", "unlock", "rebind"):
        refused = await operator.post(f"{path}/{verb}")
        assert (refused.status_code, refused.json()["type"]) == (
            409,
            "https://ezkey.io/problems/enrollment-state-conflict",
        )
    assert (await operator.patch(path, json={"name": "Other"})).status_code == 409


async def test_a_locked_enrollment_can_be_unlocked(db: Database) -> None:
    product = a_product(db, max_failures=1)
    operator, party = await product.operator(), await product.relying_party()
    phone = await product.enrolled_phone(party)
    attempt = await party.ask(phone, challengeRequested=True)
    wrong = attempt["authAttemptChallenge"] ^ 1
    await product.answer(phone, await product.fetched(phone), challenge=wrong)
    path = f"/api/v1/enrollments/{phone.enrollment_id}"
    assert (await operator.get(path)).json()["lockedAt"] is not None
    assert (await party.create(phone)).status_code == 403

    unlocked = (await operator.post(f"{path}/unlock")).json()

    assert (unlocked["lockedAt"], unlocked["failures"]) == (None, 0)
    assert (await party.create(phone)).status_code == 201


async def test_rebinding_needs_no_body_and_shuts_the_phone_out(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)

    again = await operator.post(f"enrollments/{phone.enrollment_id}/rebind")

    assert again.status_code == 200
    assert again.json()["enrollment"]["status"] == "CREATED"
    assert again.json()["enrollment"]["devicePublicKey"] is None
    assert again.json()["enrollmentProofToken"] != phone.proof_token
    assert (await product.poll(phone)).status_code == 400
    assert (await product.bind(phone)).status_code == 400
    phone.proof_token = again.json()["enrollmentProofToken"]
    phone.challenge = again.json()["enrollmentChallenge"]
    assert (await product.bind(phone)).status_code == 200
    assert (await product.verify(phone)).status_code == 200


async def test_a_rebinding_can_say_until_when_it_is_good(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    enrollment = await product.made(a_bound_enrollment)

    again = await operator.post(
        f"enrollments/{enrollment.id}/rebind", json={"expiresAt": "2030-01-31T13:00:00+01:00"}
    )

    assert again.json()["enrollment"]["expiresAt"] == "2030-01-31T12:00:00.000000Z"


async def test_lists_are_filtered_by_status(product: Product, operator: httpx2.AsyncClient) -> None:
    party = await product.relying_party()
    await product.invited_phone(party)
    phone = await product.enrolled_phone(party)

    async def listed(**query: object) -> list[int]:
        params = {"integrationId": party.integration.id} | query
        answer = await operator.get("enrollments", params={k: str(v) for k, v in params.items()})
        return [enrollment["id"] for enrollment in answer.json()["items"]]

    assert await listed(status="VERIFIED") == [phone.enrollment_id]
    assert await listed(status="REVOKED") == []
    assert len(await listed()) == 2
    assert (await operator.get("enrollments?status=verified")).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/deactivate"),
        ("POST", "/reactivate"),
        ("POST", "/revoke"),
        ("POST", "/unlock"),
        ("POST", "/rebind"),
    ],
)
async def test_an_unknown_enrollment_is_not_found(
    operator: httpx2.AsyncClient, method: str, path: str
) -> None:
    body: dict[str, str] | None = {} if method == "PATCH" else None

    answer = await operator.request(method, f"enrollments/{UNKNOWN}{path}", json=body)

    assert (answer.status_code, answer.json()["type"]) == (
        404,
        "https://ezkey.io/problems/enrollment-not-found",
    )
