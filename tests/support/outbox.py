"""The outbox as a test reads it: what was sent to whom, with the links and codes that are in it.

    letter = await latest_message(product.core, "eva@example.com")
    await verify(letter.link_token)

Without a relay in the settings, messages are kept, so nothing needs to carry them.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from server.core.notifications.actions import ListOutbox, list_outbox
from server.core.notifications.model import OutboxMessage
from server.core.work import Core
from tests.support.work import OPERATOR

_LINK = re.compile(r"https?://\S+")
_CODE = re.compile(r"(?<![0-9A-Za-z])[0-9]{6}(?![0-9A-Za-z])")


@dataclass(frozen=True)
class Letter:
    """A mail or SMS whose content is there.

    Args:
        template: Its name in the catalogue.
        subject: None for SMS.
    """

    to: str
    channel: str
    template: str
    locale: str
    status: str
    subject: str | None
    text: str
    html: str | None

    @classmethod
    def of(cls, message: OutboxMessage) -> "Letter":
        """What the core's action gives."""
        assert message.content is not None, f"what was said to {message.recipient} is forgotten"
        return cls(
            to=message.recipient,
            channel=message.channel,
            template=message.template,
            locale=message.locale,
            status=message.status,
            subject=message.content.subject,
            text=message.content.text,
            html=message.content.html,
        )

    @property
    def link(self) -> str:
        """The one link in its text."""
        found = _LINK.findall(self.text)
        assert len(found) == 1, f"{self.template} to {self.to} has {len(found)} links"
        return str(found[0])

    @property
    def link_token(self) -> str:
        """The token that the link carries."""
        (token,) = parse_qs(urlsplit(self.link).query)["token"]
        return token

    @property
    def code(self) -> str:
        """The one code of six digits in its text."""
        found = _CODE.findall(self.text)
        assert len(found) == 1, f"{self.template} to {self.to} has {len(found)} codes"
        return str(found[0])


async def messages_to(core: Core, recipient: str, *, template: str | None = None) -> list[Letter]:
    """What was sent to an address or number, newest first; of one template, if it is named."""
    command = ListOutbox(limit=1000, recipient=recipient)
    found = await core.perform_at_once(list_outbox, command, actor=OPERATOR)
    return [Letter.of(message) for message in found if template in {None, message.template}]


async def latest_message(core: Core, recipient: str, *, template: str | None = None) -> Letter:
    """The newest of them; there is one."""
    found = await messages_to(core, recipient, template=template)
    assert found, f"nothing was sent to {recipient}"
    return found[0]


async def captured_messages(http: httpx2.AsyncClient, recipient: str) -> list[Letter]:
    """What was sent to an address or number, newest first, by an instance with `capture_outbox`."""
    response = await http.get("/testing/outbox", params={"to": recipient})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    shown = ("to", "channel", "template", "locale", "status", "subject", "text", "html")
    return [Letter(**{name: message[name] for name in shown}) for message in answer["messages"]]
