"""Passwords that are forgotten or changed."""

import pytest

from server.base.errors import (
    InvalidCredentials,
    InvalidFields,
    InvalidSignIn,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    TooManyAttempts,
    UserNotFound,
    WrongPassword,
)
from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.principals.actions import SetStatus, set_status
from server.core.principals.model import PrincipalStatus
from server.core.sessions.ending import ListSessions, list_sessions
from server.core.sign_in.model import SignedIn
from server.core.sign_in.passwords import (
    ChangePassword,
    ConfirmReset,
    change_password,
    confirm_reset,
)
from server.core.work import Core
from tests.support.accounts import PASSWORD, an_email
from tests.support.application import Application, signed_in, step
from tests.support.rolled_back import woken_by

NEW = "another good password"


async def open_sessions(application: Application, person: SignedIn) -> int:
    command = ListSessions(application.realm.id, person.principal.id)
    return len(await application.do(list_sessions, command))


# --- forgotten ------------------------------------------------------------------------------------


async def test_a_link_sets_the_password_once(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    sent = await application.forget_password(email)
    letter = await application.letter(email, "reset_password")

    await application.reset_password(letter.link_token, NEW)

    assert sent.expires_in == 900
    assert "/links/reset-password?token=" in letter.link
    signed_in(await application.log_in(email, NEW))
    with pytest.raises(InvalidCredentials):
        await application.log_in(email, PASSWORD)
    with pytest.raises(LinkUsed):
        await application.reset_password(letter.link_token, "a third good password")


async def test_a_stranger_gets_no_mail_and_nobody_is_told(
    uncommitted: Core, application: Application
) -> None:
    """The work is the same, and taken back."""
    email = an_email()
    before = list(woken_by(uncommitted))

    sent = await application.forget_password(email)

    assert sent.expires_in == 900
    assert await application.letters(email) == []
    assert (
        await application.rows("SELECT FROM one_time_secrets WHERE realm_id = $1", application.realm.id) == []
    )
    assert woken_by(uncommitted) == before


async def test_a_link_lives_fifteen_minutes(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    await application.forget_password(email)
    token = (await application.letter(email)).link_token

    application.move_clock(seconds=900)

    with pytest.raises(LinkExpired):
        await application.reset_password(token, NEW)


async def test_a_page_needs_no_realm_and_another_realm_knows_nothing(
    uncommitted: Core, application: Application
) -> None:
    email = an_email()
    await application.sign_up(email)
    await application.forget_password(email)
    token = Secret((await application.letter(email)).link_token)
    other = await Application.on(uncommitted)

    with pytest.raises(LinkUnknown):
        await other.reset_password(token.reveal(), NEW)
    person = await application.do(confirm_reset, ConfirmReset(None, token, Secret(NEW)))

    assert person.email == email
    assert person.email_verified


async def test_a_password_that_is_refused_leaves_the_link(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    await application.forget_password(email)
    token = (await application.letter(email)).link_token

    with pytest.raises(InvalidFields):
        await application.reset_password(token, "short")

    await application.reset_password(token, NEW)


async def test_a_reset_ends_sessions_unfinished_sign_ins_and_other_links(application: Application) -> None:
    email = an_email()
    new = await application.sign_up(email)
    app = await application.with_totp(new)
    waiting = step(await application.log_in(email))
    for _ in range(2):
        await application.forget_password(email)
    await application.send_link(email)
    magic = (await application.letter(email, "magic_link")).link_token
    first, second = await application.letters(email, "reset_password")

    await application.reset_password(first.link_token, NEW)

    assert await open_sessions(application, new) == 0
    with pytest.raises(InvalidSignIn):
        await application.advance(waiting, app.next_code())
    with pytest.raises(LinkUnknown):
        await application.reset_password(second.link_token, NEW)
    with pytest.raises(LinkUnknown):
        await application.follow_link(magic)
    assert len(await application.letters(email, "password_changed")) == 1


async def test_a_reset_takes_no_second_factor_away(application: Application) -> None:
    email = an_email()
    await application.with_totp(await application.sign_up_verified(email))
    await application.forget_password(email)

    await application.reset_password((await application.letter(email, "reset_password")).link_token, NEW)

    assert step(await application.log_in(email, NEW)).methods == ("totp",)


async def test_a_disabled_account_gets_no_link(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal
    await application.do(set_status, SetStatus(application.realm.id, person.id, PrincipalStatus.DISABLED))

    await application.forget_password(email)

    assert await application.letters(email) == []


async def test_too_many_links_are_refused_whoever_they_are_for(application: Application) -> None:
    known = an_email()
    await application.sign_up(known)
    for email in (known, an_email()):
        for _ in range(10):
            await application.forget_password(email)
        with pytest.raises(TooManyAttempts):
            await application.forget_password(email)


# --- changed --------------------------------------------------------------------------------------


def change(application: Application, person: SignedIn, current: str, new: str = NEW) -> ChangePassword:
    return ChangePassword(
        application.realm.id, person.principal.id, person.session.session.id, Secret(current), Secret(new)
    )


async def test_whoever_knows_the_password_changes_it_and_stays_signed_in(application: Application) -> None:
    email = an_email()
    person = await application.sign_up(email)
    for _ in range(2):
        await application.log_in(email)

    ended = await application.do(change_password, change(application, person, PASSWORD))

    assert ended == 2
    assert await open_sessions(application, person) == 1
    assert len(await application.letters(email, "password_changed")) == 1
    signed_in(await application.log_in(email, NEW))


async def test_a_wrong_current_password_changes_nothing_and_is_counted(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, max_failures=5, throttle_failures=50)
    email = an_email()
    person = await application.sign_up(email)
    for _ in range(5):
        with pytest.raises(WrongPassword):
            await application.do(change_password, change(application, person, NEW))

    with pytest.raises(InvalidCredentials):
        await application.log_in(email)
    assert len(await application.letters(email, "account_locked")) == 1
    assert await application.letters(email, "password_changed") == []


async def test_wrong_current_passwords_are_throttled(application: Application) -> None:
    person = await application.sign_up()
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await application.do(change_password, change(application, person, NEW))

    with pytest.raises(TooManyAttempts):
        await application.do(change_password, change(application, person, PASSWORD))


async def test_a_bad_new_password_is_named_as_the_request_calls_it(application: Application) -> None:
    person = await application.sign_up()

    with pytest.raises(InvalidFields) as refused:
        await application.do(change_password, change(application, person, PASSWORD, "short"))

    assert set(refused.value.fields) == {"new_password"}


async def test_a_person_of_another_realm_has_no_password_here(
    uncommitted: Core, application: Application
) -> None:
    person = await application.sign_up()
    other = await Application.on(uncommitted)

    with pytest.raises(UserNotFound):
        await other.do(change_password, change(other, person, PASSWORD))
    with pytest.raises(UserNotFound):
        await application.do(
            change_password,
            ChangePassword(application.realm.id, new_uid(), new_uid(), Secret(PASSWORD), Secret(NEW)),
        )
