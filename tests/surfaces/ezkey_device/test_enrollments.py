"""Bind, verify and push-address on the wire. Rules and signatures are tested in tests/core/enrollments."""

from collections.abc import Callable

import httpx2
import pytest

from tests.support.phone import Ed25519Key, P256Key, Phone, new_proof_token, with_high_s
from tests.support.product import Product, RelyingParty


@pytest.fixture
async def party(product: Product) -> RelyingParty:
    """A relying party of the test's own."""
    return await product.relying_party(name="Acme Bank", description="Pays")


def problem(response: httpx2.Response) -> tuple[int, str]:
    """Status and type of a refusal."""
    return response.status_code, response.json()["type"].removeprefix("https://ezkey.io/problems/auth/")


async def test_e03_bind_tells_whose_invitation_it_is(product: Product, party: RelyingParty) -> None:
    phone = await product.invited_phone(party, name="Jane's phone")

    response = await product.bind(phone)

    assert response.status_code == 200
    told = response.json()
    phone.checks(
        told.pop("enrollmentBindPayloadSignedByIntegration"),
        phone.proof_token,
        phone.enrollment_id,
        told.pop("integrationPublicKey"),
        "ed25519",
        "Acme Bank",
        "Pays",
        "Jane's phone",
        party.integration.organization_id,
        told.pop("tenantName"),
        "",
    )
    assert told == {
        "enrollmentId": phone.enrollment_id,
        "enrollmentProofToken": phone.proof_token,
        "integrationKeyAlgorithm": "ed25519",
        "integrationName": "Acme Bank",
        "integrationDescription": "Pays",
        "enrollmentName": "Jane's phone",
        "tenantId": party.integration.organization_id,
    }


async def test_bind_with_twelve_segments_says_so(make_product: Callable[..., Product]) -> None:
    product = make_product(bind_segments=12)
    phone = await product.invited_phone(await product.relying_party())

    told = (await product.bind(phone)).json()

    assert told["isSystemIntegration"] is False
    assert "adminType" not in told
    phone.checks(
        told["enrollmentBindPayloadSignedByIntegration"],
        phone.proof_token,
        phone.enrollment_id,
        told["integrationPublicKey"],
        "ed25519",
        told["integrationName"],
        "",
        told["enrollmentName"],
        told["tenantId"],
        told["tenantName"],
        "",
        "false",
        "",
    )


async def test_bind_ignores_members_and_headers_that_others_send(
    product: Product, party: RelyingParty
) -> None:
    """Old clients send a language; the document declares a bearer scheme that nobody uses."""
    phone = await product.invited_phone(party)

    body = phone.bind_body(language="de")
    response = await product.post("enrollments/bind", body, Authorization="Bearer Signature")

    assert response.status_code == 200


async def test_e05_a_second_bind_is_a_conflict_without_key_material(
    product: Product, party: RelyingParty
) -> None:
    phone = await product.bound_phone(party)

    response = await product.bind(phone)

    assert problem(response) == (409, "enrollment-already-bound")
    assert phone.integration_key not in response.text


async def test_e06_every_refused_bind_is_the_same_answer(product: Product, party: RelyingParty) -> None:
    phone, expired = await product.invited_phone(party), await product.invited_phone(party)
    unknown = Phone(phone.enrollment_id % (2**31 - 1) + 1, phone.proof_token, 0, phone.key)

    answers = [
        await product.bind(unknown),
        await product.bind(phone, enrollmentProofToken=new_proof_token()),
        await product.bind(phone, enrollmentProofToken=expired.proof_token),
        await product.bind(phone, enrollmentProofToken=""),
    ]
    product.move_clock(days=8)
    answers += [await product.bind(expired), await product.bind(expired)]

    assert {(each.status_code, each.content) for each in answers} == {(400, answers[0].content)}
    assert problem(answers[0]) == (400, "enrollment-binding-failed")


@pytest.mark.parametrize("make_key", [P256Key, Ed25519Key])
async def test_e07_verify_makes_the_enrollment_active(
    product: Product, party: RelyingParty, make_key: Callable[[], P256Key | Ed25519Key]
) -> None:
    phone = await product.bound_phone(party, key=make_key())

    response = await product.verify(phone, devicePrivateKeyStorageTier="STRONG")

    assert response.status_code == 200
    told = response.json()
    assert told["active"] is True
    phone.checks(
        told["enrollmentVerifyPayloadSignedByIntegration"],
        phone.proof_token,
        phone.enrollment_id,
        "VERIFIED",
        told["enrollmentVerifyMessage"],
    )
    row = await product.scene(party).enrollment(phone)
    assert (row["status"], row["device_key_tier"]) == ("VERIFIED", "STRONG")


async def test_e08_nothing_but_a_right_signature_counts(product: Product, party: RelyingParty) -> None:
    phone = await product.bound_phone(party)
    scene = product.scene(party)
    before = await scene.state()
    high = phone.verify_body()
    high["enrollmentProofTokenSigned"] = with_high_s(high["enrollmentProofTokenSigned"])

    refused = [
        await product.post("enrollments/verify", phone.verify_body(signed_by=P256Key())),
        await product.post("enrollments/verify", phone.verify_body(devicePublicKey="AAAA")),
        await product.post("enrollments/verify", phone.verify_body(enrollmentProofTokenSigned="")),
        await product.post("enrollments/verify", high),
        await product.verify(phone, challengeResponse=phone.challenge - 1),
    ]

    assert {(each.status_code, each.content) for each in refused} == {(400, refused[0].content)}
    assert problem(refused[0]) == (400, "enrollment-verify-failed")
    assert await scene.state() == before


async def test_e08_three_wrong_challenges_end_the_enrollment(product: Product, party: RelyingParty) -> None:
    phone = await product.bound_phone(party)

    answers = [await product.verify(phone, phone.challenge - 1) for _ in range(4)]

    assert [problem(each) for each in answers] == [(400, "enrollment-verify-failed")] * 3 + [
        (409, "enrollment-state-conflict")
    ]
    assert problem(await product.verify(phone)) == (409, "enrollment-state-conflict")


async def test_unknown_and_unbound_enrollments_are_the_same_conflict(
    product: Product, party: RelyingParty
) -> None:
    invited, enrolled = await product.invited_phone(party), await product.enrolled_phone(party)
    unknown = Phone(invited.enrollment_id % (2**31 - 1) + 1, invited.proof_token, 100_000, invited.key)

    answers = [await product.verify(phone) for phone in (unknown, invited, enrolled)]

    assert {(each.status_code, each.content) for each in answers} == {(409, answers[0].content)}


@pytest.mark.parametrize("tier", ["STRONGEST", "strong", "", 1, True])
async def test_e12_another_storage_tier_is_not_valid(
    product: Product, party: RelyingParty, tier: object
) -> None:
    phone = await product.bound_phone(party)

    response = await product.verify(phone, devicePrivateKeyStorageTier=tier)

    assert problem(response) == (400, "validation-failed")
    assert response.json()["errors"][0]["field"] == "devicePrivateKeyStorageTier"


async def test_a_storage_tier_may_be_null(product: Product, party: RelyingParty) -> None:
    phone = await product.bound_phone(party)

    assert (await product.verify(phone, devicePrivateKeyStorageTier=None)).status_code == 200


async def test_a_push_address_is_registered_without_an_answer(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)

    response = await product.post("enrollments/push-address", phone.push_address_body("FCM", "x" * 4096))

    assert (response.status_code, response.content) == (204, b"")


async def test_every_refused_push_address_is_the_same_answer(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    scene = product.scene(party)
    used = phone.push_address_body("FCM", "here")
    await product.post("enrollments/push-address", used)
    before = await scene.state()

    refused = [
        await product.post("enrollments/push-address", body)
        for body in (
            used,
            phone.push_address_body("FCM", "there", signed_by=P256Key()),
            phone.push_address_body("FCM", "there", enrollmentProofToken=new_proof_token()),
            phone.push_address_body("FCM", "there") | {"address": "elsewhere"},
            phone.push_address_body("FCM", "there") | {"provider": "APNS"},
            phone.push_address_body("FCM", "there", "not a token"),
        )
    ]

    assert {(each.status_code, each.content) for each in refused} == {(400, refused[0].content)}
    assert problem(refused[0]) == (400, "enrollment-push-address-failed")
    assert await scene.state() == before


@pytest.mark.parametrize(
    ("member", "value"), [("provider", "HMS"), ("provider", "fcm"), ("address", ""), ("address", "x" * 4097)]
)
async def test_a_push_address_out_of_its_bounds_is_not_valid(
    product: Product, party: RelyingParty, member: str, value: str
) -> None:
    phone = await product.enrolled_phone(party)

    response = await product.post(
        "enrollments/push-address", phone.push_address_body("FCM", "here") | {member: value}
    )

    assert problem(response) == (400, "validation-failed")
    assert [error["field"] for error in response.json()["errors"]] == [member]
