"""Signing up."""

import pytest

from server.base.errors import EmailTaken, InvalidFields, InvalidRefreshToken, RegistrationClosed
from server.core.sessions.refresh import RefreshSession, refresh_session
from server.core.work import Core
from tests.support.accounts import an_email
from tests.support.application import Application, amr, session_of
from tests.support.sign_in import refresh_token_of


async def test_somebody_new_is_registered_and_signed_in(application: Application) -> None:
    email = an_email()

    new = await application.sign_up(email, metadata={"plan": "free"})

    assert new.is_new
    assert (new.principal.email, new.principal.email_verified) == (email, False)
    assert new.principal.metadata == {"plan": "free"}
    assert amr(new) == ("pwd",)
    assert new.session.access_token is not None


async def test_an_address_is_one_persons_in_the_realm(uncommitted: Core, application: Application) -> None:
    email = an_email()
    other = await Application.on(uncommitted)
    await application.sign_up(email)
    await other.sign_up(email)

    with pytest.raises(EmailTaken):
        await application.sign_up(email.upper())


@pytest.mark.parametrize("password", ["1234567", "password1", "x" * 257])
async def test_a_password_that_would_be_guessed_first_is_refused(
    application: Application, password: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await application.sign_up(password=password)

    assert set(refused.value.fields) == {"password"}


async def test_nobody_registers_in_a_closed_realm(uncommitted: Core) -> None:
    closed = await Application.on(uncommitted, registration_open=False)

    with pytest.raises(RegistrationClosed):
        await closed.sign_up()


@pytest.mark.parametrize(
    ("asked", "by_default", "mails"), [(True, False, 1), (False, True, 0), (None, True, 1)]
)
async def test_a_link_is_sent_if_it_is_asked_for_or_the_realm_wants_it(
    uncommitted: Core, *, asked: bool | None, by_default: bool, mails: int
) -> None:
    application = await Application.on(uncommitted, verify_at_sign_up=by_default)
    email = an_email()

    await application.sign_up(email, send_verification=asked)

    assert len(await application.letters(email, "verify_email")) == mails


async def test_a_session_without_the_second_factor_that_is_needed_is_not_refreshed(uncommitted: Core) -> None:
    strict = await Application.on(uncommitted, mfa="required")
    new = await strict.sign_up()

    with pytest.raises(InvalidRefreshToken):
        await strict.do(refresh_session, RefreshSession(strict.realm.id, refresh_token_of(session_of(new))))


async def test_with_the_factor_set_up_in_it_the_session_is_refreshed(uncommitted: Core) -> None:
    strict = await Application.on(uncommitted, mfa="required")
    new = await strict.sign_up()
    app = strict.app(await strict.begin_set_up(strict.by(new), "totp"))

    stronger = await strict.confirm_set_up(strict.by(new), app.code())

    assert amr(stronger) == ("pwd", "otp", "mfa")
    assert stronger.session.session.id == new.session.session.id
    refreshed = await strict.do(
        refresh_session, RefreshSession(strict.realm.id, refresh_token_of(session_of(stronger)))
    )
    assert refreshed.session.amr == ("pwd", "otp", "mfa")
