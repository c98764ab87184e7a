"""Two processes deliver from one outbox."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest

from server.core.notifications.actions import send_message
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.work import Core, Work
from server.db.pool import Database
from server.jobs.deliver import mail_delivery
from server.outbound.mail import Mail
from tests.core.notifications.messages import a_link
from tests.support.work import OPERATOR, a_core, some_settings

MESSAGES = 60


@dataclass
class Carrier:
    """Takes its time, as relays do."""

    taken: list[str] = field(default_factory=list)

    async def send(self, mail: Mail) -> None:
        """The mail is taken."""
        await asyncio.sleep(0.002)
        self.taken.append(mail.id)


@pytest.fixture
async def cores(databases: tuple[Database, Database]) -> tuple[Core, Core]:
    """Two processes; nothing waits in their outbox."""
    settings = some_settings(smtp_url="smtp+plain://127.0.0.1:1")
    one, other = (a_core(db, settings=settings) for db in databases)
    async with one.db.acquire() as conn:
        await conn.execute("DELETE FROM outbox_messages")
    return one, other


async def send(work: Work, count: int) -> None:
    """So many mails are due."""
    realm = await read_named_realm(work, RealmName.ACCOUNTS)
    for _ in range(count):
        await send_message(work, a_link(realm))


async def test_every_message_is_delivered_by_one_of_them(cores: tuple[Core, Core]) -> None:
    carriers = Carrier(), Carrier()
    await cores[0].perform(send, MESSAGES, actor=OPERATOR)

    rounds = [mail_delivery(carrier)(core) for core, carrier in zip(cores * 2, carriers * 2, strict=True)]
    done = await asyncio.gather(*rounds)

    counts = Counter(carriers[0].taken + carriers[1].taken)
    assert sum(done) == MESSAGES
    assert len(counts) == MESSAGES
    assert set(counts.values()) == {1}
    assert carriers[0].taken
    assert carriers[1].taken


async def test_what_is_not_committed_is_not_delivered(cores: tuple[Core, Core]) -> None:
    carrier = Carrier()

    async def send_and_look(work: Work, _: None) -> None:
        await send(work, 3)
        assert await mail_delivery(carrier)(cores[1]) == 0

    await cores[0].perform(send_and_look, None, actor=OPERATOR)

    assert carrier.taken == []
    assert await mail_delivery(carrier)(cores[1]) == 3
