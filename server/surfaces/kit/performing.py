"""From a route to the core: an action is performed for the current exchange's caller."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from server.base.addresses import bucket_of
from server.core.work import Action
from server.surfaces.kit.exchange import Exchange, current_exchange
from server.surfaces.kit.metrics import now

Command = TypeVar("Command")
Outcome = TypeVar("Outcome")

BEAT_SECONDS = 0.01

# What is over but not yet seen to be over is not looked at more often than this.
SHORTEST_PAUSE_SECONDS = 0.05


async def perform(action: Action[Command, Outcome], command: Command) -> Outcome:
    """*action* is done in one transaction, as the current caller.

    Raises:
        AppError: The action refused, or a limit did.
    """
    exchange = current_exchange()
    return await exchange.core.perform(action, command, actor=exchange.caller, meter=exchange.meter)


async def perform_evenly(action: Action[Command, Outcome], command: Command) -> Outcome:
    """*action* is performed, and whatever comes of it comes at the next beat since the request came.

    For what must take as long whether somebody is known or not: the same statements are sent for both, and
    what still differs, a row more or less that is written, is less than a beat by far.

    Raises:
        AppError: As `perform`.
    """
    try:
        return await perform(action, command)
    finally:
        passed = now() - current_exchange().started
        await asyncio.sleep(BEAT_SECONDS - passed % BEAT_SECONDS)


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
) -> Outcome:
    """The outcome of *action* once it is done, or what it is when the time is over.

    The action is performed at once (see `perform_at_once`); while its outcome is not done the request waits,
    holding no connection, until one of *topics* is woken or its caller's key was changed. Then the guard
    looks at its caller again, and the action is performed again. Only the first time is charged to a limit.
    When the process stops, the last outcome is returned at once.

    Args:
        action: Usually one that reads.
        command: The same for every time.
        topics: What to be woken by, subscribed to before the first time.
        wait_seconds: For how long at most, on the event loop's clock; zero or less performs once.
        done: Whether an outcome ends the waiting; by default, whether it is true.
        until: In how many seconds from now to look again at the latest, whatever happens; None for never.
            For what ends by the clock alone, such as an attempt.

    Raises:
        AppError: The action refused, or the guard does by now.
        TooManyWaits: The process, or the caller, already waits as often as it may.
        ClientGone: The client closed the connection.
    """
    if wait_seconds <= 0:
        return await perform_at_once(action, command)
    exchange = current_exchange()
    core = exchange.core
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    with core.db.wakeups.subscribe(*topics, *exchange.caller_topics) as subscription:
        outcome = await perform_at_once(action, command)
        if done(outcome):
            return outcome
        with exchange.serving.waits.place(_waiter(exchange)):
            while not core.stopping.is_set():
                seconds = deadline - loop.time()
                if seconds > 0:
                    at_latest = until(outcome) if until is not None else None
                    if at_latest is not None:
                        seconds = min(seconds, max(at_latest, SHORTEST_PAUSE_SECONDS))
                    await exchange.line.linger(exchange, subscription, seconds)
                    subscription.take()
                    if core.stopping.is_set():
                        break
                last = loop.time() >= deadline
                exchange.principal = await exchange.recheck(exchange)
                outcome = await core.perform_at_once(action, command, actor=exchange.caller)
                if last or done(outcome):
                    return outcome
            return outcome


def _waiter(exchange: Exchange) -> str:
    """On whose account a request waits: what was proved, else the caller, else the address."""
    caller = exchange.caller
    if exchange.subject is not None:
        return exchange.subject
    if caller.integration_id is not None:
        return f"integration:{caller.integration_id}"
    return caller.id or bucket_of(exchange.address)
