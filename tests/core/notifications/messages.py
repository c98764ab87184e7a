"""Messages for tests, and the settings under which they are carried."""

from server.base.secret import Secret
from server.base.settings import Settings
from server.core.notifications.actions import ListOutbox, list_outbox
from server.core.notifications.model import Channel, Message, OutboxMessage
from server.core.realms.model import Realm
from server.core.work import Work
from tests.support.work import some_settings

EVA = "eva@example.com"
NUMBER = "+4915112345678"
TOKEN = "a-t0ken-that-nobody-else-may-see"
LINK = f"https://id.example.com/links/magic?token={TOKEN}"


def carrying(**others: object) -> Settings:
    """Settings with a relay and a provider, where nobody listens."""
    return some_settings(
        smtp_url="smtp+plain://127.0.0.1:1",
        sms_account="AC1",
        sms_token="made-up",
        sms_from="+15005550006",
        **others,
    )


def a_link(realm: Realm, *, to: str = EVA, locale: str | None = None) -> Message:
    """A mail with a link that signs in."""
    values: dict[str, str | Secret] = {"link": Secret(LINK), "minutes": "15"}
    return Message(Channel.MAIL, to, "magic_link", realm, locale, values)


def a_code(realm: Realm, *, to: str = NUMBER, locale: str | None = None) -> Message:
    """An SMS with a code."""
    return Message(Channel.SMS, to, "sms_code", realm, locale, {"code": Secret("042137"), "minutes": "10"})


async def newest(work: Work) -> OutboxMessage:
    """The message that was sent last."""
    (message,) = await list_outbox(work, ListOutbox(limit=1))
    return message
