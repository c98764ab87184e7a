"""The second proof: codes of an app, of an SMS, on paper; one count for all of them."""

import pytest

from server.base.errors import (
    InvalidCode,
    InvalidCredentials,
    InvalidFields,
    InvalidSignIn,
    SecondFactorRequired,
    TooManyAttempts,
)
from server.base.secret import Secret
from server.core.factors.owner import Owner
from server.core.factors.recovery_codes import make_recovery_codes
from server.core.principals.model import RealmPrincipal
from server.core.realms.actions import ChangePolicy, change_policy
from server.core.sign_in.administration import UnlockUser, unlock_user
from server.core.sign_in.advance import ReadUnfinished, read_unfinished
from server.core.sign_in.model import SIGN_IN_SECONDS
from server.core.work import Core, Work
from tests.support.accounts import an_email
from tests.support.application import App, Application, amr, signed_in, step

PHONE = "+491700000002"


async def a_person_with_an_app(application: Application) -> tuple[str, RealmPrincipal, App]:
    email = an_email()
    new = await application.sign_up_verified(email)
    app = await application.with_totp(new)
    application.move_clock(seconds=30)  # the code that confirmed it is used up
    return email, new.principal, app


async def recovery_codes_of(application: Application, principal: RealmPrincipal) -> tuple[Secret, ...]:
    async def make(work: Work, owner: Owner) -> tuple[Secret, ...]:
        return await make_recovery_codes(work, owner)

    return await application.do(make, Owner(application.realm, principal))


# --- an app ---------------------------------------------------------------------------------------


async def test_the_password_alone_opens_nothing(application: Application) -> None:
    email, principal, _ = await a_person_with_an_app(application)

    waiting = step(await application.log_in(email))

    assert waiting.handle.reveal().startswith("mfa_tmp_")
    assert waiting.methods == ("totp",)
    assert waiting.expires_in == SIGN_IN_SECONDS
    assert not waiting.sets_up
    opened = "SELECT FROM sessions WHERE principal_id = $1 AND ended_at IS NULL"
    assert len(await application.rows(opened, principal.id)) == 1  # that of the sign-up


async def test_the_apps_code_finishes_the_sign_in(application: Application) -> None:
    email, principal, app = await a_person_with_an_app(application)
    waiting = step(await application.log_in(email))

    outcome = signed_in(await application.advance(waiting, app.code()))

    assert outcome.principal.id == principal.id
    assert amr(outcome) == ("pwd", "otp", "mfa")
    assert not outcome.is_new


async def test_a_finished_sign_in_is_not_continued(application: Application) -> None:
    email, _, app = await a_person_with_an_app(application)
    waiting = step(await application.log_in(email))
    await application.advance(waiting, app.code())

    with pytest.raises(InvalidSignIn):
        await application.advance(waiting, app.next_code())


async def test_the_same_code_does_not_count_twice(application: Application) -> None:
    """Not in another sign-in either, nor one of an earlier step."""
    email, _, app = await a_person_with_an_app(application)
    code = app.code()
    await application.advance(step(await application.log_in(email)), code)

    waiting = step(await application.log_in(email))

    for used in (code, app.code(steps=-1)):
        with pytest.raises(InvalidCode):
            await application.advance(waiting, used)
    signed_in(await application.advance(waiting, app.code(steps=1)))


async def test_a_wrong_code_leaves_the_sign_in_open(application: Application) -> None:
    email, _, app = await a_person_with_an_app(application)
    waiting = step(await application.log_in(email))
    with pytest.raises(InvalidCode):
        await application.advance(waiting, app.wrong_code())

    signed_in(await application.advance(waiting, app.code(), method="totp"))


async def test_an_unfinished_sign_in_waits_ten_minutes(application: Application) -> None:
    email, _, app = await a_person_with_an_app(application)
    waiting = step(await application.log_in(email))

    application.move_clock(seconds=SIGN_IN_SECONDS)

    with pytest.raises(InvalidSignIn):
        await application.advance(waiting, app.code())


async def test_a_handle_is_good_in_its_own_realm_only(uncommitted: Core, application: Application) -> None:
    email, _, app = await a_person_with_an_app(application)
    waiting = step(await application.log_in(email))
    other = await Application.on(uncommitted)

    with pytest.raises(InvalidSignIn):
        await other.advance(waiting, app.code())
    with pytest.raises(InvalidSignIn):
        await other.do(read_unfinished, ReadUnfinished(other.realm.id, waiting.handle))


async def test_a_method_that_was_not_offered_is_refused(application: Application) -> None:
    email, _, app = await a_person_with_an_app(application)
    waiting = step(await application.log_in(email))

    with pytest.raises(InvalidFields):
        await application.advance(waiting, app.code(), method="sms")


async def test_whoever_comes_by_a_link_needs_the_second_proof_too(application: Application) -> None:
    email, _, app = await a_person_with_an_app(application)
    await application.send_link(email)
    token = (await application.letter(email, "magic_link")).link_token

    waiting = step(await application.follow_link(token))

    assert amr(await application.advance(waiting, app.code())) == ("email", "otp", "mfa")


async def test_a_factor_that_does_not_count_in_the_realm_is_not_asked_for(application: Application) -> None:
    email, _, _ = await a_person_with_an_app(application)
    await application.do(change_policy, ChangePolicy(application.realm.id, {"factors": ["sms"]}))

    signed_in(await application.log_in(email))


# --- one count for all ----------------------------------------------------------------------------


async def test_ten_wrong_second_proofs_lock_whatever_sign_in_they_are_of(application: Application) -> None:
    email, principal, app = await a_person_with_an_app(application)
    sign_ins = [step(await application.log_in(email)) for _ in range(10)]
    for waiting in sign_ins:
        with pytest.raises(InvalidCode):
            await application.advance(waiting, app.wrong_code())

    with pytest.raises(InvalidSignIn):
        await application.advance(sign_ins[0], app.code())
    with pytest.raises(InvalidCredentials):
        await application.log_in(email)

    assert len(await application.letters(email, "account_locked")) == 1
    await application.do(unlock_user, UnlockUser(application.realm.id, principal.id))
    signed_in(await application.advance(step(await application.log_in(email)), app.code()))


async def test_new_codes_begin_no_new_count(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, max_second_factor_failures=3)
    email = an_email()
    await application.with_sms(await application.sign_up(email), PHONE)
    waiting = step(await application.log_in(email))
    for _ in range(2):
        with pytest.raises(InvalidCode):
            await application.advance(waiting, "x")
    await application.advance(waiting, method="sms")

    with pytest.raises(InvalidCode):
        await application.advance(waiting, "x")

    with pytest.raises(InvalidSignIn):
        await application.advance(waiting, (await application.letter(PHONE)).code)


async def test_the_password_does_not_forgive_second_proofs(uncommitted: Core) -> None:
    """Only a right second proof does."""
    application = await Application.on(uncommitted, max_second_factor_failures=3)
    email, _, app = await a_person_with_an_app(application)
    waiting = step(await application.log_in(email))
    for _ in range(2):
        with pytest.raises(InvalidCode):
            await application.advance(waiting, app.wrong_code())
    signed_in(await application.advance(step(await application.log_in(email)), app.code()))

    again = step(await application.log_in(email))
    for _ in range(2):
        with pytest.raises(InvalidCode):
            await application.advance(again, app.wrong_code())

    signed_in(await application.advance(again, app.next_code()))


async def test_a_new_password_by_mail_gives_no_new_tries_at_the_second_proof(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, max_second_factor_failures=3)
    email, _, app = await a_person_with_an_app(application)
    waiting = step(await application.log_in(email))
    for _ in range(3):
        with pytest.raises(InvalidCode):
            await application.advance(waiting, app.wrong_code())

    await application.forget_password(email)
    token = (await application.letter(email, "reset_password")).link_token
    await application.reset_password(token, "another good password")

    with pytest.raises(InvalidCredentials):
        await application.log_in(email, "another good password")


# --- SMS ------------------------------------------------------------------------------------------


async def test_a_code_is_sent_when_the_password_was_right(application: Application) -> None:
    email = an_email()
    await application.with_sms(await application.sign_up(email), PHONE)

    waiting = step(await application.log_in(email))
    outcome = await application.advance(waiting, (await application.letter(PHONE)).code)

    assert waiting.methods == ("sms",)
    assert amr(outcome) == ("pwd", "sms", "mfa")
    assert len(await application.letters(PHONE)) == 2  # the first confirmed the number


async def test_another_code_can_be_asked_for_three_times_an_hour(application: Application) -> None:
    email = an_email()
    await application.with_sms(await application.sign_up(email), PHONE)
    waiting = step(await application.log_in(email))
    for _ in range(2):
        again = step(await application.advance(waiting, method="sms"))
        assert again.handle.reveal() == waiting.handle.reveal()

    with pytest.raises(TooManyAttempts):
        await application.advance(waiting, method="sms")
    signed_in(await application.advance(waiting, (await application.letter(PHONE)).code))


async def test_a_sign_in_goes_on_when_no_more_codes_are_sent(application: Application) -> None:
    """Another factor may be at hand."""
    email = an_email()
    new = await application.sign_up(email)
    await application.with_sms(new, PHONE)
    app = await application.with_totp(new)
    for _ in range(3):
        await application.log_in(email)

    waiting = step(await application.log_in(email))

    assert waiting.methods == ("totp", "sms")
    signed_in(await application.advance(waiting, app.next_code()))


async def test_a_number_that_signed_in_is_no_second_proof(application: Application) -> None:
    """Whoever took the number over would need nothing else."""
    email = an_email()
    new = await application.sign_up(email)
    await application.with_sms(new, PHONE)
    await application.rows(
        "UPDATE principals SET phone = $2, phone_verified = true WHERE id = $1", new.principal.id, PHONE
    )
    await application.send_code(phone=PHONE)
    code = (await application.letter(PHONE, "sign_in_code")).code

    with pytest.raises(SecondFactorRequired):
        await application.enter_code(code, phone=PHONE)


# --- on paper -------------------------------------------------------------------------------------


async def test_a_recovery_code_stands_in_for_the_app_once(application: Application) -> None:
    email, principal, _ = await a_person_with_an_app(application)
    codes = await recovery_codes_of(application, principal)
    waiting = step(await application.log_in(email))

    outcome = await application.advance(waiting, codes[0].reveal().upper().replace("-", " "))

    assert waiting.methods == ("totp", "recovery_code")
    assert amr(outcome) == ("pwd", "rcv", "mfa")
    assert "You have 9 left" in (await application.letter(email, "recovery_code_used")).text
    with pytest.raises(InvalidCode):
        await application.advance(step(await application.log_in(email)), codes[0].reveal())


async def test_new_recovery_codes_replace_the_old_ones(application: Application) -> None:
    email, principal, _ = await a_person_with_an_app(application)
    old = await recovery_codes_of(application, principal)
    new = await recovery_codes_of(application, principal)
    waiting = step(await application.log_in(email))

    assert (len(new), len(set(old) | set(new))) == (10, 20)
    with pytest.raises(InvalidCode):
        await application.advance(waiting, old[0].reveal())
    signed_in(await application.advance(waiting, new[0].reveal()))


async def test_recovery_codes_alone_are_no_second_factor(application: Application) -> None:
    email = an_email()
    new = await application.sign_up(email)
    await recovery_codes_of(application, new.principal)

    signed_in(await application.log_in(email))
