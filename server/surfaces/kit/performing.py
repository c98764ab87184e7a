"""From a route to the core: an action is performed for the current exchange's caller."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

from server.core.work import UNMETERED, Action, Meter
from server.db.wakeups import Subscription
from server.surfaces.kit.addresses import bucket_of
from server.surfaces.kit.exchange import Exchange, current_exchange

Command = TypeVar("Command")
Outcome = TypeVar("Outcome")

# What is over but not yet seen to be over is not looked at more often than this.
SHORTEST_PAUSE_SECONDS = 0.05


async def perform(action: Action[Command, Outcome], command: Command) -> Outcome:
    """*action* is done in one transaction, as the current caller.

    Raises:
        AppError: The action refused, or a limit did.
    """
    exchange = current_exchange()
    return await exchange.core.perform(action, command, actor=exchange.caller, meter=exchange.meter)


async def perform_at_once(action: Action[Command, Outcome], command: Command) -> Outcome:
    """*action* is done, each of its statements committed by itself, as the current caller.

    Raises:
        AppError: The action refused, or a limit did.
    """
    exchange = current_exchange()
    return await exchange.core.perform_at_once(action, command, actor=exchange.caller, meter=exchange.meter)


async def perform_until(
    action: Action[Command, Outcome],
    command: Command,
    *,
    topics: Sequence[str],
    wait_seconds: float,
    done: Callable[[Outcome], bool] = bool,
    until: Callable[[Outcome], float | None] | None = None,
    at_once: bool = True,
) -> Outcome:
    """The outcome of *action* once it is done, or what it is when the time is over.

    The action is performed; while its outcome is not done the request waits, holding no connection, until one
    of *topics* is woken, and the action is performed again. Only the first time is charged to a limit. When
    the process stops, the last outcome is returned at once.

    Args:
        action: Usually one that reads.
        command: The same for every time.
        topics: What to be woken by, subscribed to before the first time. One is cheapest.
        wait_seconds: For how long at most, on the event loop's clock; zero or less performs once.
        done: Whether an outcome ends the waiting; by default, whether it is true.
        until: In how many seconds from now to look again at the latest, whatever happens; None for never.
            For what ends by the clock alone, such as an attempt.
        at_once: Whether each statement is committed by itself, as `perform_at_once` does.

    Raises:
        AppError: The action refused.
        TooManyWaits: The process, or the caller, already waits as often as it may.
        ClientGone: The client closed the connection.
    """
    exchange = current_exchange()
    core = exchange.core
    run = core.perform_at_once if at_once else core.perform
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds

    async def once(meter: Meter) -> Outcome:
        return await run(action, command, actor=exchange.caller, meter=meter)

    with ExitStack() as held:
        subscriptions = [held.enter_context(core.db.wakeups.subscribe(topic)) for topic in topics]
        outcome = await once(exchange.meter)
        if done(outcome) or wait_seconds <= 0:
            return outcome
        held.enter_context(exchange.serving.waits.place(_waiter(exchange)))
        exchange.watch()
        while not core.stopping.is_set():
            seconds = deadline - loop.time()
            last = seconds <= 0
            if not last:
                at_latest = until(outcome) if until is not None else None
                if at_latest is not None:
                    seconds = min(seconds, max(at_latest, SHORTEST_PAUSE_SECONDS))
                await _woken(exchange, subscriptions, seconds)
                if core.stopping.is_set():
                    break
                last = loop.time() >= deadline
            outcome = await once(UNMETERED)
            if last or done(outcome):
                return outcome
        return outcome


async def _woken(exchange: Exchange, subscriptions: Sequence[Subscription], seconds: float) -> None:
    """One of the subscriptions was woken, or *seconds* have passed.

    Raises:
        ClientGone: The client closed the connection.
    """
    with exchange.idle():
        if len(subscriptions) == 1:
            await subscriptions[0].wait(seconds)
            return
        waits = [asyncio.ensure_future(subscription.wait(seconds)) for subscription in subscriptions]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _waiter(exchange: Exchange) -> str:
    """On whose account a request waits: what was proved, else the caller, else the address."""
    caller = exchange.caller
    if exchange.subject is not None:
        return exchange.subject
    if caller.integration_id is not None:
        return f"integration:{caller.integration_id}"
    return caller.id or bucket_of(exchange.address)
