"""SMS to a provider on this machine that speaks Twilio's HTTP API."""

from base64 import b64encode
from collections.abc import AsyncIterator

import httpx2
import pytest

from server.base.secret import Secret
from server.outbound.failure import NotSent
from server.outbound.http import open_client
from server.outbound.sms import Sms, TwilioCarrier, provider_of
from tests.support.web_server import CLOSED, Said, WebServer, a_web_server
from tests.support.work import some_settings

SMS = Sms("+4915112345678", "042137 ist Ihr Code für Acme & Söhne. Er gilt 10 Minuten.")
TAKEN = Said(201, {"sid": "SM1", "status": "queued"})


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """A client with short patience."""
    async with open_client(timeout_seconds=0.5) as client:
        yield client


def carrier_to(web: WebServer, client: httpx2.AsyncClient, sender: str = "+15005550006") -> TwilioCarrier:
    """A carrier to the provider."""
    return TwilioCarrier(client, url=web.origin, account="AC1", token=Secret("s3cret:ü"), sender=sender)


async def refusal_of(client: httpx2.AsyncClient, *answers: Said) -> NotSent:
    """What a provider's answer means."""
    async with a_web_server(*answers) as web:
        with pytest.raises(NotSent) as refused:
            await carrier_to(web, client).send(SMS)
    return refused.value


async def test_an_sms_is_a_form_with_basic_credentials(client: httpx2.AsyncClient) -> None:
    async with a_web_server(TAKEN) as web:
        await carrier_to(web, client).send(SMS)

    (asked,) = web.asked
    assert (asked.method, asked.path) == ("POST", "/2010-04-01/Accounts/AC1/Messages.json")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["authorization"] == f"Basic {b64encode('AC1:s3cret:ü'.encode()).decode()}"
    assert asked.form == {"To": SMS.recipient, "From": "+15005550006", "Body": SMS.text}


async def test_a_messaging_service_is_named_as_such(client: httpx2.AsyncClient) -> None:
    async with a_web_server(TAKEN) as web:
        await carrier_to(web, client, sender="MG0123").send(SMS)

    assert web.asked[0].form == {"To": SMS.recipient, "MessagingServiceSid": "MG0123", "Body": SMS.text}


async def test_a_refused_number_is_refused_for_good(client: httpx2.AsyncClient) -> None:
    said = Said(
        400, {"code": 21211, "message": f"The 'To' number {SMS.recipient} is not valid", "status": 400}
    )

    refused = await refusal_of(client, said)

    assert (refused.reason, refused.for_good) == ("refused: 400, code 21211", True)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(401, {"code": 20003, "message": "Authenticate"}), "refused: 401, code 20003"),
        (Said(404, {"code": "20404"}), "refused: 404"),
        (Said(429, b"<html>"), "refused: 429"),
        (Said(500, b'["no object"]'), "refused: 500"),
        (Said(503), "refused: 503"),
        (Said(302, headers={"Location": "/"}), "refused: 302"),
        (Said(CLOSED), "no connection: "),
        (Said(201, seconds=5), "no answer in time"),
    ],
)
async def test_what_may_be_better_later_is_tried_again(
    client: httpx2.AsyncClient, said: Said, reason: str
) -> None:
    refused = await refusal_of(client, said)

    assert refused.reason.startswith(reason)
    assert not refused.for_good


async def test_a_provider_that_is_down_is_tried_again(client: httpx2.AsyncClient) -> None:
    async with a_web_server(TAKEN) as web:
        pass

    with pytest.raises(NotSent, match="no connection") as refused:
        await carrier_to(web, client).send(SMS)

    assert not refused.value.for_good


async def test_the_settings_name_the_provider(client: httpx2.AsyncClient) -> None:
    async with a_web_server(TAKEN) as web:
        settings = some_settings(sms_url=web.origin, sms_account="AC/1", sms_token="t", sms_from="Acme")
        carrier = provider_of(settings, client)
        assert carrier is not None
        await carrier.send(SMS)

    assert web.asked[0].path == "/2010-04-01/Accounts/AC%2F1/Messages.json"
    assert web.asked[0].form["From"] == "Acme"
    assert provider_of(some_settings(), client) is None
