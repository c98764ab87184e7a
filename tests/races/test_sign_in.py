"""Fifty uses of one thing at the same moment, at two processes: exactly one succeeds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from server.base.errors import (
    AppError,
    EmailTaken,
    InvalidCode,
    InvalidCredentials,
    InvalidSignIn,
    LinkUsed,
    TooManyAttempts,
)
from server.base.secret import Secret
from server.core.factors.owner import Owner
from server.core.factors.push import LinkPush, link_push
from server.core.factors.recovery_codes import make_recovery_codes
from server.core.realms.actions import SetPushIntegration, set_push_integration
from server.core.sign_in.administration import ChangeUser, change_user
from server.core.sign_in.begin import IdentitySignIn, begin_with_identity
from server.core.sign_in.model import SignedIn, SignInOutcome, StepRequired
from server.core.sign_in.verification import VerifyEmail, verify_email
from server.core.work import Work
from server.db.pool import Database
from tests.races.together import Outcomes, at_once
from tests.support.accounts import an_email
from tests.support.application import App, Application, step
from tests.support.phone import Given
from tests.support.scene import Scene
from tests.support.work import a_core

TIMES = 50


class Applications:
    """One application, at two processes.

    Args:
        one: At the first, where things are prepared.
        other: At the second.
    """

    def __init__(self, one: Application, other: Application) -> None:
        self.one, self.other = one, other

    async def all_at_once(
        self, deed: Callable[[Application, int], Awaitable[SignInOutcome]], times: int = TIMES
    ) -> Outcomes[SignInOutcome]:
        """*deed* is done so many times, at each process in turn."""
        return await at_once(*(deed((self.one, self.other)[n % 2], n) for n in range(times)))


async def applications(databases: tuple[Database, Database], **policy: Given) -> Applications:
    """An application with these rules."""
    one = await Application.on(a_core(databases[0]), **policy)
    return Applications(one, replace(one, core=a_core(databases[1])))


async def sign_ins(application: Application, signed_in: SignedIn, times: int = TIMES) -> list[StepRequired]:
    """So many sign-ins of one person that wait for a second proof."""
    command = IdentitySignIn(application.realm, signed_in.principal, "an-identity-provider")
    return [step(await application.do(begin_with_identity, command)) for _ in range(times)]


async def with_app(application: Application) -> tuple[SignedIn, App]:
    """Somebody with an authenticator app that has a code which was not used."""
    new = await application.sign_up()
    app = await application.with_totp(new)
    application.move_clock(seconds=30)
    return new, app


def same_clock(both: Applications) -> None:
    """The two processes tell the same time."""
    both.other.core.clock.set_offset(both.one.core.clock.offset)


# --- one use --------------------------------------------------------------------------------------


async def test_one_magic_link(databases: tuple[Database, Database]) -> None:
    both, email = await applications(databases), an_email()
    await both.one.sign_up(email)
    await both.one.send_link(email)
    token = (await both.one.letter(email)).link_token

    outcomes = await both.all_at_once(lambda application, _: application.follow_link(token))

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {LinkUsed}


async def test_one_magic_link_of_a_stranger(databases: tuple[Database, Database]) -> None:
    both, email = await applications(databases), an_email()
    await both.one.send_link(email)
    token = (await both.one.letter(email)).link_token

    outcomes = await both.all_at_once(lambda application, _: application.follow_link(token))

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {LinkUsed}


@pytest.mark.parametrize("known", [True, False])
async def test_one_code(databases: tuple[Database, Database], *, known: bool) -> None:
    both, email = await applications(databases), an_email()
    if known:
        await both.one.sign_up(email)
    await both.one.send_code(email)
    code = (await both.one.letter(email)).code

    outcomes = await both.all_at_once(lambda application, _: application.enter_code(code, email))

    # The right one is forgotten by the throttle, and ten after it may be wrong.
    kinds = [type(refusal) for refusal in outcomes.refusals]
    assert len(outcomes.results) == 1
    assert (kinds.count(InvalidCode), kinds.count(TooManyAttempts)) == (10, TIMES - 11)


async def test_one_reset(databases: tuple[Database, Database]) -> None:
    both, email = await applications(databases), an_email()
    await both.one.sign_up(email)
    await both.one.forget_password(email)
    token = (await both.one.letter(email)).link_token

    async def reset(application: Application, number: int) -> SignInOutcome:
        await application.reset_password(token, f"the password of number {number}")
        return await application.log_in(email, f"the password of number {number}")

    outcomes = await both.all_at_once(reset)

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {LinkUsed}


async def test_one_link_that_verifies(databases: tuple[Database, Database]) -> None:
    both, email = await applications(databases), an_email()
    await both.one.sign_up(email, send_verification=True)
    shown = VerifyEmail(None, Secret((await both.one.letter(email)).link_token))

    outcomes = await at_once(*((both.one, both.other)[n % 2].do(verify_email, shown) for n in range(TIMES)))

    assert outcomes.result.email_verified
    assert outcomes.refused_as == {LinkUsed}


async def test_one_code_of_an_app(databases: tuple[Database, Database]) -> None:
    """In fifty sign-ins."""
    both = await applications(databases, max_second_factor_failures=100)
    new, app = await with_app(both.one)
    same_clock(both)
    waiting, code = await sign_ins(both.one, new), app.code()

    outcomes = await both.all_at_once(lambda application, n: application.advance(waiting[n], code))

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {InvalidCode}


async def test_one_recovery_code(databases: tuple[Database, Database]) -> None:
    both = await applications(databases, max_second_factor_failures=100)
    new, _ = await with_app(both.one)
    same_clock(both)

    async def make(work: Work, owner: Owner) -> tuple[Secret, ...]:
        return await make_recovery_codes(work, owner)

    code = (await both.one.do(make, Owner(both.one.realm, new.principal)))[0].reveal()
    waiting = await sign_ins(both.one, new)

    outcomes = await both.all_at_once(lambda application, n: application.advance(waiting[n], code))

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {InvalidCode}


async def test_one_unfinished_sign_in(databases: tuple[Database, Database]) -> None:
    both = await applications(databases)
    new, app = await with_app(both.one)
    same_clock(both)
    (waiting,), code = await sign_ins(both.one, new, times=1), app.code()

    outcomes = await both.all_at_once(lambda application, _: application.advance(waiting, code))

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {InvalidSignIn}


async def test_one_yes_on_the_phone(databases: tuple[Database, Database]) -> None:
    both = await applications(databases)
    scene = await Scene.on(both.one.core)
    both.one.realm = await both.one.do(
        set_push_integration, SetPushIntegration(both.one.realm.id, scene.integration.id)
    )
    new, phone = await both.one.sign_up(), await scene.enrolled_phone()
    await both.one.do(link_push, LinkPush(Owner(both.one.realm, new.principal), phone.enrollment_id))
    (waiting,) = await sign_ins(both.one, new, times=1)
    await scene.answer(phone, await scene.fetch(phone), challenge=waiting.number)

    outcomes = await both.all_at_once(lambda application, _: application.advance(waiting, method="push"))

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {InvalidSignIn}


async def test_one_address_is_registered_once(databases: tuple[Database, Database]) -> None:
    both, email = await applications(databases), an_email()

    outcomes = await both.all_at_once(lambda application, _: application.sign_up(email), times=10)

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {EmailTaken}


# --- no more than so many -------------------------------------------------------------------------


async def test_wrong_passwords_at_the_same_moment_are_as_many_as_there_may_be(
    databases: tuple[Database, Database],
) -> None:
    both, email = await applications(databases, throttle_failures=5), an_email()
    await both.one.sign_up(email)

    outcomes = await both.all_at_once(lambda application, _: application.log_in(email, "not this one"))

    kinds = [type(refusal) for refusal in outcomes.refusals]
    assert (kinds.count(InvalidCredentials), kinds.count(TooManyAttempts)) == (5, TIMES - 5)


async def test_wrong_second_proofs_at_the_same_moment_are_as_many_as_there_may_be(
    databases: tuple[Database, Database],
) -> None:
    """Whatever sign-ins they are of; after them the right one is too late."""
    both = await applications(databases, max_second_factor_failures=10)
    new, app = await with_app(both.one)
    same_clock(both)
    waiting, wrong = await sign_ins(both.one, new), app.wrong_code()

    outcomes = await both.all_at_once(lambda application, n: application.advance(waiting[n], wrong))

    kinds = [type(refusal) for refusal in outcomes.refusals]
    assert (kinds.count(InvalidCode), kinds.count(InvalidSignIn)) == (10, TIMES - 10)
    with pytest.raises(InvalidSignIn):
        await both.one.advance(waiting[0], app.code())


async def test_wrong_codes_at_the_same_moment_are_as_many_as_there_may_be(
    databases: tuple[Database, Database],
) -> None:
    both, email = await applications(databases), an_email()
    await both.one.send_code(email)
    code = (await both.one.letter(email)).code
    guesses = [f"{(int(code) + n + 1) % 1_000_000:06d}" for n in range(TIMES)]

    await both.all_at_once(lambda application, n: application.enter_code(guesses[n], email))

    (row,) = await both.one.rows(
        "SELECT attempts FROM one_time_secrets WHERE realm_id = $1", both.one.realm.id
    )
    assert row["attempts"] == 5
    with pytest.raises(InvalidCode):
        await both.one.elsewhere().enter_code(code, email)


async def test_codes_that_are_asked_for_at_the_same_moment_are_as_many_as_there_may_be(
    databases: tuple[Database, Database],
) -> None:
    both, email = await applications(databases), an_email()

    outcomes = await at_once(*((both.one, both.other)[n % 2].send_code(email) for n in range(TIMES)))

    assert (len(outcomes.results), outcomes.refused_as) == (3, {TooManyAttempts})
    assert len(await both.one.letters(email)) == 3


# --- everything at once ---------------------------------------------------------------------------


async def test_nothing_waits_for_each_other_in_a_circle(databases: tuple[Database, Database]) -> None:
    """Whoever changes what is a person's holds the person first."""
    both = await applications(databases, messages_per_hour=100, links_per_hour=100, throttle_failures=100)
    email = an_email()
    new = await both.one.sign_up(email)
    # So that there is a letter to be found, whatever is disabled when.
    await both.one.send_link(email)
    await both.one.send_code(email)
    await both.one.forget_password(email)

    async def by_link(application: Application) -> None:
        await application.send_link(email)
        await application.follow_link((await application.letter(email, "magic_link")).link_token)

    async def by_code(application: Application) -> None:
        await application.send_code(email)
        await application.enter_code((await application.letter(email, "sign_in_code")).code, email)

    async def by_reset(application: Application) -> None:
        await application.forget_password(email)
        token = (await application.letter(email, "reset_password")).link_token
        await application.reset_password(token, "another good password")

    async def by_change(application: Application) -> None:
        await application.do(change_user, ChangeUser(application.realm.id, new.principal.id, disabled=True))
        await application.do(change_user, ChangeUser(application.realm.id, new.principal.id, disabled=False))

    async def by_password(application: Application) -> None:
        await application.log_in(email, "another good password")

    deeds = (by_link, by_code, by_reset, by_change, by_password)
    done = await asyncio.gather(
        *(deed((both.one, both.other)[n % 2]) for n in range(8) for deed in deeds), return_exceptions=True
    )

    assert [failed for failed in done if failed is not None and not isinstance(failed, AppError)] == []
