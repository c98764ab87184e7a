"""How many codes go to numbers that are nobody's: each costs the application's owner money."""

from itertools import count
from typing import Any

import pytest

from server.base.errors import TooManyAttempts
from server.core.work import Core
from tests.support.accounts import an_email
from tests.support.application import Application, signed_in

_numbers = count(491_510_000_000)


def a_number() -> str:
    """A number that the tests here use once."""
    return f"+{next(_numbers)}"


async def registered(application: Application) -> str:
    """The number of somebody who signed in with it."""
    phone = a_number()
    await application.send_code(phone=phone)
    signed_in(await application.enter_code((await application.letter(phone)).code, phone=phone))
    return phone


async def refused_at(application: Application, phone: str) -> TooManyAttempts:
    """What is said instead of sending a code."""
    with pytest.raises(TooManyAttempts) as refused:
        await application.send_code(phone=phone)
    return refused.value


async def sent_by(application: Application) -> list[dict[str, Any]]:
    """The realm's messages to phones."""
    return await application.rows(
        "SELECT id FROM outbox_messages WHERE channel = 'sms' AND realm_id = $1", application.realm.id
    )


async def test_a_realm_sends_strangers_only_so_many_from_wherever_they_ask(uncommitted: Core) -> None:
    application = await Application.on(uncommitted)
    for place in range(5):
        there = application.elsewhere(f"198.51.100.{place}")
        for _ in range(20):
            await there.send_code(phone=a_number())

    assert (await refused_at(application.elsewhere("203.0.113.1"), a_number())).limit == 100
    assert len(await sent_by(application)) == 100


async def test_whoever_is_refused_cannot_tell_who_is_known(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, sms_to_strangers_per_hour=3)
    known = await registered(application)
    await application.send_code(phone=a_number())
    await application.send_code(phone=a_number())

    to_known, to_nobody = await refused_at(application, known), await refused_at(application, a_number())

    assert (to_known.limit, to_known.retry_after_seconds) == (to_nobody.limit, to_nobody.retry_after_seconds)


async def test_people_who_are_known_are_not_counted(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, sms_to_strangers_per_hour=3, messages_per_hour=100)
    known = await registered(application)

    for _ in range(10):
        await application.send_code(phone=known)

    await application.send_code(phone=a_number())
    await application.send_code(phone=a_number())
    assert (await refused_at(application, a_number())).limit == 3


async def test_who_is_sent_nothing_is_not_counted(uncommitted: Core) -> None:
    closed = await Application.on(uncommitted, registration_open=False, sms_to_strangers_per_hour=1)

    for _ in range(3):
        await closed.send_code(phone=a_number())

    assert await sent_by(closed) == []


async def test_codes_by_mail_go_on(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, sms_to_strangers_per_hour=0)
    email = an_email()

    await application.send_code(email)

    assert len(await application.letters(email)) == 1
    assert (await refused_at(application, a_number())).limit == 0


async def test_after_the_hour_strangers_are_sent_codes_again(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, sms_to_strangers_per_hour=1)
    await application.send_code(phone=a_number())
    await refused_at(application, a_number())

    application.move_clock(hours=1)

    await application.send_code(phone=a_number())


async def test_realms_do_not_share_a_count(uncommitted: Core) -> None:
    application = await Application.on(uncommitted, sms_to_strangers_per_hour=1)
    other = await Application.on(uncommitted, sms_to_strangers_per_hour=1)
    await application.send_code(phone=a_number())

    await other.send_code(phone=a_number())


async def test_numbers_that_are_set_up_as_a_factor_are_counted_with_them(uncommitted: Core) -> None:
    """Anybody can register, and set up any number."""
    application = await Application.on(uncommitted, sms_to_strangers_per_hour=1)
    first, second = await application.sign_up(), await application.sign_up()
    await application.with_sms(first, a_number())

    with pytest.raises(TooManyAttempts):
        await application.with_sms(second, a_number())
    await refused_at(application, a_number())
