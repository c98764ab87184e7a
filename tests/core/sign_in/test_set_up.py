"""Setting factors up and taking them away."""

from urllib.parse import parse_qs, urlsplit

import pytest

from server.base.errors import (
    FactorExists,
    FactorNotFound,
    InvalidCode,
    InvalidFields,
    InvalidSignIn,
    SecondFactorRequired,
    SessionNotFound,
    TooManyAttempts,
)
from server.base.ids import new_uid
from server.core.factors.actions import FactorsOf, factors_of
from server.core.realms.actions import ChangePolicy, change_policy
from server.core.sessions.refresh import RefreshSession, refresh_session
from server.core.sign_in.set_up import ByHandle, BySession, RemoveSetUp, remove_set_up
from server.core.work import Core
from tests.support.accounts import an_email
from tests.support.application import Application, amr, signed_in, step
from tests.support.sign_in import refresh_token_of

PHONE = "+491700000003"


# --- in a session ---------------------------------------------------------------------------------


async def test_an_app_is_told_its_secret_once_and_counts_after_its_first_code(
    application: Application,
) -> None:
    email = an_email()
    new = await application.sign_up(email)
    begun = await application.begin_set_up(application.by(new), "totp")

    assert begun.secret is not None
    assert begun.uri is not None
    uri = urlsplit(begun.uri.reveal())
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parse_qs(uri.query)["secret"] == [begun.secret.reveal()]
    assert email in uri.path.replace("%40", "@")
    signed_in(await application.log_in(email))

    await application.confirm_set_up(application.by(new), application.app(begun).code())

    assert step(await application.log_in(email)).methods == ("totp",)
    assert len(await application.letters(email, "factor_added")) == 1


async def test_the_code_that_confirms_is_used_up(application: Application) -> None:
    email = an_email()
    app = await application.with_totp(await application.sign_up(email))

    with pytest.raises(InvalidCode):
        await application.advance(step(await application.log_in(email)), app.code())


async def test_a_number_is_confirmed_by_the_code_that_was_sent_to_it(application: Application) -> None:
    new = await application.sign_up()
    begun = await application.begin_set_up(application.by(new), "sms", PHONE)
    letter = await application.letter(PHONE)

    stronger = await application.confirm_set_up(application.by(new), letter.code)

    assert (begun.method, begun.expires_in, begun.secret) == ("sms", 600, None)
    assert (letter.channel, letter.template) == ("sms", "sms_code")
    assert amr(stronger) == ("pwd", "sms", "mfa")


async def test_confirming_makes_the_same_session_stronger(application: Application) -> None:
    """Its owner has proved the second factor in it, and gets tokens that say so."""
    new = await application.sign_up()
    app = application.app(await application.begin_set_up(application.by(new), "totp"))

    stronger = await application.confirm_set_up(application.by(new), app.code(), "totp")

    assert amr(stronger) == ("pwd", "otp", "mfa")
    assert stronger.session.session.id == new.session.session.id
    assert stronger.session.access_token is not None
    older = await application.do(
        refresh_session, RefreshSession(application.realm.id, refresh_token_of(new.session))
    )
    assert older.session.amr == ("pwd", "otp", "mfa")


async def test_a_wrong_first_code_confirms_nothing(application: Application) -> None:
    new = await application.sign_up()
    app = application.app(await application.begin_set_up(application.by(new), "totp"))

    with pytest.raises(InvalidCode):
        await application.confirm_set_up(application.by(new), app.wrong_code())
    with pytest.raises(InvalidCode):
        await application.confirm_set_up(application.by(new), app.code(), "sms")

    await application.confirm_set_up(application.by(new), app.code())


async def test_nothing_is_confirmed_that_was_not_begun(application: Application) -> None:
    new = await application.sign_up()

    with pytest.raises(InvalidCode):
        await application.confirm_set_up(application.by(new), "123456")


async def test_beginning_anew_replaces_the_secret_that_waited(application: Application) -> None:
    new = await application.sign_up()
    old = application.app(await application.begin_set_up(application.by(new), "totp"))
    current = application.app(await application.begin_set_up(application.by(new), "totp"))

    with pytest.raises(InvalidCode):
        await application.confirm_set_up(application.by(new), old.code())
    await application.confirm_set_up(application.by(new), current.code())


async def test_there_is_one_app_and_one_number(application: Application) -> None:
    new = await application.sign_up()
    await application.with_totp(new)
    await application.with_sms(new, PHONE)

    with pytest.raises(FactorExists):
        await application.begin_set_up(application.by(new), "totp")
    with pytest.raises(FactorExists):
        await application.begin_set_up(application.by(new), "sms", PHONE)


@pytest.mark.parametrize(
    ("method", "phone", "field"),
    [("push", None, "method"), ("x", None, "method"), ("sms", None, "phone"), ("sms", "0170", "phone")],
)
async def test_what_cannot_be_set_up_is_refused(
    application: Application, method: str, phone: str | None, field: str
) -> None:
    new = await application.sign_up()

    with pytest.raises(InvalidFields) as refused:
        await application.begin_set_up(application.by(new), method, phone)

    assert set(refused.value.fields) == {field}


async def test_a_method_that_does_not_count_in_the_realm_is_not_set_up(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, factors=["sms"])
    new = await application.sign_up()

    with pytest.raises(InvalidFields):
        await application.begin_set_up(application.by(new), "totp")


async def test_the_number_that_signs_in_is_no_second_factor_of_its_own(application: Application) -> None:
    await application.send_code(phone=PHONE)
    new = signed_in(await application.enter_code((await application.letter(PHONE)).code, phone=PHONE))

    with pytest.raises(InvalidFields):
        await application.begin_set_up(application.by(new), "sms", PHONE)


async def test_a_number_is_sent_three_codes_an_hour_whoever_asks(application: Application) -> None:
    for _ in range(3):
        await application.begin_set_up(application.by(await application.sign_up()), "sms", PHONE)

    with pytest.raises(TooManyAttempts):
        await application.begin_set_up(application.by(await application.sign_up()), "sms", PHONE)


async def test_a_person_has_ten_codes_an_hour_sent_to_whatever_numbers(application: Application) -> None:
    """Numbers can cost those who send to them."""
    new = await application.sign_up()
    for number in range(10):
        await application.begin_set_up(application.by(new), "sms", f"+49170000010{number}")

    with pytest.raises(TooManyAttempts):
        await application.begin_set_up(application.by(new), "sms", "+491700000110")


async def test_a_session_begun_without_the_second_factor_changes_none(application: Application) -> None:
    """Else a stolen session from before it would be enough to make it useless."""
    email = an_email()
    old = signed_in(await application.sign_up(email))
    other = signed_in(await application.log_in(email))
    await application.with_totp(other)

    with pytest.raises(SecondFactorRequired):
        await application.begin_set_up(application.by(old), "sms", PHONE)
    with pytest.raises(SecondFactorRequired):
        await application.do(remove_set_up, RemoveSetUp(application.by(old), "totp"))


async def test_somebody_elses_session_sets_nothing_up(application: Application) -> None:
    one, other = await application.sign_up(), await application.sign_up()
    mixed = BySession(application.realm.id, one.principal.id, other.session.session.id)

    for by in (mixed, BySession(application.realm.id, one.principal.id, new_uid())):
        with pytest.raises(SessionNotFound):
            await application.begin_set_up(by, "totp")


# --- taking away ----------------------------------------------------------------------------------


async def test_without_the_factor_the_password_is_enough_again(application: Application) -> None:
    email = an_email()
    new = await application.sign_up(email)
    await application.with_totp(new)

    await application.do(remove_set_up, RemoveSetUp(application.by(new), "totp"))

    signed_in(await application.log_in(email))
    assert len(await application.letters(email, "factor_removed")) == 1
    with pytest.raises(FactorNotFound):
        await application.do(remove_set_up, RemoveSetUp(application.by(new), "totp"))


async def test_no_factor_is_removed_where_one_is_needed(application: Application) -> None:
    new = await application.sign_up()
    await application.with_totp(new)
    await application.with_sms(new, PHONE)
    await application.do(change_policy, ChangePolicy(application.realm.id, {"mfa": "required"}))

    for method in ("totp", "sms"):
        with pytest.raises(SecondFactorRequired):
            await application.do(remove_set_up, RemoveSetUp(application.by(new), method))


# --- in the middle of a sign-in -------------------------------------------------------------------


async def test_where_a_second_factor_is_needed_one_is_set_up_first(uncommitted: Core) -> None:
    strict = await Application.on(uncommitted, mfa="required")
    email = an_email()
    await strict.sign_up(email)

    waiting = step(await strict.log_in(email))
    by = ByHandle(strict.realm.id, waiting.handle)
    app = strict.app(await strict.begin_set_up(by, "totp"))
    outcome = await strict.confirm_set_up(by, app.code())

    assert (waiting.sets_up, waiting.methods) == (True, ("totp", "sms"))
    assert amr(outcome) == ("pwd", "otp", "mfa")
    again = step(await strict.log_in(email))
    assert (again.sets_up, again.methods) == (False, ("totp",))


async def test_a_sign_in_that_sets_up_is_finished_once(uncommitted: Core) -> None:
    strict = await Application.on(uncommitted, mfa="required")
    email = an_email()
    await strict.sign_up(email)
    by = ByHandle(strict.realm.id, step(await strict.log_in(email)).handle)
    app = strict.app(await strict.begin_set_up(by, "totp"))
    await strict.confirm_set_up(by, app.code())

    with pytest.raises(InvalidSignIn):
        await strict.confirm_set_up(by, app.next_code())
    with pytest.raises(InvalidSignIn):
        await strict.begin_set_up(by, "sms", PHONE)


async def test_a_stranger_who_needs_a_factor_is_still_new_when_it_is_set_up(uncommitted: Core) -> None:
    strict = await Application.on(uncommitted, mfa="required")
    email = an_email()
    await strict.send_code(email)
    waiting = step(await strict.enter_code((await strict.letter(email)).code, email))
    by = ByHandle(strict.realm.id, waiting.handle)
    app = strict.app(await strict.begin_set_up(by, "totp"))

    outcome = await strict.confirm_set_up(by, app.code())

    assert outcome.is_new
    assert amr(outcome) == ("email", "otp", "mfa")


async def test_the_handle_of_a_sign_in_that_needs_a_proof_sets_nothing_up(application: Application) -> None:
    email = an_email()
    await application.with_totp(await application.sign_up(email))
    waiting = step(await application.log_in(email))

    with pytest.raises(InvalidSignIn):
        await application.begin_set_up(ByHandle(application.realm.id, waiting.handle), "sms", PHONE)


async def test_a_sign_in_that_sets_up_takes_no_proof(uncommitted: Core) -> None:
    strict = await Application.on(uncommitted, mfa="required")
    email = an_email()
    await strict.sign_up(email)

    with pytest.raises(InvalidSignIn):
        await strict.advance(step(await strict.log_in(email)), "123456")


async def test_a_list_of_people_shows_what_counts(application: Application) -> None:
    one, other = await application.sign_up(), await application.sign_up()
    await application.with_totp(one)
    await application.begin_set_up(application.by(other), "totp")

    found = await application.do(
        factors_of, FactorsOf(application.realm.id, (one.principal.id, other.principal.id))
    )

    assert found == {one.principal.id: ("totp",)}
