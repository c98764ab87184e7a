"""Signing in with a code that was sent."""

import pytest

from server.base.errors import AccountDisabled, InvalidCode, InvalidFields, TooManyAttempts
from server.core.principals.actions import SetStatus, set_status
from server.core.principals.model import PrincipalStatus
from server.core.work import Core
from tests.support.accounts import an_email
from tests.support.application import Application, amr, signed_in
from tests.support.locks import LockPrincipal, lock_principal

PHONE = "+491700000001"


def another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def test_a_mailed_code_signs_in_once(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal
    sent = await application.send_code(email)
    code = (await application.letter(email)).code

    outcome = signed_in(await application.enter_code(code, email))

    assert sent.expires_in == 600
    assert outcome.principal.id == person.id
    assert amr(outcome) == ("email",)
    with pytest.raises(InvalidCode):
        await application.enter_code(code, email)


async def test_a_code_shows_who_reads_the_address(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    await application.send_code(email)

    outcome = signed_in(await application.enter_code((await application.letter(email)).code, email))

    assert outcome.principal.email_verified


async def test_a_stranger_is_registered_by_a_mailed_code(application: Application) -> None:
    email = an_email()
    await application.send_code(email.upper())

    outcome = signed_in(await application.enter_code((await application.letter(email)).code, email))

    assert outcome.is_new
    assert (outcome.principal.email, outcome.principal.email_verified) == (email, True)


async def test_a_stranger_is_registered_by_a_code_on_the_phone(application: Application) -> None:
    await application.send_code(phone=PHONE)
    letter = await application.letter(PHONE)

    outcome = signed_in(await application.enter_code(letter.code, phone=PHONE))

    assert letter.channel == "sms"
    assert (outcome.principal.phone, outcome.principal.phone_verified) == (PHONE, True)
    assert outcome.principal.email is None
    assert amr(outcome) == ("sms",)


async def test_the_same_number_is_the_same_person_the_next_time(application: Application) -> None:
    await application.send_code(phone=PHONE)
    first = signed_in(await application.enter_code((await application.letter(PHONE)).code, phone=PHONE))
    await application.send_code(phone=PHONE)
    again = signed_in(await application.enter_code((await application.letter(PHONE)).code, phone=PHONE))

    assert again.principal.id == first.principal.id
    assert not again.is_new


async def test_strangers_to_a_closed_realm_get_nothing_and_are_not_told(uncommitted: Core) -> None:
    closed = await Application.on(uncommitted, registration_open=False)
    email = an_email()

    sent = await closed.send_code(email)

    assert sent.expires_in == 600
    assert await closed.letters(email) == []
    assert await closed.rows("SELECT FROM one_time_secrets WHERE realm_id = $1", closed.realm.id) == []


@pytest.mark.parametrize(("email", "phone"), [(None, None), ("jane@example.com", PHONE), ("jane", None)])
async def test_exactly_one_address_is_needed(
    application: Application, email: str | None, phone: str | None
) -> None:
    with pytest.raises(InvalidFields):
        await application.send_code(email, phone)


async def test_a_code_is_for_whom_it_was_sent_to(application: Application) -> None:
    email, other = an_email(), an_email()
    await application.send_code(email)

    with pytest.raises(InvalidCode):
        await application.enter_code((await application.letter(email)).code, other)


async def test_a_code_is_good_in_its_own_realm_only(uncommitted: Core, application: Application) -> None:
    email = an_email()
    other = await Application.on(uncommitted)
    await application.send_code(email)

    with pytest.raises(InvalidCode):
        await other.enter_code((await application.letter(email)).code, email)


async def test_a_code_lives_ten_minutes(application: Application) -> None:
    email = an_email()
    await application.send_code(email)

    application.move_clock(seconds=600)

    with pytest.raises(InvalidCode):
        await application.enter_code((await application.letter(email)).code, email)


async def test_the_fifth_wrong_try_is_the_last(application: Application) -> None:
    email = an_email()
    await application.send_code(email)
    code = (await application.letter(email)).code
    for _ in range(5):
        with pytest.raises(InvalidCode):
            await application.enter_code(another(code), email)

    with pytest.raises(InvalidCode):
        await application.enter_code(code, email)


async def test_a_new_code_is_the_only_one(application: Application) -> None:
    email = an_email()
    await application.send_code(email)
    old = (await application.letter(email)).code
    await application.send_code(email)
    new = (await application.letter(email)).code

    if old != new:
        with pytest.raises(InvalidCode):
            await application.enter_code(old, email)
    signed_in(await application.enter_code(new, email))


async def test_the_fourth_code_in_an_hour_is_refused_whoever_it_is_for(application: Application) -> None:
    known = an_email()
    await application.sign_up(known)
    limits = []
    for email in (known, an_email()):
        for _ in range(3):
            await application.send_code(email)
        with pytest.raises(TooManyAttempts) as refused:
            await application.send_code(email)
        limits.append((refused.value.limit, refused.value.retry_after_seconds > 3500))

    assert limits == [(3, True), (3, True)]


async def test_after_the_hour_codes_are_sent_again(application: Application) -> None:
    email = an_email()
    for _ in range(3):
        await application.send_code(email)

    application.move_clock(hours=1)

    await application.send_code(email)


async def test_wrong_codes_count_like_wrong_passwords(uncommitted: Core) -> None:
    """New codes are no new tries without end."""
    application = await Application.on(uncommitted, max_failures=5, messages_per_hour=100)
    email = an_email()
    await application.sign_up(email)
    for _ in range(5):
        await application.send_code(email)
        code = (await application.letter(email, "sign_in_code")).code
        with pytest.raises(InvalidCode):
            await application.enter_code(another(code), email)

    await application.send_code(email)

    with pytest.raises(InvalidCode):
        await application.enter_code((await application.letter(email, "sign_in_code")).code, email)
    assert len(await application.letters(email, "account_locked")) == 1


async def test_codes_for_which_there_is_none_count_against_nobody(uncommitted: Core) -> None:
    """Never sent, used, past its time or dead: there is nothing that could be guessed."""
    application = await Application.on(uncommitted, max_failures=5, throttle_failures=100)
    email = an_email()
    await application.sign_up_verified(email)

    async def wrong(code: str, times: int) -> None:
        for _ in range(times):
            with pytest.raises(InvalidCode):
                await application.enter_code(another(code), email)

    await wrong("123456", 6)
    await application.send_code(email)
    code = (await application.letter(email, "sign_in_code")).code
    signed_in(await application.enter_code(code, email))
    await wrong(code, 6)
    await application.send_code(email)
    application.move_clock(seconds=600)
    await wrong("123456", 6)

    signed_in(await application.log_in(email))
    assert await application.letters(email, "account_locked") == []
    refusals = await application.events("sign_in.refused")
    assert len(refusals) == 18
    assert all("no_code" in refusal["data"] for refusal in refusals)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("sent", [True, False])
async def test_the_eleventh_wrong_code_from_one_place_is_refused_unseen_whoever_it_is_for(
    application: Application, *, known: bool, sent: bool
) -> None:
    """Or the throttle would tell who is sent codes."""
    email = an_email()
    if known:
        await application.sign_up(email)
    if sent:
        await application.send_code(email)
    code = (await application.letter(email, "sign_in_code")).code if sent else "123456"
    for _ in range(10):
        with pytest.raises(InvalidCode):
            await application.enter_code(another(code), email)

    with pytest.raises(TooManyAttempts):
        await application.enter_code(code, email.upper())

    with pytest.raises(InvalidCode):
        await application.elsewhere().enter_code(another(code), email)
    application.move_clock(seconds=900)
    with pytest.raises(InvalidCode):
        await application.enter_code(another(code), email)


async def test_a_right_code_lets_the_throttle_forget_the_wrong_ones(application: Application) -> None:
    """Ordinary mistakes never add up: two codes with four wrong tries each, and what was used tried again."""
    email = an_email()
    for _ in range(3):
        await application.send_code(email)
        code = (await application.letter(email, "sign_in_code")).code
        for _ in range(4):
            with pytest.raises(InvalidCode):
                await application.enter_code(another(code), email)
        signed_in(await application.enter_code(code, email))
        with pytest.raises(InvalidCode):
            await application.enter_code(code, email)


async def test_a_locked_account_is_not_opened_by_a_code(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal
    await application.send_code(email)
    await application.do(lock_principal, LockPrincipal(application.realm.id, person.id, "test"))

    with pytest.raises(InvalidCode):
        await application.enter_code((await application.letter(email)).code, email)


async def test_a_disabled_account_is_named_after_the_code_and_gets_no_other(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal
    await application.send_code(email)
    await application.do(set_status, SetStatus(application.realm.id, person.id, PrincipalStatus.DISABLED))

    with pytest.raises(AccountDisabled):
        await application.enter_code((await application.letter(email)).code, email)
    await application.send_code(email)
    assert len(await application.letters(email)) == 1
