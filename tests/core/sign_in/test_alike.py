"""For somebody who is not there as much is done. How long it takes is measured in tests/bench."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import pytest

from server.base.errors import InvalidCredentials
from server.base.secret import Secret
from server.core.credentials import passwords
from server.core.realms.actions import ChangePolicy, change_policy
from server.core.sign_in.begin import CodeSignIn, PasswordSignIn, sign_in_with_code, sign_in_with_password
from server.core.sign_in.passwords import RequestReset, request_reset
from server.core.sign_in.sending import SendCode, SendMagicLink, send_code, send_magic_link
from server.core.work import Refusal, Work
from server.crypto.passwords import verify_password
from server.db.pool import Connection
from tests.support.accounts import PASSWORD, an_email
from tests.support.application import Application
from tests.support.locks import LockPrincipal, lock_principal
from tests.support.work import a_work

Deed = Callable[[Work], Awaitable[object]]


class CountingConnection:
    """A connection that notes what is sent on it.

    Args:
        conn: Where all is passed on to.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.sent: list[str] = []

    def __getattr__(self, name: str) -> object:
        if name in {"fetch", "fetchrow", "fetchval", "execute", "transaction"}:
            self.sent.append(name)
        return getattr(self._conn, name)


async def sent_for(application: Application, deed: Deed) -> tuple[list[str], int]:
    """What is sent for a deed that is refused or not, and how many audit records come of it."""
    async with application.core.db.acquire() as conn:
        counting = CountingConnection(conn)
        work = a_work(
            cast("Connection", counting), now=application.core.clock.now(), actor=application.backend
        )
        with suppress(Refusal):
            await deed(work)
    return counting.sent, len(work.events)


async def test_unknown_wrong_and_locked_cost_the_same_statements(application: Application) -> None:
    known, locked = an_email(), an_email()
    await application.sign_up(known)
    person = (await application.sign_up(locked)).principal
    await application.do(lock_principal, LockPrincipal(application.realm.id, person.id, "test"))

    def log_in(email: str, password: str) -> Deed:
        command = PasswordSignIn(application.realm.id, email, Secret(password))
        return lambda work: sign_in_with_password(work, command)

    unknown = await sent_for(application, log_in(an_email(), PASSWORD))
    wrong = await sent_for(application, log_in(known, "not the right password"))
    right_but_locked = await sent_for(application, log_in(locked, PASSWORD))

    assert unknown == wrong == right_but_locked
    assert len(unknown[0]) > 4


async def test_a_hash_is_compared_whether_or_not_there_is_one(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = an_email()
    await application.send_code(without)
    await application.enter_code((await application.letter(without)).code, without)
    compared: list[str | None] = []

    async def noting(kept: str | None, password: Secret, account: str) -> bool:
        compared.append(kept)
        return await verify_password(kept, password, account)

    monkeypatch.setattr(passwords, "verify_password", noting)
    for email in (an_email(), without):
        with pytest.raises(InvalidCredentials):
            await application.log_in(email, PASSWORD)

    assert compared == [None, None]


async def test_messages_to_nobody_cost_the_same_statements(application: Application) -> None:
    """Where strangers are sent none."""
    known = an_email()
    await application.sign_up(known)
    await application.do(change_policy, ChangePolicy(application.realm.id, {"registration_open": False}))
    realm_id = application.realm.id
    deeds: dict[str, Callable[[str], Deed]] = {
        "reset": lambda email: lambda work: request_reset(work, RequestReset(realm_id, email)),
        "code": lambda email: lambda work: send_code(work, SendCode(realm_id, email)),
        "link": lambda email: lambda work: send_magic_link(work, SendMagicLink(realm_id, email)),
    }

    for what, deed in deeds.items():
        to_somebody = await sent_for(application, deed(known))
        to_nobody = await sent_for(application, deed(an_email()))
        assert to_somebody == to_nobody, what


@pytest.mark.parametrize("registration_open", [True, False])
async def test_codes_by_sms_cost_the_same_statements_for_strangers(
    application: Application, *, registration_open: bool
) -> None:
    known = "+491700000001"
    await application.send_code(phone=known)
    await application.enter_code((await application.letter(known)).code, phone=known)
    rules = {"registration_open": registration_open}
    await application.do(change_policy, ChangePolicy(application.realm.id, rules))

    def send(phone: str) -> Deed:
        return lambda work: send_code(work, SendCode(application.realm.id, phone=phone))

    assert await sent_for(application, send(known)) == await sent_for(application, send("+491700000002"))


async def test_a_wrong_code_costs_the_same_for_nobody(application: Application) -> None:
    known, unknown = an_email(), an_email()
    await application.sign_up(known)
    for email in (known, unknown):
        await application.send_code(email)

    def enter(email: str) -> Deed:
        command = CodeSignIn(application.realm.id, email, None, Secret("x"))
        return lambda work: sign_in_with_code(work, command)

    of_known = await sent_for(application, enter(known))

    assert of_known == await sent_for(application, enter(unknown))
    # Nor for an address that no code was sent to.
    assert of_known == await sent_for(application, enter(an_email()))
    assert len(of_known[0]) > 4
