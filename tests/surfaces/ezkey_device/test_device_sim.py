"""The simulated phone, which shares no code with the server and believes nothing unsigned, is served."""

from collections.abc import AsyncIterator
from typing import Literal

import httpx2
import pytest

from device_sim import Device, Invitation, ServerRefused
from tests.support.factories import an_invitation
from tests.support.product import Product, RelyingParty

LOOPBACK = "http://127.0.0.1:8080"

algorithms = pytest.mark.parametrize("algorithm", ["P-256", "Ed25519"])


@pytest.fixture
async def party(product: Product) -> RelyingParty:
    """A relying party of the test's own."""
    return await product.relying_party(name="Acme Bank", description="Pays")


@pytest.fixture
async def http(product: Product) -> AsyncIterator[httpx2.AsyncClient]:
    """The phone's network."""
    async with product.client("198.51.100.7") as client:
        yield client


async def enrolled(
    product: Product,
    party: RelyingParty,
    http: httpx2.AsyncClient,
    algorithm: Literal["P-256", "Ed25519"] = "P-256",
) -> Device:
    """A phone that has scanned a QR and been told its challenge."""
    invited = await product.made(an_invitation, integration=party.integration, user_identifier="jane")
    return await Device.enroll(
        Invitation.parse(invited.qr_text.reveal()),
        int(invited.challenge.reveal()),
        base_url=LOOPBACK,
        algorithm=algorithm,
        http=http,
    )


@algorithms
async def test_it_enrolls_is_asked_and_approves(
    product: Product, party: RelyingParty, http: httpx2.AsyncClient, algorithm: Literal["P-256", "Ed25519"]
) -> None:
    device = await enrolled(product, party, http, algorithm)
    assert await device.pending() is None
    created = (
        await party.create(
            userIdentifier="jane", challengeRequested=True, contextTitle="Pay", contextMessage="50 €"
        )
    ).json()

    attempt = await device.pending()
    assert attempt is not None
    result = await device.approve(attempt, created["authAttemptChallenge"])

    assert (attempt.title, attempt.message) == ("Pay", "50 €")
    assert result.outcome == "APPROVED"
    assert await party.status(created["authAttemptId"]) == "ACCEPTED"


@algorithms
async def test_it_denies_and_says_why(
    product: Product, party: RelyingParty, http: httpx2.AsyncClient, algorithm: Literal["P-256", "Ed25519"]
) -> None:
    device = await enrolled(product, party, http, algorithm)
    created = (await party.create(userIdentifier="jane")).json()

    attempt = await device.pending(wait_seconds=5)
    assert attempt is not None
    result = await device.deny(attempt, "FRAUD")

    assert result.outcome == "DENIED"
    told = (await party.wait(created["authAttemptId"])).json()
    assert (told["status"], told["authAttempt"]["authAttemptDenyReason"]) == ("REJECTED", "FRAUD")


async def test_it_is_told_about_the_instance_and_says_where_it_can_be_woken(
    product: Product, party: RelyingParty, http: httpx2.AsyncClient
) -> None:
    device = await enrolled(product, party, http)

    info = await device.instance_info()
    await device.register_push_address("APNS", "its-address")

    assert info.instance_name == product.core.settings.instance_name


async def test_every_message_that_it_noted_verifies(
    product: Product, party: RelyingParty, http: httpx2.AsyncClient
) -> None:
    device = await enrolled(product, party, http)
    await party.create(userIdentifier="jane")
    attempt = await device.pending()
    assert attempt is not None
    await device.approve(attempt)

    assert len(device.journal) >= 7
    assert [message.fault() for message in device.journal] == [None] * len(device.journal)


async def test_another_key_in_its_place_is_refused(
    product: Product, party: RelyingParty, http: httpx2.AsyncClient
) -> None:
    device, thief = await enrolled(product, party, http), await enrolled(product, party, http)

    with pytest.raises(ServerRefused) as refusal:
        await device.pending(proof=device.new_proof(signed_by=thief.enrollment.key))

    assert refusal.value.status == 400
