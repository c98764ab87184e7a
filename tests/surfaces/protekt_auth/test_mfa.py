import base64
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from PIL import Image

from tests.support.accounts import PASSWORD, an_email
from tests.support.backend import Authenticator, Backend, error_of, signed_in
from tests.support.product import Product
from tests.surfaces.protekt_auth.test_otp import a_phone_number


async def test_p23_a_user_with_a_second_factor_is_asked_for_it(app: Backend) -> None:
    jane = await app.somebody()
    await app.with_totp(jane)

    answer = await app.log_in(jane)

    assert answer.status_code == 200
    assert set(answer.json()) == {"mfa_required", "mfa_token", "available_methods"}
    assert answer.json()["mfa_required"] is True
    assert answer.json()["mfa_token"].startswith("mfa_tmp_")
    assert answer.json()["available_methods"] == ["totp"]
    assert "access_token" not in answer.text


async def test_p23_a_wrong_password_says_nothing_of_a_second_factor(app: Backend) -> None:
    jane = await app.somebody()
    await app.with_totp(jane)

    assert error_of(await app.log_in(jane, "not the password")) == (401, "invalid_credentials")


async def test_p38_totp_is_a_uri_and_a_picture_of_it(app: Backend) -> None:
    jane = await app.somebody()

    answer = await app.post("mfa/enroll", bearer=jane.access_token, method="totp")

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"method", "totp_uri", "qr_code"}
    uri = urlsplit(body["totp_uri"])
    assert (body["method"], uri.scheme, uri.netloc) == ("totp", "otpauth", "totp")
    assert len(parse_qs(uri.query)["secret"][0]) == 32
    head, _, picture = body["qr_code"].partition(",")
    assert head == "data:image/png;base64"
    pixels = Image.open(BytesIO(base64.b64decode(picture, validate=True)))
    read = zxingcpp.read_barcodes(pixels, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    assert [each.text for each in read] == [body["totp_uri"]]
    assert (await app.profile(jane))["mfa_enabled"] is False
    assert "access_token" in (await app.log_in(jane)).json()


async def test_p38_a_key_alone_enrolls_nobody(app: Backend) -> None:
    assert error_of(await app.post("mfa/enroll", method="totp")) == (401, "invalid_token")


async def test_p38_there_is_one_authenticator(app: Backend) -> None:
    jane = await app.somebody()
    await app.with_totp(jane)

    again = await app.post("mfa/enroll", bearer=jane.access_token, method="totp")

    assert error_of(again) == (400, "factor_exists")


async def test_p39_sms_needs_a_number_and_sends_one_message(app: Backend) -> None:
    jane, phone = await app.somebody(), a_phone_number()

    without = await app.post("mfa/enroll", bearer=jane.access_token, method="sms")
    answer = await app.post("mfa/enroll", bearer=jane.access_token, method="sms", phone=phone)

    assert error_of(without) == (400, "invalid_fields")
    assert list(without.json()["error"]["details"]) == ["phone"]
    assert (answer.status_code, answer.json()) == (200, {"method": "sms"})
    (message,) = await app.letters(phone)
    assert (message.channel, len(message.code)) == ("sms", 6)
    assert (await app.profile(jane))["mfa_enabled"] is False


@pytest.mark.parametrize("method", ["push", "email", "recovery_code", None])
async def test_p39_other_methods_are_not_set_up_here(app: Backend, method: str | None) -> None:
    jane = await app.somebody()

    refused = await app.post("mfa/enroll", bearer=jane.access_token, method=method)

    assert error_of(refused) == (400, "invalid_fields")


async def test_p40_a_right_code_finishes_the_enrolment_and_gives_tokens(app: Backend) -> None:
    jane = await app.somebody()
    begun = await app.post("mfa/enroll", bearer=jane.access_token, method="totp")
    authenticator = Authenticator(app.product, begun.json()["totp_uri"])

    wrong = await app.post("mfa/verify", bearer=jane.access_token, code=authenticator.wrong_code())
    assert error_of(wrong) == (400, "invalid_code")
    answer = await app.post("mfa/verify", bearer=jane.access_token, code=authenticator.code())

    assert answer.status_code == 200
    now = signed_in(answer, jane.email)
    assert (now.user["mfa_enabled"], now.user["mfa_methods"]) == (True, ["totp"])
    assert await app.is_alive(now)
    assert (await app.letter(jane.email)).template == "factor_added"


async def test_p40_a_right_code_finishes_the_log_in_once(app: Backend) -> None:
    jane = await app.somebody()
    authenticator = await app.with_totp(jane)
    mfa_token = await app.challenged(jane)
    code = authenticator.next_code()

    answer = await app.post("mfa/verify", mfa_token=mfa_token, code=code)
    again = await app.post("mfa/verify", mfa_token=mfa_token, code=authenticator.next_code())

    assert answer.status_code == 200
    assert await app.is_alive(signed_in(answer, jane.email))
    assert error_of(again) == (400, "invalid_sign_in")


async def test_p40_a_code_counts_once(app: Backend) -> None:
    jane = await app.somebody()
    authenticator = await app.with_totp(jane)
    code = authenticator.next_code()
    first, second = await app.challenged(jane), await app.challenged(jane)

    accepted = await app.post("mfa/verify", mfa_token=first, code=code)
    repeated = await app.post("mfa/verify", mfa_token=second, code=code)

    assert accepted.status_code == 200
    assert error_of(repeated) == (400, "invalid_code")


async def test_p40_a_wrong_code_or_an_old_token_gives_nothing(
    app: Backend, other: Backend, product: Product
) -> None:
    jane = await app.somebody()
    authenticator = await app.with_totp(jane)
    mfa_token = await app.challenged(jane)

    wrong = await app.post("mfa/verify", mfa_token=mfa_token, code=authenticator.wrong_code())
    unknown = await app.post("mfa/verify", mfa_token="mfa_tmp_unknown", code=authenticator.next_code())
    foreign = await other.post("mfa/verify", mfa_token=mfa_token, code=authenticator.next_code())
    product.move_clock(minutes=10)
    old = await app.post("mfa/verify", mfa_token=mfa_token, code=authenticator.next_code())

    assert error_of(wrong) == (400, "invalid_code")
    assert {each.content for each in (unknown, foreign, old)} == {old.content}
    assert error_of(old) == (400, "invalid_sign_in")


async def test_p40_ten_wrong_codes_lock_the_account_whatever_the_log_in(app: Backend) -> None:
    jane = await app.somebody()
    authenticator = await app.with_totp(jane)
    tokens = [await app.challenged(jane), await app.challenged(jane)]
    for mfa_token in tokens * 5:
        refused = await app.post("mfa/verify", mfa_token=mfa_token, code=authenticator.wrong_code())
        assert error_of(refused) == (400, "invalid_code")

    right = await app.post("mfa/verify", mfa_token=tokens[0], code=authenticator.next_code())

    assert error_of(right) == (400, "invalid_sign_in")
    assert error_of(await app.log_in(jane)) == (401, "invalid_credentials")
    assert (await app.letter(jane.email)).template == "account_locked"


async def test_p40_without_a_token_of_either_kind_nothing_is_verified(app: Backend) -> None:
    jane = await app.somebody()

    assert error_of(await app.post("mfa/verify", code="123456")) == (401, "invalid_token")
    assert error_of(await app.post("mfa/verify", bearer=jane.access_token)) == (400, "invalid_fields")
    nothing_begun = await app.post("mfa/verify", bearer=jane.access_token, code="123456")
    assert error_of(nothing_begun) == (400, "invalid_code")


async def test_p40_sms_finishes_an_enrolment_and_a_log_in(app: Backend) -> None:
    jane, phone = await app.somebody(), a_phone_number()
    await app.post("mfa/enroll", bearer=jane.access_token, method="sms", phone=phone)
    confirmed = await app.post("mfa/verify", bearer=jane.access_token, code=(await app.letter(phone)).code)
    assert confirmed.json()["user"]["mfa_methods"] == ["sms"]

    challenge = (await app.log_in(jane)).json()
    assert challenge["available_methods"] == ["sms"]
    first = (await app.letter(phone)).code
    again = await app.post("mfa/verify", mfa_token=challenge["mfa_token"], method="sms")
    assert (again.status_code, again.json()["mfa_token"]) == (200, challenge["mfa_token"])
    assert len(await app.letters(phone)) == 3
    second = (await app.letter(phone)).code

    if first != second:
        dead = await app.post("mfa/verify", mfa_token=challenge["mfa_token"], code=first)
        assert error_of(dead) == (400, "invalid_code")
    answer = await app.post("mfa/verify", mfa_token=challenge["mfa_token"], code=second)
    assert answer.status_code == 200


async def test_p40_a_project_that_demands_a_second_factor_lets_users_set_one_up(product: Product) -> None:
    """docs/decisions/0031: the challenge's token is the proof of who sets up."""
    app = await Backend.on(product, mfa_required=True)
    jane = await app.somebody()

    challenge = (await app.log_in(jane)).json()
    assert challenge["enrollment_required"] is True
    assert challenge["available_methods"] == ["totp", "sms"]
    begun = await app.post("mfa/enroll", bearer=challenge["mfa_token"], method="totp")
    authenticator = Authenticator(product, begun.json()["totp_uri"])
    answer = await app.post("mfa/verify", mfa_token=challenge["mfa_token"], code=authenticator.code())

    assert answer.status_code == 200
    assert signed_in(answer, jane.email).user["mfa_enabled"] is True
    assert "enrollment_required" not in (await app.log_in(jane)).json()


async def test_p40_other_first_factors_ask_for_the_second_too(app: Backend) -> None:
    jane = await app.somebody()
    authenticator = await app.with_totp(jane)
    await app.post("magic-link/send", email=jane.email)

    link = await app.call(
        "POST", "magic-link/verify", {"token": (await app.letter(jane.email, "magic_link")).link_token}
    )

    assert link.json()["mfa_required"] is True
    finished = await app.post(
        "mfa/verify", mfa_token=link.json()["mfa_token"], code=authenticator.next_code()
    )
    assert finished.status_code == 200


async def test_p41_a_removed_factor_is_not_asked_for(app: Backend) -> None:
    jane = await app.somebody()
    authenticator = await app.with_totp(jane)
    answer = await app.post(
        "mfa/verify", mfa_token=await app.challenged(jane), code=authenticator.next_code()
    )
    now = signed_in(answer, jane.email)

    removed = await app.call("DELETE", "mfa/unenroll", {"method": "totp"}, token=now.access_token)
    again = await app.call("DELETE", "mfa/unenroll", {"method": "totp"}, token=now.access_token)

    assert (removed.status_code, removed.json()) == (200, {"unenrolled": True})
    assert error_of(again) == (400, "factor_not_found")
    assert "access_token" in (await app.log_in(jane)).json()
    assert (await app.letter(jane.email)).template == "factor_removed"


async def test_p41_a_project_that_demands_one_keeps_it(product: Product) -> None:
    app = await Backend.on(product)
    jane = await app.somebody()
    authenticator = await app.with_totp(jane)
    await app.set_policy(mfa="required")
    answer = await app.post(
        "mfa/verify", mfa_token=await app.challenged(jane), code=authenticator.next_code()
    )
    now = signed_in(answer, jane.email)

    refused = await app.call("DELETE", "mfa/unenroll", {"method": "totp"}, token=now.access_token)

    assert error_of(refused) == (403, "mfa_required")
    assert (await app.profile(jane))["mfa_enabled"] is True


async def test_p41_a_session_without_the_factor_does_not_remove_it(app: Backend) -> None:
    """Whoever has only the password must not be able to get rid of the rest."""
    jane = await app.somebody()
    by_password = await app.again(jane)
    await app.with_totp(jane)
    if not await app.is_alive(by_password):
        return

    refused = await app.call("DELETE", "mfa/unenroll", {"method": "totp"}, token=by_password.access_token)

    assert error_of(refused) == (403, "mfa_required")


async def test_p18_a_sign_up_where_a_second_factor_is_demanded_is_not_refreshed(product: Product) -> None:
    app = await Backend.on(product, mfa_required=True)

    answer = await app.post("signup", email=an_email(), password=PASSWORD)

    refused = await app.post("token/refresh", refresh_token=answer.json()["refresh_token"])
    assert error_of(refused) == (401, "invalid_refresh_token")
