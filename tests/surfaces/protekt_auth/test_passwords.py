import pytest

from tests.support.accounts import PASSWORD, an_email
from tests.support.backend import Backend, error_of
from tests.support.outbox import Letter
from tests.support.product import Product

NEW = "a quite different sentence"


async def test_p29_known_and_unknown_addresses_are_answered_alike(app: Backend) -> None:
    jane, nobody = await app.somebody(), an_email()

    known = await app.post("password/reset", email=jane.email)
    unknown = await app.post("password/reset", email=nobody)

    assert (known.status_code, known.content) == (200, unknown.content)
    assert known.json() == {"message": "If that email is registered, a reset link has been sent."}
    assert [letter.template for letter in await app.letters(jane.email)] == ["reset_password"]
    assert await app.letters(nobody) == []


async def test_p30_a_reset_link_sets_the_password_once(app: Backend) -> None:
    jane = await app.somebody()
    mail = await _reset_mail(app, jane.email)

    answer = await app.post("password/confirm", reset_token=mail.link_token, new_password=NEW)
    again = await app.post("password/confirm", reset_token=mail.link_token, new_password=NEW + "!")

    assert (answer.status_code, answer.json()) == (200, {"message": "Password has been reset successfully."})
    assert error_of(again) == (400, "link_used")
    assert error_of(await app.log_in(jane)) == (401, "invalid_credentials")
    assert (await app.log_in(jane, NEW)).status_code == 200
    assert not await app.is_alive(jane)
    assert (await app.letter(jane.email)).template == "password_changed"


async def test_p30_a_reset_link_expires_after_fifteen_minutes(app: Backend, product: Product) -> None:
    jane = await app.somebody()
    mail = await _reset_mail(app, jane.email)

    product.move_clock(minutes=15)
    refused = await app.post("password/confirm", reset_token=mail.link_token, new_password=NEW)

    assert error_of(refused) == (400, "link_expired")
    product.move_clock(seconds=-30)
    accepted = await app.post("password/confirm", reset_token=mail.link_token, new_password=NEW)
    assert accepted.status_code == 200


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short", "must have at least 8 characters"),
        ("x" * 257, "must have at most 256 characters"),
        ("password123", "is one of the most common passwords"),
    ],
)
async def test_p30_a_password_that_is_not_good_enough_uses_nothing_up(
    app: Backend, password: str, sentence: str
) -> None:
    jane = await app.somebody()
    mail = await _reset_mail(app, jane.email)

    refused = await app.post("password/confirm", reset_token=mail.link_token, new_password=password)

    assert error_of(refused) == (400, "invalid_fields")
    assert list(refused.json()["error"]["details"].values()) == [sentence]
    accepted = await app.post("password/confirm", reset_token=mail.link_token, new_password=NEW)
    assert accepted.status_code == 200


async def test_p30_a_token_of_another_project_or_of_nobody_is_unknown(app: Backend, other: Backend) -> None:
    jane = await app.somebody()
    mail = await _reset_mail(app, jane.email)

    foreign = await other.post("password/confirm", reset_token=mail.link_token, new_password=NEW)
    unknown = await app.post("password/confirm", reset_token="nothing", new_password=NEW)

    assert error_of(foreign) == (400, "link_unknown")
    assert foreign.content == unknown.content
    assert (await app.log_in(jane)).status_code == 200


async def test_p31_a_right_current_password_is_changed_and_other_sessions_end(app: Backend) -> None:
    jane = await app.somebody()
    elsewhere = await app.again(jane)

    answer = await app.post(
        "password/change", bearer=jane.access_token, current_password=PASSWORD, new_password=NEW
    )

    assert (answer.status_code, answer.json()) == (200, {"message": "Password changed successfully."})
    assert (await app.log_in(jane, NEW)).status_code == 200
    assert (await app.log_in(jane)).status_code == 401
    assert await app.is_alive(jane)
    assert not await app.is_alive(elsewhere)


async def test_p31_a_wrong_current_password_changes_nothing(app: Backend) -> None:
    jane = await app.somebody()
    elsewhere = await app.again(jane)

    refused = await app.post(
        "password/change", bearer=jane.access_token, current_password="not it", new_password=NEW
    )

    assert error_of(refused) == (401, "wrong_password")
    assert (await app.log_in(jane)).status_code == 200
    assert await app.is_alive(elsewhere)


async def test_p31_a_key_alone_changes_nobodys_password(app: Backend) -> None:
    refused = await app.post("password/change", current_password=PASSWORD, new_password=NEW)

    assert error_of(refused) == (401, "invalid_token")


async def _reset_mail(app: Backend, email: str) -> Letter:
    await app.post("password/reset", email=email)
    return await app.letter(email, "reset_password")
