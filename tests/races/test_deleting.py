"""A project, or its users, are deleted while everything goes on: the rest is refused, and nothing fails.

Whatever an answer says is one that the document knows: the clients here see to that. So a deadlock that shows
fails these tests, and so does a row that refers to what is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import httpx2
import pytest

from server.core.projects.actions import DeleteProject, delete_project
from server.db.pool import Database
from tests.races.together import PATIENCE_SECONDS
from tests.support.accounts import PASSWORD, an_email
from tests.support.backend import Backend, Somebody, error_of
from tests.support.product import a_product
from tests.support.work import OPERATOR

ROUNDS = 3
NEW_PASSWORD = "another good pass phrase"


@dataclass(frozen=True)
class Going:
    """A user with all that can be sent to one, at a process.

    Args:
        code: That was mailed, to sign in with.
        link: The token of a link that was, to sign in with.
        reset: The token of a link that was, to set a password with.
    """

    app: Backend
    who: Somebody
    code: str
    link: str
    reset: str


Deleted = TypeVar("Deleted")
Deed = Callable[[Going], Awaitable[httpx2.Response]]

USERS_DEEDS: dict[str, Deed] = {
    "login": lambda at: at.app.log_in(at.who),
    "wrong login": lambda at: at.app.log_in(at.who, "not the password"),
    "refresh": lambda at: at.app.post("token/refresh", refresh_token=at.who.refresh_token),
    "verify": lambda at: at.app.post("token/verify", token=at.who.access_token),
    "revoke": lambda at: at.app.post("token/revoke", token=at.who.access_token),
    "revoke refresh": lambda at: at.app.post("token/revoke", token=at.who.refresh_token),
    "logout": lambda at: at.app.post("logout", bearer=at.who.access_token),
    "end sessions": lambda at: at.app.call("DELETE", "sessions", token=at.who.access_token),
    "send code": lambda at: at.app.post("otp/send", email=at.who.email),
    "send link": lambda at: at.app.post("magic-link/send", email=at.who.email),
    "send reset": lambda at: at.app.post("password/reset", email=at.who.email),
    "code": lambda at: at.app.post("otp/verify", email=at.who.email, otp=at.code),
    "link": lambda at: at.app.post("magic-link/verify", token=at.link),
    "reset": lambda at: at.app.post("password/confirm", reset_token=at.reset, new_password=NEW_PASSWORD),
    "change password": lambda at: at.app.post(
        "password/change",
        bearer=at.who.access_token,
        current_password=PASSWORD,
        new_password=NEW_PASSWORD,
    ),
    "totp": lambda at: at.app.post("mfa/enroll", bearer=at.who.access_token, method="totp"),
    "sms": lambda at: at.app.post(
        "mfa/enroll", bearer=at.who.access_token, method="sms", phone="+15551230001"
    ),
    "change address": lambda at: at.app.call("PATCH", f"users/{at.who.id}", {"email": an_email()}),
    "disable": lambda at: at.app.call("PATCH", f"users/{at.who.id}", {"disabled": True}),
}
PROJECTS_DEEDS: dict[str, Deed] = {
    **USERS_DEEDS,
    "sign up": lambda at: at.app.post("signup", email=an_email(), password=PASSWORD),
    "send code to a stranger": lambda at: at.app.post("otp/send", email=an_email()),
    "list": lambda at: at.app.get("users"),
}
KINDS = {
    "logins": ("login", "wrong login", "refresh", "sign up", "logout"),
    "messages": ("send code", "send link", "send reset", "send code to a stranger", "code", "link"),
    "changes": ("change address", "disable", "totp", "sms", "change password", "reset", "end sessions"),
    "everything": tuple(PROJECTS_DEEDS),
}


@pytest.fixture
async def processes(databases: tuple[Database, Database]) -> tuple[Backend, Backend]:
    """An application whose backend calls two processes."""
    one = await Backend.on(a_product(databases[0]))
    return one, replace(one, product=a_product(databases[1]))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_project_is_deleted_while_its_users_go_on(
    databases: tuple[Database, Database], kind: str
) -> None:
    deeds = [PROJECTS_DEEDS[name] for name in KINDS[kind]]
    for _ in range(ROUNDS):
        one = await Backend.on(a_product(databases[0]))
        other = replace(one, product=a_product(databases[1]))
        at = await _going(one)
        delete = DeleteProject(one.project.organization_id, one.project.id)

        await _together(
            _all(deeds, at, other), other.product.core.perform(delete_project, delete, actor=OPERATOR)
        )

        for process in (one, other):
            assert error_of(await process.log_in(at.who)) == (401, "invalid_api_key")
            shown = await process.call("GET", "sessions", token=at.who.access_token, with_key=False)
            assert error_of(shown) == (401, "invalid_token")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_user_is_deleted_while_they_go_on(processes: tuple[Backend, Backend], kind: str) -> None:
    one, other = processes
    deeds = [USERS_DEEDS[name] for name in KINDS[kind] if name in USERS_DEEDS]
    for _ in range(ROUNDS):
        at = await _going(one)

        answer = await _together(_all(deeds, at, other), other.call("DELETE", f"users/{at.who.id}"))

        assert answer.status_code == 200, answer.text
        assert error_of(await one.get(f"users/{at.who.id}")) == (404, "user_not_found")
        assert not await one.is_alive(at.who)
        assert error_of(await one.post("token/refresh", refresh_token=at.who.refresh_token))[0] == 401
        assert error_of(await one.log_in(at.who)) == (401, "invalid_credentials")


async def test_of_those_who_log_out_at_one_moment_the_others_have_no_token_any_more(
    processes: tuple[Backend, Backend],
) -> None:
    who = await processes[0].somebody()

    logouts = [at.post("logout", bearer=who.access_token) for at in processes * 10]
    answers = await asyncio.gather(*logouts)

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19
    assert {error_of(answer) for answer in answers if answer.status_code != 200} == {(401, "invalid_token")}


async def _going(app: Backend) -> Going:
    """A new user to whom everything was sent once."""
    who = await app.somebody()
    for path in ("otp/send", "magic-link/send", "password/reset"):
        assert (await app.post(path, email=who.email)).status_code == 200
    return Going(
        app,
        who,
        (await app.letter(who.email, "sign_in_code")).code,
        (await app.letter(who.email, "magic_link")).link_token,
        (await app.letter(who.email, "reset_password")).link_token,
    )


def _all(deeds: list[Deed], at: Going, other: Backend) -> list[Awaitable[httpx2.Response]]:
    """Each of the deeds at both processes."""
    return [deed(place) for deed in deeds for place in (at, replace(at, app=other))]


async def _together(deeds: list[Awaitable[httpx2.Response]], deletion: Awaitable[Deleted]) -> Deleted:
    """What came of the deletion, at the same moment as which all *deeds* were done.

    Raises:
        Exception: The deletion was refused, or one of the deeds answered what is not documented.
    """
    async with asyncio.timeout(PATIENCE_SECONDS):
        deleted, _ = await asyncio.gather(deletion, asyncio.gather(*deeds))
    return deleted
