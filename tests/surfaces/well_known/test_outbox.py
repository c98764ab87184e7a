"""X11: a tester reads all mail and SMS. What the outbox does is tested in tests/core/notifications."""

from collections.abc import AsyncIterator, Callable

import pytest

from server.core.notifications.actions import send_message
from server.core.notifications.model import Message
from server.core.realms.actions import read_named_realm
from server.core.realms.model import Realm, RealmName
from server.core.work import Core, Work
from tests.core.notifications.messages import EVA, LINK, NUMBER, TOKEN, a_code, a_link
from tests.support.outbox import captured_messages, latest_message, messages_to
from tests.support.product import Product
from tests.support.work import OPERATOR


@pytest.fixture
async def product(make_product: Callable[..., Product]) -> AsyncIterator[Product]:
    """A process whose outbox can be read; nothing is left in it."""
    product = make_product(capture_outbox=True)
    await product.http.delete("/testing/outbox")
    yield product
    await product.http.delete("/testing/outbox")


async def send(core: Core, message: Callable[[Realm], Message]) -> None:
    """The message is in the outbox, committed."""

    async def act(work: Work, _: None) -> None:
        await send_message(work, message(await read_named_realm(work, RealmName.ACCOUNTS)))

    await core.perform(act, None, actor=OPERATOR)


async def test_x11_mail_and_sms_are_read_whole(product: Product) -> None:
    await send(product.core, a_link)
    await send(product.core, a_code)

    code, link = (await product.http.get("/testing/outbox")).json()["messages"]

    assert (link["channel"], link["to"], link["template"]) == ("mail", EVA, "magic_link")
    assert (link["locale"], link["status"], link["tries"]) == ("en", "kept", 0)
    assert link["subject"] == "Your sign-in link"
    assert LINK in link["text"]
    assert LINK in link["html"]
    assert (code["channel"], code["to"], code["subject"], code["html"]) == ("sms", NUMBER, None, None)
    assert code["text"].startswith("042137 ")


async def test_those_to_one_address_are_found_newest_first(product: Product) -> None:
    await send(product.core, a_link)
    await send(product.core, a_code)
    await send(product.core, lambda realm: a_link(realm, locale="de"))

    found = await product.http.get("/testing/outbox", params={"to": "EVA@example.com"})
    newest = await product.http.get("/testing/outbox", params={"to": EVA, "limit": "1"})

    assert [message["locale"] for message in found.json()["messages"]] == ["de", "en"]
    assert newest.json()["messages"] == found.json()["messages"][:1]


async def test_the_number_of_a_phone_is_an_address_too(product: Product) -> None:
    await send(product.core, a_code)

    found = await product.http.get("/testing/outbox", params={"to": NUMBER})

    assert len(found.json()["messages"]) == 1


async def test_the_outbox_can_be_emptied(product: Product) -> None:
    await send(product.core, a_link)

    assert (await product.http.delete("/testing/outbox")).status_code == 204
    assert (await product.http.get("/testing/outbox")).json() == {"messages": []}


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "201"}, {"limit": "many"}, {"to": ""}])
async def test_a_question_that_is_not_valid_is_refused(product: Product, query: dict[str, str]) -> None:
    assert (await product.http.get("/testing/outbox", params=query)).status_code == 400


async def test_where_it_is_not_captured_there_is_nothing(make_product: Callable[..., Product]) -> None:
    product = make_product()
    await send(product.core, a_link)

    answers = [await product.http.get("/testing/outbox"), await product.http.delete("/testing/outbox")]
    unknown = await product.http.get("/testing/outbux")

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() | {"path": ""} == unknown.json() | {"path": ""}
    assert len(await messages_to(product.core, EVA)) >= 1


async def test_tests_read_it_either_way(product: Product) -> None:
    await send(product.core, a_link)
    await send(product.core, a_code)

    letter = await latest_message(product.core, EVA, template="magic_link")

    assert await captured_messages(product.http, EVA) == [letter]
    assert (letter.link, letter.link_token) == (LINK, TOKEN)
    assert (await latest_message(product.core, NUMBER)).code == "042137"
