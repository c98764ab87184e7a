from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.accounts import APP, an_email
from tests.support.backend import Backend, error_of, signed_in
from tests.support.product import Product


async def test_p34_a_link_is_sent(app: Backend, product: Product) -> None:
    email = an_email()

    answer = await app.post("magic-link/send", email=email)

    assert (answer.status_code, answer.json()) == (200, {"message": "Magic link sent", "expires_in": 900})
    (mail,) = await app.letters(email)
    assert mail.template == "magic_link"
    assert mail.link.startswith(f"{product.core.settings.base_url}/links/magic?token=")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/",
        f"{APP}.evil.example.com/",
        "http://localhost/",
    ],
)
async def test_p34_a_redirect_url_outside_the_projects_origins_is_refused(app: Backend, url: str) -> None:
    email = an_email()

    refused = await app.post("magic-link/send", email=email, redirect_url=url)

    assert error_of(refused) == (400, "redirect_not_allowed")
    assert await app.letters(email) == []


@pytest.mark.parametrize(
    "url",
    ["http://app.example.com/", "javascript:alert(1)", f"{APP}@evil.example.com/", f"{APP}/#x", "//x", ""],
)
async def test_p34_what_is_no_url_to_send_browsers_to_is_refused(app: Backend, url: str) -> None:
    refused = await app.post("magic-link/send", email=an_email(), redirect_url=url)

    assert error_of(refused) == (400, "invalid_fields")
    assert list(refused.json()["error"]["details"]) == ["redirect_url"]


async def test_p35_a_link_gives_a_session_once(app: Backend, product: Product) -> None:
    """Opening its page and pressing the button uses nothing up: the application's backend does."""
    email = an_email()
    await app.post("magic-link/send", email=email, redirect_url=f"{APP}/welcome?from=mail")
    mail = await app.letter(email)

    page = await product.http.get(f"/links/magic?token={mail.link_token}")
    pressed = await product.http.post("/links/magic", data={"token": mail.link_token})

    assert (page.status_code, pressed.status_code) == (200, 303)
    target = urlsplit(pressed.headers["Location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{APP}/welcome"
    assert parse_qs(target.query) == {"from": ["mail"], "token": [mail.link_token]}

    answer = await app.call("POST", "magic-link/verify", {"token": mail.link_token})
    again = await app.call("POST", "magic-link/verify", {"token": mail.link_token})

    assert answer.status_code == 200
    jane = signed_in(answer, email)
    assert (jane.user["email"], jane.user["email_verified"]) == (email, True)
    assert await app.is_alive(jane)
    assert error_of(again) == (400, "link_used")


async def test_p35_an_expired_or_unknown_link_gives_nothing(
    app: Backend, other: Backend, product: Product
) -> None:
    email = an_email()
    await app.post("magic-link/send", email=email)
    token = (await app.letter(email)).link_token

    unknown = await app.call("POST", "magic-link/verify", {"token": "nothing"})
    foreign = await other.call("POST", "magic-link/verify", {"token": token})
    product.move_clock(minutes=15)
    expired = await app.call("POST", "magic-link/verify", {"token": token})

    assert error_of(unknown) == (400, "link_unknown")
    assert foreign.content == unknown.content
    assert error_of(expired) == (400, "link_expired")


async def test_p35_a_token_of_another_purpose_is_unknown(app: Backend) -> None:
    jane = await app.somebody()
    await app.post("password/reset", email=jane.email)
    token = (await app.letter(jane.email)).link_token

    refused = await app.call("POST", "magic-link/verify", {"token": token})

    assert error_of(refused) == (400, "link_unknown")
