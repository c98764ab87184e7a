"""Whose account an address opens: letters that are the same to one program and not to another open none."""

import pytest

from server.base.errors import InvalidCode, InvalidCredentials, TooManyAttempts
from tests.support.accounts import an_email
from tests.support.application import Application, signed_in

DOTTED_CAPITAL_I = "\u0130"
"""Lower case is `i` to many databases, and two characters to Python."""


def alike(email: str) -> str:
    """An address that is somebody else's, and was once taken for *email*."""
    return email.replace("i", DOTTED_CAPITAL_I, 1)


async def test_a_code_to_an_address_that_looks_alike_opens_that_ones_account(
    application: Application,
) -> None:
    victim = an_email("victim")
    person = (await application.sign_up(victim)).principal
    await application.send_code(alike(victim))
    code = (await application.letter(alike(victim), "sign_in_code")).code

    with pytest.raises(InvalidCode):
        await application.enter_code(code, victim)
    outcome = signed_in(await application.enter_code(code, alike(victim)))

    assert outcome.is_new
    assert outcome.principal.id != person.id
    assert outcome.principal.email == alike(victim)
    assert await application.letters(victim, "sign_in_code") == []


async def test_a_link_to_an_address_that_looks_alike_opens_that_ones_account(
    application: Application,
) -> None:
    victim = an_email("victim")
    person = (await application.sign_up(victim)).principal
    await application.send_link(alike(victim))

    letter = await application.letter(alike(victim), "magic_link")
    outcome = signed_in(await application.follow_link(letter.link_token))

    assert outcome.is_new
    assert outcome.principal.id != person.id


async def test_a_reset_for_an_address_that_looks_alike_is_for_nobody(application: Application) -> None:
    victim = an_email("victim")
    await application.sign_up(victim)

    await application.forget_password(alike(victim))

    assert await application.letters(victim, "reset_password") == []
    assert await application.letters(alike(victim)) == []


async def test_an_address_that_looks_alike_gives_no_more_guesses(application: Application) -> None:
    victim = an_email("victim")
    await application.sign_up(victim)

    with pytest.raises(InvalidCredentials):
        await application.log_in(alike(victim))
    for number in range(10):
        with pytest.raises(InvalidCredentials):
            await application.log_in(victim.upper() if number % 2 else victim, "not the right password")

    with pytest.raises(TooManyAttempts):
        await application.log_in(victim.title())


async def test_mail_to_somebody_known_goes_to_the_address_that_is_known(application: Application) -> None:
    email = an_email("jane")
    await application.sign_up(email)

    await application.send_code(email.upper())
    await application.send_link(email.upper())
    await application.forget_password(email.upper())

    for template in ("sign_in_code", "magic_link", "reset_password"):
        (letter,) = await application.letters(email, template)
        assert letter.to == email


async def test_a_domain_opens_the_account_however_it_is_written(application: Application) -> None:
    local = an_email().partition("@")[0]
    person = (await application.sign_up(f"{local}@ex\u00e4mple.org")).principal

    outcome = signed_in(await application.log_in(f"{local}@xn--exmple-cua.org"))

    assert outcome.principal.id == person.id
