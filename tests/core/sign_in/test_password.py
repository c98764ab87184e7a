"""Signing in with a password."""

import pytest

from server.base.errors import AccountDisabled, InvalidCredentials, TooManyAttempts
from server.core.principals.actions import SetStatus, set_status
from server.core.principals.model import PrincipalStatus
from server.core.work import Core
from tests.support.accounts import PASSWORD, an_email
from tests.support.application import Application, amr, signed_in

WRONG = "not the right password"


async def test_the_right_password_opens_a_session(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)

    outcome = signed_in(await application.log_in(email))

    assert outcome.principal.email == email
    assert outcome.session.access_token is not None
    assert outcome.session.refresh_token is not None
    assert amr(outcome) == ("pwd",)
    assert not outcome.is_new


async def test_the_casing_of_the_address_does_not_count(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)

    assert signed_in(await application.log_in(email.upper())).principal.email == email


async def test_last_login_moves_with_a_login_and_not_with_a_sign_up(application: Application) -> None:
    email = an_email()
    new = await application.sign_up(email)

    application.move_clock(hours=1)
    outcome = signed_in(await application.log_in(email))

    assert new.principal.last_login_at is None
    assert outcome.principal.last_login_at is not None
    assert outcome.principal.last_login_at > new.principal.created_at


async def test_unknown_wrong_and_foreign_are_told_alike(uncommitted: Core, application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    other = await Application.on(uncommitted)

    said = []
    for tried, address, password in (
        (application, email, WRONG),
        (application, an_email(), PASSWORD),
        (other, email, PASSWORD),
    ):
        with pytest.raises(InvalidCredentials) as refused:
            await tried.log_in(address, password)
        said.append(str(refused.value))

    assert len(set(said)) == 1


async def test_somebody_without_a_password_cannot_sign_in_with_one(application: Application) -> None:
    email = an_email()
    await application.send_code(email)
    await application.enter_code((await application.letter(email)).code, email)

    with pytest.raises(InvalidCredentials):
        await application.log_in(email, PASSWORD)


async def test_a_disabled_account_is_named_only_after_the_password(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal
    status = SetStatus(application.realm.id, person.id, PrincipalStatus.DISABLED)
    await application.do(set_status, status)

    with pytest.raises(InvalidCredentials):
        await application.log_in(email, WRONG)
    with pytest.raises(AccountDisabled):
        await application.log_in(email)


# --- how often ------------------------------------------------------------------------------------


async def test_too_many_wrong_tries_are_throttled_and_the_right_one_with_them(
    application: Application,
) -> None:
    """Otherwise a throttled guesser would learn which guess was right."""
    email = an_email()
    await application.sign_up(email)
    await _fail(application, email, times=10)

    with pytest.raises(TooManyAttempts) as refused:
        await application.log_in(email)

    assert refused.value.limit == 10
    assert 0 < refused.value.retry_after_seconds <= 900


async def test_it_works_again_after_the_window(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    await _fail(application, email, times=10)
    with pytest.raises(TooManyAttempts) as refused:
        await application.log_in(email)

    application.move_clock(seconds=refused.value.retry_after_seconds)

    signed_in(await application.log_in(email))


async def test_an_unknown_address_is_throttled_like_a_known_one(application: Application) -> None:
    email = an_email()
    await _fail(application, email, times=10)

    with pytest.raises(TooManyAttempts) as refused:
        await application.log_in(email, WRONG)

    assert refused.value.limit == 10


async def test_somebody_elsewhere_does_not_keep_the_owner_out(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    await _fail(application.elsewhere(), email, times=10)

    signed_in(await application.log_in(email))


async def test_a_whole_network_of_ipv6_is_one_place(application: Application) -> None:
    email = an_email()
    for host in range(1, 11):
        await _fail(application.elsewhere(f"2001:db8:0:1::{host:x}"), email)

    with pytest.raises(TooManyAttempts):
        await application.elsewhere("2001:db8:0:1::ffff").log_in(email, WRONG)


async def test_a_right_password_begins_the_count_anew(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    await _fail(application, email, times=9)
    await application.log_in(email)

    await _fail(application, email, times=9)

    signed_in(await application.log_in(email))


# --- locks ----------------------------------------------------------------------------------------


async def test_so_many_failures_in_a_row_from_anywhere_lock_the_account(uncommitted: Core) -> None:
    """A locked account answers like a wrong password, and its owner is told how to open it."""
    application = await Application.on(uncommitted, max_failures=5)
    email = an_email()
    await application.sign_up(email)
    for place in range(5):
        await _fail(application.elsewhere(f"198.51.100.{place}"), email)

    with pytest.raises(InvalidCredentials):
        await application.log_in(email)

    letter = await application.letter(email, "account_locked")
    await application.reset_password(letter.link_token, "another good password")
    signed_in(await application.log_in(email, "another good password"))


async def test_failures_that_are_not_in_a_row_do_not_lock(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, max_failures=5)
    email = an_email()
    await application.sign_up(email)
    await _fail(application, email, times=4)
    await application.log_in(email)

    await _fail(application, email, times=4)

    signed_in(await application.log_in(email))


async def test_a_lock_can_end_by_itself(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, max_failures=5, lock_seconds=60)
    email = an_email()
    await application.sign_up(email)
    await _fail(application, email, times=5)
    with pytest.raises(InvalidCredentials):
        await application.log_in(email)

    application.move_clock(seconds=60)

    signed_in(await application.log_in(email))


async def test_refused_tries_are_in_the_audit_log_without_the_address(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal
    await _fail(application, email)
    await _fail(application, an_email())

    known, unknown = await application.events("sign_in.refused")

    assert (known["target_id"], known["result"]) == (str(person.id), "refused")
    assert unknown["target_id"] == str(application.realm.id)
    assert email not in known["data"] + unknown["data"]


async def _fail(application: Application, email: str, *, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            await application.log_in(email, WRONG)
