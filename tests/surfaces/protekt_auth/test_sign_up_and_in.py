import re
from datetime import UTC, datetime

import pytest

from tests.support.accounts import PASSWORD, an_email
from tests.support.backend import Backend, error_of, signed_in
from tests.support.outbox import Letter
from tests.support.phone import Given
from tests.support.product import Product


async def test_p18_a_user_signs_up_with_tokens_and_metadata(app: Backend) -> None:
    email = an_email()

    answer = await app.post("signup", email=email, password=PASSWORD, metadata={"plan": "pro", "seats": 3})

    assert answer.status_code == 201
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["user"] == {
        "id": body["user"]["id"],
        "email": email,
        "email_verified": False,
        "mfa_enabled": False,
        "mfa_methods": [],
        "metadata": {"plan": "pro", "seats": 3},
        "disabled": False,
        "created_at": body["user"]["created_at"],
        "last_login_at": None,
    }
    assert re.fullmatch(r"usr_[0-9a-hjkmnp-tv-z]{26}", body["user"]["id"])
    assert body["refresh_token"].startswith("rt_")
    assert await app.is_alive(signed_in(answer, email))
    assert (await app.get(f"users/{body['user']['id']}")).json() == body["user"]


@pytest.mark.parametrize("password", ["seven77", "é" * 7, ""])
async def test_p18_a_password_has_eight_characters(app: Backend, password: str) -> None:
    refused = await app.post("signup", email=an_email(), password=password)

    assert error_of(refused) == (400, "invalid_fields")
    assert refused.json()["error"]["details"] == {"password": "must have at least 8 characters"}


async def test_p18_one_address_is_one_user_of_a_project(app: Backend, other: Backend) -> None:
    jane = await app.somebody()

    again = await app.post("signup", email=jane.email.upper(), password=PASSWORD)
    elsewhere = await other.post("signup", email=jane.email, password=PASSWORD)

    assert error_of(again) == (409, "email_taken")
    assert elsewhere.status_code == 201
    assert elsewhere.json()["user"]["id"] != jane.id


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"password": PASSWORD}, "email"),
        ({"email": "jane", "password": PASSWORD}, "email"),
        ({"email": None, "password": PASSWORD}, "email"),
        ({"email": "jane@example.com"}, "password"),
        ({"email": "jane@example.com", "password": 12345678}, "password"),
        ({"email": "jane@example.com", "password": PASSWORD, "metadata": []}, "metadata"),
        (
            {"email": "jane@example.com", "password": PASSWORD, "send_verification": "yes"},
            "send_verification",
        ),
    ],
)
async def test_p18_a_member_that_is_not_as_documented_is_named(
    app: Backend, members: dict[str, Given], field: str
) -> None:
    refused = await app.post("signup", **members)

    assert error_of(refused) == (400, "invalid_fields")
    assert list(refused.json()["error"]["details"]) == [field]


async def test_p18_metadata_is_not_boundless(app: Backend) -> None:
    refused = await app.post("signup", email=an_email(), password=PASSWORD, metadata={"x": "y" * 20_000})

    assert error_of(refused) == (400, "invalid_fields")
    assert list(refused.json()["error"]["details"]) == ["metadata"]


async def test_p18_a_closed_project_takes_nobody(app: Backend) -> None:
    await app.set_policy(registration_open=False)

    refused = await app.post("signup", email=an_email(), password=PASSWORD)

    assert error_of(refused) == (403, "registration_closed")


async def test_p19_a_verification_mail_is_sent_if_it_is_asked_for(app: Backend, product: Product) -> None:
    jane = await app.somebody(send_verification=True)
    (mail,) = await app.letters(jane.email)
    assert mail.template == "verify_email"

    page = await product.http.get(_path(mail))
    assert (await app.profile(jane))["email_verified"] is False
    pressed = await product.http.post("/links/verify-email", data={"token": mail.link_token})

    assert (page.status_code, pressed.status_code) == (200, 200)
    assert (await app.profile(jane))["email_verified"] is True


async def test_p19_no_mail_is_sent_if_it_is_not(app: Backend) -> None:
    silent, unsaid = await app.somebody(send_verification=False), await app.somebody()

    assert await app.letters(silent.email) == []
    assert await app.letters(unsaid.email) == []


async def test_p19_the_project_decides_where_the_caller_does_not(app: Backend) -> None:
    await app.set_policy(verify_at_sign_up=True)

    unsaid, silent = await app.somebody(), await app.somebody(send_verification=False)

    assert [letter.template for letter in await app.letters(unsaid.email)] == ["verify_email"]
    assert await app.letters(silent.email) == []


async def test_p20_a_log_in_gives_tokens_and_moves_last_login_at(product: Product) -> None:
    app = await Backend.on(product, access_token_seconds=600)
    jane = await app.somebody()

    first = await app.log_in(jane)
    product.move_clock(minutes=5)
    second = await app.log_in(jane)

    assert (first.status_code, second.status_code) == (200, 200)
    assert set(first.json()) == {
        "access_token",
        "refresh_token",
        "expires_in",
        "token_type",
        "user",
    }
    assert (first.json()["expires_in"], first.json()["token_type"]) == (600, "Bearer")
    moved = [datetime.fromisoformat(each.json()["user"]["last_login_at"]) for each in (first, second)]
    assert 299 < (moved[1] - moved[0]).total_seconds() < 400
    assert (await app.profile(jane))["last_login_at"] == second.json()["user"]["last_login_at"]


async def test_p20_casing_and_white_space_of_an_address_do_not_matter(app: Backend) -> None:
    jane = await app.somebody()

    assert (await app.log_in(f"  {jane.email.upper()} ")).status_code == 200


async def test_p21_failures_tell_nothing(app: Backend, other: Backend) -> None:
    jane, elsewhere = await app.somebody(), await other.somebody()

    unknown = await app.log_in(an_email())
    wrong = await app.log_in(jane, "not the password")
    foreign = await app.log_in(elsewhere)

    assert error_of(unknown) == (401, "invalid_credentials")
    assert {each.content for each in (unknown, wrong, foreign)} == {unknown.content}
    assert {each.status_code for each in (wrong, foreign)} == {401}


async def test_p21_a_disabled_user_gets_no_token(app: Backend) -> None:
    jane = await app.somebody()
    disabled = await app.call("PATCH", f"users/{jane.id}", {"disabled": True})
    assert disabled.json()["disabled"] is True

    right, wrong = await app.log_in(jane), await app.log_in(jane, "not the password")

    assert error_of(right) == (401, "account_disabled")
    assert error_of(wrong) == (401, "invalid_credentials")
    assert "access_token" not in right.text


async def test_p22_wrong_tries_in_a_row_must_wait_and_then_it_works_again(
    app: Backend, product: Product
) -> None:
    await app.set_policy(throttle_failures=3, throttle_seconds=60)
    jane = await app.somebody()
    for _ in range(3):
        assert (await app.log_in(jane, "not the password")).status_code == 401

    limited = await app.log_in(jane)

    assert error_of(limited) == (429, "too_many_attempts")
    headers = limited.headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("3", "0")
    now = product.core.clock.now()
    reset = datetime.fromtimestamp(int(headers["X-RateLimit-Reset"]), UTC)
    assert 0 < (reset - now).total_seconds() <= 61
    assert 0 < int(headers["Retry-After"]) <= 60

    product.move_clock(seconds=(reset - now).total_seconds())
    assert (await app.log_in(jane)).status_code == 200


async def test_p22_an_unknown_address_is_limited_alike(app: Backend) -> None:
    await app.set_policy(throttle_failures=2)
    jane, nobody = await app.somebody(), an_email()

    answers = [
        ((await app.log_in(jane, "wrong")).content, (await app.log_in(nobody)).content) for _ in range(3)
    ]

    assert [known == unknown for known, unknown in answers] == [True, True, True]
    assert b"too_many_attempts" in answers[2][0]


async def test_p24_log_out_ends_one_session_with_both_tokens(app: Backend) -> None:
    jane = await app.somebody()
    elsewhere = await app.again(jane)

    answer = await app.post("logout", bearer=jane.access_token)

    assert (answer.status_code, answer.json()) == (200, {"logged_out": True})
    assert not await app.is_alive(jane)
    refreshed = await app.post("token/refresh", refresh_token=jane.refresh_token)
    assert error_of(refreshed) == (401, "invalid_refresh_token")
    assert error_of(await app.post("logout", bearer=jane.access_token)) == (401, "invalid_token")
    assert await app.is_alive(elsewhere)
    assert (await app.post("token/refresh", refresh_token=elsewhere.refresh_token)).status_code == 200


async def test_p24_a_user_token_is_enough_and_a_key_alone_is_not(app: Backend) -> None:
    jane = await app.somebody()

    key_alone = await app.call("POST", "logout")
    token_alone = await app.call("POST", "logout", token=jane.access_token, with_key=False)

    assert error_of(key_alone) == (401, "invalid_token")
    assert (token_alone.status_code, token_alone.json()) == (200, {"logged_out": True})


def _path(mail: Letter) -> str:
    """The link without its origin."""
    return "/" + mail.link.split("/", 3)[3]
