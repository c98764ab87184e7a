"""A new password while somebody signs in with the old one: nothing that the old one opens outlives it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from server.base.errors import InvalidSignIn
from server.base.secret import Secret
from server.core.sessions.ending import ListSessions, list_sessions
from server.core.sign_in import begin
from server.core.sign_in.finish import Proved
from server.core.sign_in.model import SignedIn, SignInOutcome
from server.core.sign_in.passwords import ChangePassword, change_password
from server.core.sign_in.steps import go_on
from server.core.work import Work
from server.db.pool import Database
from tests.support.accounts import PASSWORD, an_email
from tests.support.application import Application, step
from tests.support.work import a_core

NEW = "another good password"

NewPassword = Callable[[Application, SignedIn], Awaitable[object]]


async def reset(application: Application, person: SignedIn) -> None:
    """By mail."""
    email = person.principal.email or ""
    await application.forget_password(email)
    token = (await application.letter(email, "reset_password")).link_token
    await application.reset_password(token, NEW)


async def change(application: Application, person: SignedIn) -> None:
    """By the person, in the session of the sign-up."""
    by = application.by(person)
    await application.do(
        change_password,
        ChangePassword(by.realm_id, by.principal_id, by.session_id, Secret(PASSWORD), Secret(NEW)),
    )


class Meeting:
    """A sign-in that stops after its password was found right, until the other has gone as far as it can.

    Args:
        observed: Where one sees who waits.
    """

    def __init__(self, observed: Database) -> None:
        self._observed = observed
        self._proved, self._goes_on = asyncio.Event(), asyncio.Event()

    async def go_on(self, work: Work, proved: Proved) -> SignInOutcome:
        """In the place of `go_on`."""
        self._proved.set()
        await self._goes_on.wait()
        return await go_on(work, proved)

    async def of(self, signing_in: Awaitable[SignInOutcome], other: Awaitable[object]) -> SignInOutcome:
        """*other* begins when the password was found right; the sign-in goes on when it waits, or is done."""
        first = asyncio.ensure_future(signing_in)
        await self._proved.wait()
        second = asyncio.ensure_future(other)
        while not second.done() and not await self._somebody_waits():
            await asyncio.wait({second}, timeout=0.01)
        self._goes_on.set()
        outcome = await first
        await second
        return outcome

    async def _somebody_waits(self) -> bool:
        async with self._observed.acquire() as conn:
            return bool(
                await conn.fetchval(
                    """
                    SELECT EXISTS (SELECT FROM pg_stat_activity
                                    WHERE datname = current_database() AND wait_event_type = 'Lock')
                    """
                )
            )


@pytest.mark.parametrize(("new_password", "left"), [(reset, 0), (change, 1)])
async def test_a_session_of_the_old_password_ends(
    databases: tuple[Database, Database],
    monkeypatch: pytest.MonkeyPatch,
    new_password: NewPassword,
    left: int,
) -> None:
    application, email = await Application.on(a_core(databases[0])), an_email()
    person = await application.sign_up_verified(email)
    meeting = Meeting(databases[1])
    monkeypatch.setattr(begin, "go_on", meeting.go_on)

    await meeting.of(application.log_in(email), new_password(application, person))

    command = ListSessions(application.realm.id, person.principal.id)
    assert len(await application.do(list_sessions, command)) == left


@pytest.mark.parametrize("new_password", [reset, change])
async def test_an_unfinished_sign_in_of_the_old_password_ends(
    databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch, new_password: NewPassword
) -> None:
    application, email = await Application.on(a_core(databases[0])), an_email()
    person = await application.sign_up_verified(email)
    app = await application.with_totp(person)
    meeting = Meeting(databases[1])
    monkeypatch.setattr(begin, "go_on", meeting.go_on)

    waiting = step(await meeting.of(application.log_in(email), new_password(application, person)))

    with pytest.raises(InvalidSignIn):
        await application.advance(waiting, app.next_code())
