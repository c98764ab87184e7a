import secrets

import pytest

from tests.support.accounts import an_email
from tests.support.backend import Backend, error_of, signed_in
from tests.support.phone import Given
from tests.support.product import Product


def a_phone_number() -> str:
    """A number that nobody else has."""
    return f"+4915{secrets.randbelow(10**9):09d}"


async def test_p32_a_code_is_sent_by_mail(app: Backend) -> None:
    email = an_email()

    answer = await app.post("otp/send", email=email)

    assert (answer.status_code, answer.json()) == (200, {"message": "OTP sent", "expires_in": 600})
    (mail,) = await app.letters(email)
    assert (mail.channel, mail.template, len(mail.code)) == ("mail", "sign_in_code", 6)


@pytest.mark.parametrize("channel", [{}, {"channel": "sms"}])
async def test_p32_a_code_is_sent_by_sms(app: Backend, channel: dict[str, str]) -> None:
    phone = a_phone_number()

    answer = await app.post("otp/send", phone=phone, **channel)

    assert answer.json() == {"message": "OTP sent", "expires_in": 600}
    (message,) = await app.letters(phone)
    assert (message.channel, len(message.code)) == ("sms", 6)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "email"),
        ({"channel": "email"}, "email"),
        ({"channel": "sms", "email": "jane@example.com"}, "phone"),
        ({"channel": "email", "phone": "+4915112345678"}, "email"),
        ({"channel": "pigeon", "email": "jane@example.com"}, "channel"),
        ({"phone": "0151 12345678"}, "phone"),
        ({"email": "jane"}, "email"),
    ],
)
async def test_p32_where_the_code_goes_must_be_said(
    app: Backend, members: dict[str, Given], field: str
) -> None:
    refused = await app.post("otp/send", **members)

    assert error_of(refused) == (400, "invalid_fields")
    assert list(refused.json()["error"]["details"]) == [field]


async def test_p32_the_channel_decides_where_both_are_named(app: Backend) -> None:
    email, phone = an_email(), a_phone_number()

    await app.post("otp/send", email=email, phone=phone)
    await app.post("otp/send", email=email, phone=phone, channel="sms")

    assert (len(await app.letters(email)), len(await app.letters(phone))) == (1, 1)


async def test_p32_the_fourth_in_an_hour_is_refused(app: Backend, product: Product) -> None:
    email = an_email()
    for _ in range(3):
        assert (await app.post("otp/send", email=email)).status_code == 200

    refused = await app.post("otp/send", email=email)

    assert error_of(refused) == (429, "too_many_attempts")
    assert (refused.headers["X-RateLimit-Limit"], refused.headers["X-RateLimit-Remaining"]) == ("3", "0")
    assert int(refused.headers["X-RateLimit-Reset"]) > product.core.clock.now().timestamp()
    assert (await app.post("otp/send", email=an_email())).status_code == 200
    product.move_clock(hours=1)
    assert (await app.post("otp/send", email=email)).status_code == 200


async def test_p33_a_code_gives_tokens_once_and_registers_who_is_new(app: Backend) -> None:
    email = an_email()
    await app.post("otp/send", email=email)
    code = (await app.letter(email)).code

    answer = await app.post("otp/verify", email=email, otp=code)
    again = await app.post("otp/verify", email=email, otp=code)

    assert answer.status_code == 200
    jane = signed_in(answer, email)
    assert (jane.user["email"], jane.user["email_verified"]) == (email, True)
    assert await app.is_alive(jane)
    assert error_of(again) == (400, "invalid_code")


async def test_p33_a_code_by_sms_gives_tokens_to_somebody_without_an_address(app: Backend) -> None:
    phone = a_phone_number()
    await app.post("otp/send", phone=phone)

    answer = await app.post("otp/verify", phone=phone, otp=(await app.letter(phone)).code)

    assert answer.status_code == 200
    user = answer.json()["user"]
    assert "email" not in user
    assert (user["email_verified"], user["mfa_enabled"]) == (False, False)
    verified = await app.call("POST", "token/verify", {"token": answer.json()["access_token"]})
    assert set(verified.json()["claims"]) == {"sub", "iat", "exp", "project_id"}


async def test_p33_a_known_user_is_the_same_user(app: Backend) -> None:
    jane = await app.somebody()
    await app.post("otp/send", email=jane.email.upper())

    answer = await app.post("otp/verify", email=jane.email, otp=(await app.letter(jane.email)).code)

    assert answer.json()["user"]["id"] == jane.id


async def test_p33_a_code_is_over_after_ten_minutes(app: Backend, product: Product) -> None:
    email = an_email()
    await app.post("otp/send", email=email)
    code = (await app.letter(email)).code

    product.move_clock(minutes=10)

    assert error_of(await app.post("otp/verify", email=email, otp=code)) == (400, "invalid_code")


async def test_p33_a_code_is_dead_after_five_wrong_tries(app: Backend) -> None:
    email = an_email()
    await app.post("otp/send", email=email)
    code = (await app.letter(email)).code
    wrong = "111111" if code != "111111" else "222222"

    tries = [error_of(await app.post("otp/verify", email=email, otp=wrong)) for _ in range(5)]

    assert tries == [(400, "invalid_code")] * 5
    assert error_of(await app.post("otp/verify", email=email, otp=code)) == (400, "invalid_code")


async def test_p33_a_code_is_no_good_with_another_address_or_project(app: Backend, other: Backend) -> None:
    email, another = an_email(), an_email()
    await app.post("otp/send", email=email)
    await app.post("otp/send", email=another)
    code = (await app.letter(email)).code
    if code == (await app.letter(another)).code:
        pytest.skip("one in a million")

    elsewhere = await app.post("otp/verify", email=another, otp=code)
    foreign = await other.post("otp/verify", email=email, otp=code)

    assert (error_of(elsewhere), error_of(foreign)) == ((400, "invalid_code"),) * 2
    assert (await app.post("otp/verify", email=email, otp=code)).status_code == 200


@pytest.mark.parametrize(
    "members", [{"otp": "123456"}, {"email": "a@example.com"}, {"email": "a@example.com", "otp": 123456}]
)
async def test_p33_what_is_missing_is_named(app: Backend, members: dict[str, Given]) -> None:
    assert error_of(await app.post("otp/verify", **members)) == (400, "invalid_fields")


async def test_p33_a_closed_project_sends_strangers_nothing_and_says_so_to_nobody(app: Backend) -> None:
    jane, nobody = await app.somebody(), an_email()
    await app.set_policy(registration_open=False)

    known, unknown = await app.post("otp/send", email=jane.email), await app.post("otp/send", email=nobody)

    assert known.content == unknown.content
    assert (len(await app.letters(jane.email)), await app.letters(nobody)) == (1, [])
