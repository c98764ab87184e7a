"""Signing in with a link, and verifying an address with one."""

import pytest

from server.base.errors import (
    AccountDisabled,
    InvalidCredentials,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    RedirectNotAllowed,
    TooManyAttempts,
)
from server.base.secret import Secret
from server.core.one_time_secrets.actions import look_up_token
from server.core.one_time_secrets.model import Purpose, RedeemToken
from server.core.principals.actions import SetStatus, set_status
from server.core.principals.model import PrincipalStatus
from server.core.sign_in.administration import ChangeUser, change_user
from server.core.sign_in.verification import SendVerification, VerifyEmail, send_verification, verify_email
from server.core.work import Core
from tests.support.accounts import APP, an_email
from tests.support.application import Application, amr, signed_in
from tests.support.locks import LockPrincipal, lock_principal


async def test_a_link_signs_in_once(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal
    sent = await application.send_link(email)
    letter = await application.letter(email, "magic_link")

    outcome = signed_in(await application.follow_link(letter.link_token))

    assert sent.expires_in == 900
    assert "/links/magic?token=" in letter.link
    assert outcome.principal.id == person.id
    assert outcome.principal.email_verified
    assert amr(outcome) == ("email",)
    with pytest.raises(LinkUsed):
        await application.follow_link(letter.link_token)


async def test_a_stranger_is_registered_by_a_link(application: Application) -> None:
    email = an_email("Jane")
    await application.send_link(email)

    outcome = signed_in(await application.follow_link((await application.letter(email)).link_token))

    assert outcome.is_new
    assert (outcome.principal.email, outcome.principal.email_verified) == (email, True)


async def test_strangers_to_a_closed_realm_get_no_link_and_are_not_told(uncommitted: Core) -> None:
    closed = await Application.on(uncommitted, registration_open=False)
    email = an_email()

    await closed.send_link(email)

    assert await closed.letters(email) == []


async def test_a_link_lives_fifteen_minutes(application: Application) -> None:
    email = an_email()
    await application.send_link(email)

    application.move_clock(seconds=900)

    with pytest.raises(LinkExpired):
        await application.follow_link((await application.letter(email)).link_token)


async def test_a_link_nobody_sent_is_unknown(application: Application) -> None:
    with pytest.raises(LinkUnknown):
        await application.follow_link("A" * 43)


async def test_a_link_is_good_in_its_own_realm_only(uncommitted: Core, application: Application) -> None:
    email = an_email()
    other = await Application.on(uncommitted)
    await application.send_link(email)

    with pytest.raises(LinkUnknown):
        await other.follow_link((await application.letter(email)).link_token)


async def test_the_link_knows_where_it_leads(application: Application) -> None:
    email = an_email()
    await application.send_link(email, f"{APP}/elsewhere")
    token = Secret((await application.letter(email)).link_token)

    seen = await application.do(look_up_token, RedeemToken(None, Purpose.MAGIC_LINK, token))

    assert seen.payload == {"redirect_url": f"{APP}/elsewhere"}
    assert seen.target == email
    signed_in(await application.follow_link(token.reveal()))


async def test_a_link_that_would_lead_elsewhere_is_refused(application: Application) -> None:
    with pytest.raises(RedirectNotAllowed):
        await application.send_link(an_email(), "https://evil.example/")


async def test_too_many_links_are_refused_whoever_they_are_for(application: Application) -> None:
    for email in (an_email(), an_email()):
        for _ in range(10):
            await application.send_link(email)
        with pytest.raises(TooManyAttempts) as refused:
            await application.send_link(email)
        assert refused.value.limit == 10


async def test_a_link_to_an_address_that_the_person_left_is_unknown(application: Application) -> None:
    email, new = an_email(), an_email()
    person = (await application.sign_up(email)).principal
    await application.send_link(email)
    token = (await application.letter(email, "magic_link")).link_token

    await application.do(change_user, ChangeUser(application.realm.id, person.id, email=new))

    with pytest.raises(LinkUnknown):
        await application.follow_link(token)


async def test_a_locked_or_disabled_account_is_not_opened_by_a_link(application: Application) -> None:
    locked, disabled = an_email(), an_email()
    for email in (locked, disabled):
        await application.sign_up(email)
        await application.send_link(email)
    (one,) = await application.rows("SELECT id FROM principals WHERE email = $1", locked)
    (two,) = await application.rows("SELECT id FROM principals WHERE email = $1", disabled)
    await application.do(lock_principal, LockPrincipal(application.realm.id, one["id"], "test"))
    await application.do(set_status, SetStatus(application.realm.id, two["id"], PrincipalStatus.DISABLED))

    with pytest.raises(InvalidCredentials):
        await application.follow_link((await application.letter(locked)).link_token)
    with pytest.raises(AccountDisabled):
        await application.follow_link((await application.letter(disabled)).link_token)


# --- verifying an address -------------------------------------------------------------------------


async def test_a_link_verifies_the_address_once(application: Application) -> None:
    email = an_email()
    await application.sign_up(email, send_verification=True)
    letter = await application.letter(email, "verify_email")
    shown = VerifyEmail(None, Secret(letter.link_token))

    verified = await application.do(verify_email, shown)

    assert "/links/verify-email?token=" in letter.link
    assert verified.email_verified
    with pytest.raises(LinkUsed):
        await application.do(verify_email, shown)


async def test_a_link_to_another_address_verifies_nothing(application: Application) -> None:
    email, new = an_email(), an_email()
    person = (await application.sign_up(email, send_verification=True)).principal
    letter = await application.letter(email, "verify_email")

    changed = await application.do(change_user, ChangeUser(application.realm.id, person.id, email=new))

    assert (changed.email, changed.email_verified) == (new, False)
    with pytest.raises(LinkUnknown):
        await application.do(verify_email, VerifyEmail(application.realm.id, Secret(letter.link_token)))
    fresh = Secret((await application.letter(new, "verify_email")).link_token)
    assert (await application.do(verify_email, VerifyEmail(None, fresh))).email_verified


async def test_a_magic_link_verifies_nothing_as_such_a_link(application: Application) -> None:
    email = an_email()
    await application.send_link(email)

    with pytest.raises(LinkUnknown):
        await application.do(
            verify_email, VerifyEmail(None, Secret((await application.letter(email)).link_token))
        )


async def test_links_that_verify_are_sent_only_so_often(application: Application) -> None:
    person = (await application.sign_up()).principal
    command = SendVerification(application.realm.id, person.id)
    for _ in range(10):
        await application.do(send_verification, command)

    with pytest.raises(TooManyAttempts):
        await application.do(send_verification, command)
