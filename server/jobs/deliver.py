"""What is due in the outbox goes to the relay or provider of its channel."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from server.base.errors import Unavailable
from server.base.principal import Actor, Principal
from server.base.settings import Settings
from server.core.notifications.delivery import (
    ClaimDue,
    DueMessage,
    NoteNotSent,
    NoteSent,
    claim_due,
    note_not_sent,
    note_sent,
)
from server.core.notifications.model import Channel
from server.core.work import Action, Core
from server.outbound.failure import NotSent
from server.outbound.http import open_client
from server.outbound.mail import Mail, MailCarrier, relay_of
from server.outbound.rendering import Content
from server.outbound.sms import Sms, SmsCarrier, provider_of

SYSTEM = Principal(kind=Actor.SYSTEM, id="deliver", surface="jobs")

AT_ONCE = 8
"""How many messages of a channel a process has under way at one time."""

GRACE_SECONDS = 10.0
"""For how long a delivery may go on when the process stops; cut off, it is tried again by another."""

NOTE_TRIES = 5
NOTE_PAUSE_SECONDS = 1.0

Command = TypeVar("Command")
Outcome = TypeVar("Outcome")

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Delivers the messages of one channel.

    Args:
        channel: Whose.
        hand_over: Gives one to the relay or provider. Raises `NotSent`.
    """

    channel: Channel
    hand_over: Callable[[DueMessage, Content], Awaitable[None]]

    async def __call__(self, core: Core) -> int:
        """Every message that is due was tried once; how many were. It ends early when the core stops."""
        total = 0
        command = ClaimDue(self.channel, AT_ONCE)
        while not core.stopping.is_set():
            claimed = await core.perform_at_once(claim_due, command, actor=SYSTEM)
            if not claimed:
                break
            await _until_stopped(core, [self._deliver(core, message) for message in claimed])
            total += len(claimed)
        return total

    async def _deliver(self, core: Core, message: DueMessage) -> None:
        if message.content is None:
            await self._note_failure(core, message, NotSent("it cannot be opened", for_good=True))
            return
        try:
            await self.hand_over(message, message.content)
        except NotSent as failure:
            await self._note_failure(core, message, failure)
        except Exception:  # noqa: BLE001 - whatever it is, it must not keep others from being delivered
            _log.exception("message.not_handed_over", message_id=str(message.id))
            await self._note_failure(core, message, NotSent("something went wrong on our side"))
        else:
            await _noted(core, note_sent, NoteSent(message.id))
            _log.info(
                "message.sent", message_id=str(message.id), template=message.template, tries=message.tries
            )

    async def _note_failure(self, core: Core, message: DueMessage, failure: NotSent) -> None:
        command = NoteNotSent(message.id, self.channel, message.tries, failure.reason, failure.for_good)
        due_at = await _noted(core, note_not_sent, command)
        _log.warning(
            "message.not_sent",
            message_id=str(message.id),
            template=message.template,
            tries=message.tries,
            reason=failure.reason,
            next_try=due_at.isoformat() if due_at is not None else None,
        )


@asynccontextmanager
async def deliveries(settings: Settings) -> AsyncIterator[tuple[Delivery, ...]]:
    """Inside, there is one delivery for each channel that something carries, by the settings."""
    async with open_client() as client:
        relay, provider = relay_of(settings), provider_of(settings, client)
        yield (
            *(() if relay is None else (mail_delivery(relay),)),
            *(() if provider is None else (sms_delivery(provider),)),
        )


def mail_delivery(carrier: MailCarrier) -> Delivery:
    """Mail goes to *carrier*."""

    async def hand_over(message: DueMessage, content: Content) -> None:
        await carrier.send(
            Mail(
                id=str(message.id),
                recipient=message.recipient,
                written_at=message.created_at,
                locale=message.locale,
                subject=content.subject or "",
                text=content.text,
                html=content.html,
            )
        )

    return Delivery(Channel.MAIL, hand_over)


def sms_delivery(carrier: SmsCarrier) -> Delivery:
    """SMS go to *carrier*."""

    async def hand_over(message: DueMessage, content: Content) -> None:
        await carrier.send(Sms(message.recipient, content.text))

    return Delivery(Channel.SMS, hand_over)


async def _until_stopped(core: Core, deliveries: Iterable[Coroutine[None, None, None]]) -> None:
    """All of them are done; when the core stops, those that take too long are cut off.

    Raises:
        Unavailable: The database did not answer to one of them.
    """
    whole = asyncio.gather(*deliveries, return_exceptions=True)
    stopping = asyncio.create_task(core.stopping.wait())
    either: set[asyncio.Future[Any]] = {whole, stopping}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({whole}, timeout=GRACE_SECONDS)
    finally:
        stopping.cancel()
        whole.cancel()
        await asyncio.wait({whole})
    if not whole.cancelled():
        for failure in whole.result():
            if failure is not None:
                raise failure


async def _noted(core: Core, action: Action[Command, Outcome], command: Command) -> Outcome:
    """*action* is done, although the database may not answer for a moment: what is not noted is done twice.

    Raises:
        Unavailable: It did not answer for long.
    """
    for _ in range(NOTE_TRIES):
        try:
            return await core.perform(action, command, actor=SYSTEM)
        except Unavailable:
            await asyncio.sleep(NOTE_PAUSE_SECONDS)
    return await core.perform(action, command, actor=SYSTEM)
