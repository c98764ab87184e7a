"""An account whose address nobody verified, when its reader comes: whoever made it is out."""

from collections.abc import Awaitable, Callable

import pytest

from server.base.errors import InvalidCode, InvalidCredentials, InvalidRefreshToken, InvalidSignIn
from server.base.secret import Secret
from server.core.factors.actions import ListFactors, list_factors
from server.core.factors.owner import Owner
from server.core.factors.recovery_codes import make_recovery_codes
from server.core.sessions.ending import ListSessions, list_sessions
from server.core.sessions.refresh import RefreshSession, refresh_session
from server.core.sign_in.administration import ChangeUser, change_user
from server.core.sign_in.model import SignedIn
from server.core.work import Core, Work
from tests.support.accounts import an_email
from tests.support.application import Application, session_of, signed_in, step
from tests.support.sign_in import refresh_token_of

NEW = "another good password"
PHONE = "+491700000077"

Coming = Callable[[Application, str], Awaitable[SignedIn]]


async def by_code(application: Application, email: str) -> SignedIn:
    """The reader signs in by a mailed code."""
    await application.send_code(email)
    return signed_in(
        await application.enter_code((await application.letter(email, "sign_in_code")).code, email)
    )


async def by_link(application: Application, email: str) -> SignedIn:
    """The reader signs in by a mailed link."""
    await application.send_link(email)
    return signed_in(
        await application.follow_link((await application.letter(email, "magic_link")).link_token)
    )


async def by_reset(application: Application, email: str) -> SignedIn:
    """The reader sets a password by mail, and signs in with it."""
    await application.forget_password(email)
    await application.reset_password((await application.letter(email, "reset_password")).link_token, NEW)
    return signed_in(await application.log_in(email, NEW))


async def sessions_of(application: Application, person: SignedIn) -> set[object]:
    """The ids of the person's open sessions."""
    found = await application.do(list_sessions, ListSessions(application.realm.id, person.principal.id))
    return {session.id for session in found}


@pytest.mark.parametrize("coming", [by_code, by_link, by_reset])
async def test_whoever_made_the_account_is_out_when_its_reader_comes(
    application: Application, coming: Coming
) -> None:
    email = an_email()
    squatter = await application.sign_up(email)

    reader = await coming(application, email)

    assert reader.principal.id == squatter.principal.id
    assert reader.principal.email_verified
    assert await sessions_of(application, squatter) == {reader.session.session.id}
    with pytest.raises(InvalidCredentials):
        await application.log_in(email)
    with pytest.raises(InvalidRefreshToken):
        await application.do(
            refresh_session, RefreshSession(application.realm.id, refresh_token_of(session_of(squatter)))
        )


@pytest.mark.parametrize(("coming", "letters"), [(by_code, 1), (by_link, 1), (by_reset, 0)])
async def test_the_reader_hears_of_what_was_taken_away(
    application: Application, coming: Coming, letters: int
) -> None:
    """Who has just set a password knows that there is another."""
    email = an_email()
    await application.sign_up(email)

    await coming(application, email)
    await by_link(application, email)

    assert len(await application.letters(email, "account_handed_over")) == letters


@pytest.mark.parametrize("coming", [by_code, by_link])
async def test_a_verified_account_keeps_its_password_and_sessions(
    application: Application, coming: Coming
) -> None:
    email = an_email()
    first = await application.sign_up_verified(email)

    second = await coming(application, email)

    assert await sessions_of(application, first) == {
        first.session.session.id,
        second.session.session.id,
    }
    signed_in(await application.log_in(email))
    assert await application.letters(email, "account_handed_over") == []


async def test_a_new_password_takes_a_squatters_second_factors_and_codes_away(
    application: Application,
) -> None:
    email = an_email()
    squatter = await application.sign_up(email)
    app = await application.with_totp(squatter)

    async def make(work: Work, owner: Owner) -> tuple[Secret, ...]:
        return await make_recovery_codes(work, owner)

    await application.do(make, Owner(application.realm, squatter.principal))
    waiting = step(await application.log_in(email))

    reader = await by_reset(application, email)

    factors = ListFactors(application.realm.id, reader.principal.id)
    assert await application.do(list_factors, factors) == ()
    assert len(await application.letters(email, "account_handed_over")) == 1
    with pytest.raises(InvalidSignIn):
        await application.advance(waiting, app.next_code())


async def test_a_second_factor_is_asked_for_and_whoever_gives_it_keeps_everything(
    application: Application,
) -> None:
    email = an_email()
    app = await application.with_totp(await application.sign_up(email))
    await application.send_link(email)

    waiting = step(await application.follow_link((await application.letter(email, "magic_link")).link_token))
    signed_in(await application.advance(waiting, app.next_code()))

    step(await application.log_in(email))
    assert await application.letters(email, "account_handed_over") == []


async def test_who_moved_in_from_another_address_or_number_is_out_too(application: Application) -> None:
    """What they proved was something else."""
    email = an_email()
    await application.send_code(phone=PHONE)
    squatter = signed_in(await application.enter_code((await application.letter(PHONE)).code, phone=PHONE))
    await application.do(change_user, ChangeUser(application.realm.id, squatter.principal.id, email=email))

    reader = await by_code(application, email)

    assert reader.principal.id == squatter.principal.id
    assert reader.principal.phone is None
    await application.send_code(phone=PHONE)
    other = signed_in(await application.enter_code((await application.letter(PHONE)).code, phone=PHONE))
    assert other.principal.id != reader.principal.id


async def test_a_lock_that_a_squatter_brought_about_ends_with_a_new_password(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, max_second_factor_failures=3)
    email = an_email()
    app = await application.with_totp(await application.sign_up(email))
    waiting = step(await application.log_in(email))
    for _ in range(3):
        with pytest.raises(InvalidCode):
            await application.advance(waiting, app.wrong_code())

    await by_reset(application, email)


async def test_what_was_taken_away_is_in_the_audit_log(application: Application) -> None:
    email = an_email()
    squatter = await application.sign_up(email)

    await by_code(application, email)

    (ended,) = await application.events("session.ended")
    assert (ended["data"] or "").count("handed_over") == 1
    assert len(await application.events("principal.password_removed")) == 1
    assert (
        str(squatter.principal.id) == (await application.events("principal.email_confirmed"))[0]["target_id"]
    )
