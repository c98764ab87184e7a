"""A phone as the second factor: the log-in waits for it, by the product's own attempts."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import httpx2
import pytest

from server.base.ids import uid_of
from server.core.factors.owner import Owner
from server.core.factors.push import LinkPush, link_push
from server.core.principals.actions import ReadPrincipal, read_principal
from server.core.realms.actions import SetPushIntegration, set_push_integration
from server.core.work import Work
from tests.support.backend import Backend, Somebody, error_of, signed_in
from tests.support.phone import Body, Phone
from tests.surfaces.kit.asgi_client import waits_held


@dataclass
class Person:
    """Somebody whose phone is asked when they log in."""

    app: Backend
    who: Somebody
    phone: Phone

    async def begin(self) -> Body:
        """The password is right; the challenge."""
        answer = await self.app.log_in(self.who)
        assert answer.status_code == 200, answer.text
        challenge: Body = answer.json()
        return challenge

    async def look(self, challenge: Body, *, wait: int | None = None) -> httpx2.Response:
        """What the phone has said, waiting so many seconds for it."""
        body = {"mfa_token": challenge["mfa_token"], "method": "push"}
        headers = {} if wait is None else {"Prefer": f"wait={wait}"}
        return await self.app.call("POST", "mfa/verify", body, headers=headers)

    async def say(self, *, yes: bool, number: int | None) -> None:
        """The owner answers on the phone."""
        product = self.app.product
        await product.answer(self.phone, await product.fetched(self.phone), accepted=yes, challenge=number)


@pytest.fixture
async def person(app: Backend) -> Person:
    product = app.product
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    who = await app.somebody()

    async def link(work: Work) -> None:
        realm = await set_push_integration(
            work, SetPushIntegration(app.project.realm_id, party.integration.id)
        )
        principal = await read_principal(work, ReadPrincipal(realm.id, _uid(who)))
        await link_push(work, LinkPush(Owner(realm, principal), phone.enrollment_id))

    await product.made(link)
    return Person(app, who, phone)


async def test_p23_the_challenge_shows_the_number_to_type(person: Person) -> None:
    challenge = await person.begin()
    still = await person.look(challenge)

    assert challenge["available_methods"] == ["push"]
    assert 100_000 <= challenge["number"] <= 999_999
    assert (still.status_code, still.json()) == (200, challenge)
    assert (await person.app.profile(person.who))["mfa_methods"] == ["push"]


async def test_p40_a_yes_on_the_phone_finishes_the_log_in(person: Person) -> None:
    challenge = await person.begin()
    await person.say(yes=True, number=challenge["number"])

    answer = await person.look(challenge)

    assert answer.status_code == 200
    assert signed_in(answer, person.who.email).claims["amr"] == ["pwd", "swk", "mfa"]
    assert error_of(await person.look(challenge)) == (400, "invalid_sign_in")


async def test_p40_the_answer_is_held_until_the_phone_has_said_something(person: Person) -> None:
    challenge = await person.begin()
    waiting = asyncio.create_task(person.look(challenge, wait=30))
    await waits_held(person.app.product.gateway, 1)

    await person.say(yes=True, number=challenge["number"])
    answer = await waiting

    assert answer.status_code == 200
    assert "access_token" in answer.json()


async def test_p40_a_no_on_the_phone_ends_the_log_in(person: Person) -> None:
    challenge = await person.begin()
    await person.say(yes=False, number=None)

    assert error_of(await person.look(challenge)) == (400, "invalid_sign_in")


async def test_p40_a_code_is_no_answer_of_a_phone(person: Person) -> None:
    challenge = await person.begin()

    refused = await person.app.post(
        "mfa/verify", mfa_token=challenge["mfa_token"], code=str(challenge["number"])
    )

    assert error_of(refused) == (400, "invalid_code")


def _uid(who: Somebody) -> UUID:
    uid = uid_of("usr", who.id)
    assert uid is not None
    return uid
