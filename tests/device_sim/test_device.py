"""A device through its life, and the wrong turns a tester can make it take."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from device_sim import (
    Algorithm,
    Device,
    DeviceProof,
    IntegrationSignatureInvalid,
    Invitation,
    InvitationInvalid,
    MalformedAnswer,
    PendingAttempt,
    RateLimited,
    ServerRefused,
    StepMissing,
    new_device_key,
)
from device_sim import device as device_module
from tests.device_sim.party import Asked, Body, Party, a_problem


@pytest.fixture
def party() -> Party:
    return Party()


@pytest.fixture
async def http(party: Party) -> AsyncIterator[httpx2.AsyncClient]:
    async with party.client() as client:
        yield client


@pytest.fixture
async def device(party: Party, http: httpx2.AsyncClient) -> Device:
    """An enrolled device."""
    invited = party.invite()
    return await Device.enroll(Invitation.parse(invited.qr), invited.challenge, http=http)


def ask(party: Party, device: Device, **how: Any) -> Asked:  # noqa: ANN401 - passed on to `Party.ask`
    return party.ask(party.enrollments[device.enrollment.enrollment_id], **how)


async def read(device: Device) -> PendingAttempt:
    """The attempt that waits for the device."""
    attempt = await device.pending()
    assert attempt is not None
    return attempt


# --- enrolling --------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["P-256", "Ed25519"])
@pytest.mark.parametrize("segments", [10, 12])
async def test_enrolling_binds_and_verifies(algorithm: Algorithm, segments: int) -> None:
    party = Party(segments=segments)
    invited = party.invite()
    async with party.client() as http:
        device = await Device.enroll(
            Invitation.parse(invited.qr), invited.challenge, algorithm=algorithm, http=http
        )

    assert invited.status == "VERIFIED"
    assert invited.key == device.enrollment.key.public_key
    assert device.enrollment.verified
    assert device.enrollment.binding is not None
    assert device.enrollment.binding.integration_name == "Acme Bank"
    assert device.enrollment.binding.admin_type == ("TENANT_ADMIN" if segments == 12 else None)
    assert [message.string.kind for message in device.journal] == [
        "bind-response",
        "verify-request",
        "verify-response",
    ]
    assert all(message.fault() is None for message in device.journal)


async def test_what_is_sent_to_verify_is_what_the_protocol_says(party: Party, device: Device) -> None:
    body = json.loads(party.requests[-1].content)

    assert body["devicePrivateKeyStorageTier"] == "NONE"
    assert set(body) == {
        "enrollmentId",
        "challengeResponse",
        "devicePublicKey",
        "enrollmentProofTokenSigned",
        "devicePrivateKeyStorageTier",
    }


async def test_the_storage_tier_can_be_left_unsaid(party: Party, http: httpx2.AsyncClient) -> None:
    invited = party.invite()
    await Device.enroll(Invitation.parse(invited.qr), invited.challenge, storage_tier=None, http=http)

    assert "devicePrivateKeyStorageTier" not in json.loads(party.requests[-1].content)


async def test_a_wrong_number_is_refused_and_may_be_tried_again(
    party: Party, http: httpx2.AsyncClient
) -> None:
    invited = party.invite()
    device = Device.invited(Invitation.parse(invited.qr), http=http)
    await device.bind()

    with pytest.raises(ServerRefused) as caught:
        await device.verify(111111)
    assert caught.value.status == 400
    await device.verify(invited.challenge)
    assert device.enrollment.verified


async def test_a_second_bind_is_refused(party: Party, http: httpx2.AsyncClient) -> None:
    invitation = Invitation.parse(party.invite().qr)
    await Device.invited(invitation, http=http).bind()

    with pytest.raises(ServerRefused) as caught:
        await Device.invited(invitation, http=http).bind()
    assert caught.value.status == 409


async def test_another_key_can_sign_in_the_devices_place(party: Party, http: httpx2.AsyncClient) -> None:
    device = Device.invited(Invitation.parse(party.invite().qr), http=http)
    await device.bind()

    with pytest.raises(ServerRefused):
        await device.verify(987654, signed_by=new_device_key())
    assert device.journal[-1].fault() is not None


async def test_a_given_key_is_used(party: Party, http: httpx2.AsyncClient) -> None:
    key = new_device_key("Ed25519")

    assert Device.invited(Invitation.parse(party.invite().qr), key=key, http=http).enrollment.key is key


def test_somebody_must_say_where_the_server_is() -> None:
    with pytest.raises(InvitationInvalid, match="where the server is"):
        Device.invited(Invitation(1, "token"))
    with pytest.raises(InvitationInvalid, match="http"):
        Device.invited(Invitation(1, "token"), base_url="http://auth.example.com")


def test_a_given_url_goes_before_the_invitations() -> None:
    device = Device.invited(
        Invitation(1, "token", "https://a.example.com"), base_url="https://b.example.com/x/"
    )

    assert device.enrollment.base_url == "https://b.example.com/x"


async def test_steps_are_taken_in_order(party: Party, http: httpx2.AsyncClient) -> None:
    device = Device.invited(Invitation.parse(party.invite().qr), http=http)

    for step in (device.verify(1), device.pending(), device.instance_info()):
        with pytest.raises(StepMissing):
            await step
    assert not party.requests


async def test_the_integrations_algorithm_must_be_ed25519(party: Party, http: httpx2.AsyncClient) -> None:
    """Even under a signature that holds."""

    def rsa(_: str, body: Body) -> Body:
        body["integrationKeyAlgorithm"] = "rsa"
        names = ["integrationName", "integrationDescription", "enrollmentName", "tenantId", "tenantName"]
        body["enrollmentBindPayloadSignedByIntegration"] = party.sign(
            body["enrollmentProofToken"],
            str(body["enrollmentId"]),
            body["integrationPublicKey"],
            "rsa",
            *(str(body[name]) for name in names),
            "",
        )
        return body

    party.tamper = rsa
    device = Device.invited(Invitation.parse(party.invite().qr), http=http)

    with pytest.raises(MalformedAnswer, match="ed25519"):
        await device.bind()
    assert device.enrollment.binding is None


async def test_an_answer_for_another_enrollment_is_refused_though_signed(
    party: Party, http: httpx2.AsyncClient
) -> None:
    first, second = party.invite(), party.invite()
    device = Device.invited(Invitation.parse(first.qr), http=http)
    device.enrollment = Device.invited(Invitation.parse(second.qr)).enrollment
    party.enrollments[second.id] = first
    first.token, second.token = second.token, first.token

    with pytest.raises(MalformedAnswer, match="another enrollment"):
        await device.bind()


async def test_an_enrollment_that_is_not_active_is_refused(party: Party, http: httpx2.AsyncClient) -> None:
    invited = party.invite()
    party.tamper = lambda operation, body: body | ({"active": False} if operation == "verify" else {})

    with pytest.raises(MalformedAnswer, match="active"):
        await Device.enroll(Invitation.parse(invited.qr), invited.challenge, http=http)


# --- being asked ------------------------------------------------------------------------------------


async def test_nothing_waits(device: Device) -> None:
    assert await device.pending() is None


async def test_what_waits_is_shown_as_it_was_asked(party: Party, device: Device) -> None:
    asked = ask(party, device, challenge=42, title="Payment", message="50 EUR|to Bob\nThanks")
    attempt = await read(device)

    assert attempt == PendingAttempt(asked.id, asked.token, True, "Payment", "50 EUR|to Bob\nThanks")


async def test_an_attempt_may_have_no_texts(party: Party, device: Device) -> None:
    ask(party, device, title=None, message=None)
    attempt = await read(device)

    assert (attempt.title, attempt.message, attempt.challenge_required) == (None, None, False)


async def test_texts_are_signed_in_their_composed_form_and_shown_as_they_came(
    party: Party, device: Device
) -> None:
    ask(party, device, title="Café", message=None)
    party.tamper = lambda _, body: body | {"contextTitle": "Cafe\u0301"}

    assert (await read(device)).title == "Cafe\u0301"


async def test_every_poll_has_a_fresh_proof(party: Party, device: Device) -> None:
    """So that the same unanswered attempt comes again."""
    ask(party, device)

    assert await read(device) == await read(device)
    first, second = (json.loads(request.content)["deviceProofToken"] for request in party.requests[-2:])
    assert first != second
    assert [len(part) for part in first.split(".")] == [43, 22]


async def test_a_proof_can_be_replayed_and_is_refused(party: Party, device: Device) -> None:
    ask(party, device)
    proof = device.new_proof()
    await device.pending(proof=proof)

    with pytest.raises(ServerRefused):
        await device.pending(proof=proof)


async def test_a_proof_of_another_key_is_refused(device: Device) -> None:
    with pytest.raises(ServerRefused):
        await device.pending(proof=device.new_proof(signed_by=new_device_key()))
    with pytest.raises(ServerRefused):
        await device.pending(proof=DeviceProof(device.new_proof().token, device.new_proof().signature))


async def test_a_long_poll_says_how_long(party: Party, device: Device) -> None:
    await device.pending(wait_seconds=30)
    assert party.requests[-1].headers["Prefer"] == "wait=30"
    assert party.requests[-1].extensions["timeout"]["read"] == 45

    await device.pending()
    assert "Prefer" not in party.requests[-1].headers


async def test_the_next_attempt_is_polled_for_until_it_comes(
    party: Party, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_module, "POLL_GAP_SECONDS", 0.01)
    party.refusals = [
        httpx2.Response(204),
        httpx2.Response(204),
        httpx2.Response(429, headers={"Retry-After": "0"}),
    ]
    asked = ask(party, device)
    attempt = await device.next_attempt(90)

    assert attempt is not None
    assert attempt.attempt_id == asked.id
    assert [request.headers["Prefer"] for request in party.requests[-4:]] == ["wait=50"] * 4


async def test_the_next_attempt_may_not_come(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "POLL_GAP_SECONDS", 0.01)

    assert await device.next_attempt(0.05) is None


async def test_a_pause_longer_than_the_time_left_is_an_error(party: Party, device: Device) -> None:
    party.refusals = [httpx2.Response(429, headers={"Retry-After": "60"})]

    with pytest.raises(RateLimited):
        await device.next_attempt(5)


# --- answering --------------------------------------------------------------------------------------


async def test_an_approval_is_signed_and_its_result_proven(party: Party, device: Device) -> None:
    asked = ask(party, device)
    result = await device.approve(await read(device))

    assert (result.outcome, result.proven, result.attempt_id) == ("APPROVED", True, asked.id)
    assert asked.status == "ACCEPTED"


async def test_the_number_is_sent_when_given(party: Party, device: Device) -> None:
    asked = ask(party, device, challenge=42)
    result = await device.approve(await read(device), 42)

    assert result.outcome == "APPROVED"
    assert asked.status == "ACCEPTED"


@pytest.mark.parametrize("number", [None, 41])
async def test_a_missing_or_wrong_number_fails(party: Party, device: Device, number: int | None) -> None:
    ask(party, device, challenge=42)
    result = await device.approve(await read(device), number)

    assert (result.outcome, result.proven) == ("FAILED", True)


@pytest.mark.parametrize("reason", [None, "MISTAKE", "FRAUD"])
async def test_a_denial_carries_its_reason(party: Party, device: Device, reason: Any) -> None:  # noqa: ANN401 - a literal, parametrized
    asked = ask(party, device)
    result = await device.deny(await read(device), reason)

    assert (result.outcome, result.proven) == ("DENIED", True)
    assert (asked.status, asked.deny_reason) == ("REJECTED", reason)


async def test_a_denial_with_a_reason_is_signed_like_a_plain_one(party: Party, device: Device) -> None:
    ask(party, device)
    attempt = await read(device)
    await device.deny(attempt, "FRAUD")
    request = next(one for one in reversed(device.journal) if one.string.kind == "respond-request")

    assert request.string.canonical() == f"{attempt.proof_token}|false".encode()
    assert json.loads(party.requests[-1].content)["authAttemptDenyReason"] == "FRAUD"


async def test_a_forged_answer_fails(party: Party, device: Device) -> None:
    asked = ask(party, device)
    result = await device.approve(await read(device), signed_by=new_device_key())

    assert (result.outcome, result.proven) == ("FAILED", True)
    assert asked.status == "READ"


async def test_a_second_answer_is_refused(party: Party, device: Device) -> None:
    ask(party, device)
    attempt = await read(device)
    await device.approve(attempt)

    with pytest.raises(ServerRefused) as caught:
        await device.deny(attempt)
    assert caught.value.status == 409


async def test_a_success_without_a_signature_is_an_unproven_failure(party: Party, device: Device) -> None:
    """Whatever it claims."""
    ask(party, device)
    attempt = await read(device)
    party.tamper = lambda _, body: {
        name: value for name, value in body.items() if not name.endswith("SignedByIntegration")
    }
    result = await device.approve(attempt)

    assert (result.outcome, result.proven) == ("FAILED", False)
    assert device.journal[-1].fault() == "there is no signature"


async def test_an_answer_about_another_attempt_is_refused_though_signed(party: Party, device: Device) -> None:
    ask(party, device)
    attempt = await read(device)

    def other(_: str, body: Body) -> Body:
        body["authAttemptId"] += 1
        body["authAttemptProofTokenResultSignedByIntegration"] = party.sign(
            attempt.proof_token, str(body["authAttemptId"]), "APPROVED", "Done"
        )
        return body

    party.tamper = other
    with pytest.raises(MalformedAnswer, match="another attempt"):
        await device.approve(attempt)


@pytest.mark.parametrize(("claim", "reason"), [("DENIED", "says DENIED"), ("MAYBE", "none of APPROVED")])
async def test_a_signed_result_must_make_sense(party: Party, device: Device, claim: str, reason: str) -> None:
    ask(party, device)
    attempt = await read(device)

    def claiming(_: str, body: Body) -> Body:
        signature = party.sign(attempt.proof_token, str(attempt.attempt_id), claim, "Done")
        return body | {
            "authAttemptResult": claim,
            "authAttemptProofTokenResultSignedByIntegration": signature,
        }

    party.tamper = claiming
    with pytest.raises(MalformedAnswer, match=reason):
        await device.approve(attempt)


# --- the rest ---------------------------------------------------------------------------------------


async def test_the_instance_speaks_under_the_integrations_signature(device: Device) -> None:
    info = await device.instance_info()

    assert (info.instance_name, info.about_url) == ("Acme MFA", "https://example.com/a|b")
    assert info.auth_api_public_base_url is None


async def test_a_push_address_is_registered_under_the_devices_signature(party: Party, device: Device) -> None:
    await device.register_push_address("FCM", "address|with a bar")

    assert party.push_addresses == [("FCM", "address|with a bar")]
    with pytest.raises(ServerRefused):
        await device.register_push_address("APNS", "other", signed_by=new_device_key())


@pytest.mark.parametrize("operation", ["bind", "verify", "respond", "instance-info"])
async def test_an_empty_success_is_malformed(party: Party, device: Device, operation: str) -> None:
    ask(party, device)
    attempt = await read(device)
    steps: dict[str, Callable[[], Any]] = {
        "bind": device.bind,
        "verify": lambda: device.verify(1),
        "respond": lambda: device.approve(attempt),
        "instance-info": device.instance_info,
    }
    party.refusals = [httpx2.Response(204)]

    with pytest.raises(MalformedAnswer, match="empty"):
        await steps[operation]()


async def test_a_refusal_changes_nothing_on_the_device(party: Party, device: Device) -> None:
    before = device.enrollment
    party.refusals = [a_problem(400, "No")]
    with pytest.raises(ServerRefused):
        await device.bind()

    assert device.enrollment is before


async def test_only_the_last_messages_are_kept(party: Party, device: Device) -> None:
    for _ in range(10):
        ask(party, device)
        await device.deny(await read(device))

    assert [message.string.kind for message in device.journal] == [
        "pending-request",
        "pending-response",
        "respond-request",
        "respond-response",
    ] * 3


async def test_nothing_shows_a_secret(party: Party, device: Device) -> None:
    asked = ask(party, device)
    attempt = await read(device)
    secrets = (device.enrollment.proof_token, asked.token, device.enrollment.key.private_key)
    shown = repr([device, device.enrollment, device.new_proof(), attempt, *device.journal])

    assert not any(secret in shown for secret in secrets)


async def test_a_refused_message_explains_itself_without_secrets(party: Party, device: Device) -> None:
    asked = ask(party, device, message="Pay 5 EUR")
    party.tamper = lambda _, body: body | {"contextMessage": "Pay 500 EUR"}
    with pytest.raises(IntegrationSignatureInvalid) as caught:
        await device.pending()

    error = caught.value
    assert error.message == "pending-response"
    assert "pending-response" in str(error)
    assert ("contextMessage", "Pay 500 EUR") in error.segments
    assert asked.token not in f"{error!r} {error} {error.segments}"
    assert device.journal[-1].fault() == error.reason


async def test_a_device_closes_only_its_own_connections(party: Party, http: httpx2.AsyncClient) -> None:
    async with Device.invited(Invitation.parse(party.invite().qr), http=http) as device:
        await device.bind()

    assert not http.is_closed


async def test_a_device_can_speak_by_itself(party: Party) -> None:
    invited = party.invite()
    with party.served() as url:
        device = await Device.enroll(Invitation.parse(invited.qr), invited.challenge, base_url=url)
        async with device:
            assert await device.pending() is None


async def test_an_enrollment_that_fails_leaves_no_connection_open(party: Party) -> None:
    """Warnings are errors here, and a connection left open is one."""
    invited = party.invite()
    with party.served() as url, pytest.raises(ServerRefused):
        await Device.enroll(Invitation.parse(invited.qr), 1, base_url=url)
