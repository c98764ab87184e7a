"""What people see, and the forms that they send."""

from base64 import b64encode
from hashlib import sha256

import pytest

from tests.surfaces.kit.asgi_client import Client
from tests.surfaces.kit.claimants import ALLOWED, claimants_gateway
from tests.surfaces.kit.conftest import MakeSettings

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def client(make_settings: MakeSettings) -> Client:
    return Client(claimants_gateway(make_settings()))


async def test_a_page_runs_nothing_loads_nothing_and_is_in_no_frame(client: Client) -> None:
    answer = await client.send("GET", "/page")

    digest = b64encode(sha256(b"p{}").digest()).decode()
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.body.decode().endswith("ä")
    assert answer.header("content-security-policy") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self' {ALLOWED}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    assert answer.header("cache-control") == "no-store"
    assert answer.header("referrer-policy") == "no-referrer"


async def test_a_page_may_say_that_there_is_nothing(client: Client) -> None:
    answer = await client.send("GET", "/bare")

    assert answer.status == 404
    assert "style-src 'none'; form-action 'self';" in (answer.header("content-security-policy") or "")


async def test_a_form_is_read_and_leads_elsewhere(client: Client) -> None:
    answer = await client.send(
        "POST", "/page", headers=FORM, body=b"SAMLResponse=a%2Bb&state=%C3%A4&unknown=1"
    )

    assert (answer.status, answer.body) == (303, b"")
    assert answer.headers.count(("location", f"{ALLOWED}/?a+b=ä")) == 1


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"", 400),
        ("application/x-www-form-urlencoded", b"state=x", 400),
        ("application/x-www-form-urlencoded", b"saml_response=x", 400),
        ("application/x-www-form-urlencoded", b"SAMLResponse=x&SAMLResponse=y", 400),
        ("application/x-www-form-urlencoded", b"SAMLResponse=%00", 400),
        ("application/x-www-form-urlencoded", b"SAMLResponse=%FF", 400),
        ("application/x-www-form-urlencoded", "SAMLResponse=ä".encode(), 400),
        ("application/x-www-form-urlencoded", b"SAMLResponse=" + b"x" * 21, 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a=b" for _ in range(51)), 400),
        ("application/x-www-form-urlencoded", b"SAMLResponse=" + b"x" * 70_000, 413),
        ("application/json", b'{"SAMLResponse":"x"}', 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("", b"SAMLResponse=x", 415),
    ],
)
async def test_another_form_is_refused(client: Client, content_type: str, body: bytes, status: int) -> None:
    answer = await client.send("POST", "/page", headers={"Content-Type": content_type}, body=body)

    assert answer.status == status
