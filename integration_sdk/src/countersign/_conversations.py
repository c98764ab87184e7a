"""What is asked of the server in which order, again after what, and until when.

A conversation is a generator. It yields each `Step`, is sent the answer to it, or has a `NoAnswerError`
thrown in, and returns what came of it. It touches neither network nor clock, so the sync client, the async
client and the tests drive the same ones.
"""

import logging
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from random import SystemRandom
from typing import Final, TypeVar
from uuid import uuid4

from countersign._wire import (
    LONGEST_WAIT_SECONDS,
    SHORTEST_WAIT_SECONDS,
    Answer,
    Request,
    cancel_request,
    create_request,
    read_cancelled,
    read_created,
    read_waited,
    wait_request,
)
from countersign.attempts import AuthAttempt, AuthAttemptStatus
from countersign.errors import (
    ConflictError,
    CountersignError,
    InvalidRequestError,
    NoAnswerError,
    RateLimitError,
    UnavailableError,
)
from countersign.outcomes import Decision, Outcome

Result = TypeVar("Result")

TRIES: Final = 4
"""How often a create or a cancel is sent at most."""
LONGEST_PAUSE_SECONDS: Final = 30.0
"""How long a create or a cancel may be put off by `Retry-After`; beyond that the caller decides."""
PATIENCE_SECONDS: Final = 90.0
"""How long a wait goes on against failures alone: longer than a restart, and than a limit of a minute."""

PASSING: Final = (NoAnswerError, RateLimitError, UnavailableError)
"""What may be otherwise in a moment. Everything is sent so that it may be sent again."""

_LIFETIME_GRACE_SECONDS: Final = 30.0
_ROUNDING_SECONDS: Final = 0.5
"""The server counts whole seconds: less than this is no time left."""

logger = logging.getLogger("countersign")


@dataclass(frozen=True, slots=True)
class Step:
    """Send *request* after a pause of so many seconds."""

    request: Request
    pause_seconds: float = 0.0


Conversation = Generator[Step, Answer, Result]


@dataclass(frozen=True, slots=True)
class Pace:
    """Time and chance.

    Attributes:
        now: Seconds of a clock that never goes back.
        chance: A number from 0 up to, not including, 1; different on every machine.
    """

    now: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = SystemRandom().random

    def backoff(self, failures: int) -> float:
        """Seconds to pause after so many failures in a row: doubling, at most 8, and half of it chance."""
        longest = min(8.0, 0.25 * 2.0**failures)
        return longest * (0.5 + 0.5 * self.chance())

    def after(self, error: CountersignError, failures: int) -> float:
        """Seconds to pause after *error*: what the server wants, or else `backoff`; never in step."""
        if error.retry_after is None:
            return self.backoff(failures)
        return error.retry_after + self.chance()


@dataclass(frozen=True, slots=True)
class Conversations:
    """Everything that can be asked.

    Args:
        server_wait_seconds: How long the server is asked to hold one request, 1 to 300.

    Raises:
        ValueError: *server_wait_seconds* is out of range.
    """

    server_wait_seconds: int
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        if not SHORTEST_WAIT_SECONDS <= self.server_wait_seconds <= LONGEST_WAIT_SECONDS:
            raise ValueError("server_wait_seconds must be from 1 to 300")

    def create(
        self,
        *,
        user_identifier: str | None,
        enrollment_id: int | None,
        challenge_requested: bool,
        context_title: str | None,
        context_message: str | None,
        idempotency_key: str | None,
    ) -> Conversation[AuthAttempt]:
        """The new attempt, of which there is one however often the request is sent.

        Raises:
            CountersignError: The request is wrong, the server refused it, or could not be asked.
        """
        request = create_request(
            user_identifier=user_identifier,
            enrollment_id=enrollment_id,
            challenge_requested=challenge_requested,
            context_title=context_title,
            context_message=context_message,
            idempotency_key=str(uuid4()) if idempotency_key is None else idempotency_key,
        )
        return (yield from _persist(request, read_created, self.pace))

    def wait(self, attempt: AuthAttempt | int, deadline_seconds: float | None) -> Conversation[AuthAttempt]:
        """The attempt once it has ended, or as it stands when the deadline passes.

        Connections that break, a server that restarts and limits are sat out for `PATIENCE_SECONDS`, and not
        beyond the deadline.

        Raises:
            CountersignError: The server refused, or could not be asked for too long.
        """
        now = self.pace.now
        deadline = inf if deadline_seconds is None else now() + deadline_seconds
        failing_since, failures, pause = inf, 0, 0.0
        while True:
            asked_at = now() + pause
            seconds = max(SHORTEST_WAIT_SECONDS, round(min(self.server_wait_seconds, deadline - asked_at)))
            request = wait_request(_id_of(attempt), seconds)
            try:
                seen = read_waited((yield Step(request, pause)))
            except PASSING as error:
                failing_since, failures = min(failing_since, now()), failures + 1
                longest_pause = min(deadline, failing_since + PATIENCE_SECONDS) - now()
                pause = _pause_after(request, error, failures, self.pace, longest_pause)
                continue
            answered_at = now()
            if seen.ended or deadline - answered_at < _ROUNDING_SECONDS:
                return seen
            failing_since, failures = inf, 0
            # A server that is stopping answers its waits at once; asking again at once would only hurry it.
            came_early = answered_at - asked_at < seconds - _ROUNDING_SECONDS
            pause = min(0.5 + self.pace.chance(), deadline - answered_at) if came_early else 0.0

    def cancel(self, attempt: AuthAttempt | int) -> Conversation[AuthAttempt]:
        """The attempt, which has ended: cancelled, or as it ended before.

        A 409 says that it had ended: by an answer, by time, or by our own cancel whose answer was lost.

        Raises:
            CountersignError: The server refused, or could not be asked.
        """
        attempt_id = _id_of(attempt)
        try:
            return (yield from _persist(cancel_request(attempt_id), read_cancelled, self.pace))
        except ConflictError:
            look = wait_request(attempt_id, SHORTEST_WAIT_SECONDS)
            seen = yield from _persist(look, read_waited, self.pace)
            if not seen.ended:
                raise
            return seen

    def withdraw(self, attempt: AuthAttempt) -> Conversation[None]:
        """One try to make the phone stop asking. If it fails, the attempt still ends when it expires."""
        with suppress(CountersignError):
            read_cancelled((yield Step(cancel_request(attempt.id))))

    def decide(self, attempt: AuthAttempt, deadline_seconds: float | None) -> Conversation[Outcome]:
        """What has come of *attempt*, which was just made, by the deadline.

        Past the deadline it is cancelled, and an answer that comes while it is being cancelled counts.
        Without a deadline it is the attempt's own lifetime and a little more, so that no wait is for ever.

        Raises:
            CountersignError: The server refused, or could not be asked: nobody knows the outcome.
        """
        if deadline_seconds is None:
            deadline_seconds = attempt.timeout_seconds + _LIFETIME_GRACE_SECONDS
        deadline = self.pace.now() + deadline_seconds
        try:
            answered = yield from self.wait(attempt, deadline_seconds)
            if answered.ended:
                return Outcome.of(answered)
        except PASSING:
            if deadline - self.pace.now() >= _ROUNDING_SECONDS:
                raise
        ended = yield from self.cancel(attempt)
        if ended.status is AuthAttemptStatus.EXPIRED:
            return Outcome(Decision.TIMED_OUT, ended)
        return Outcome.of(ended)


def require_display(on_challenge: Callable[[int], object] | None) -> Callable[[int], object]:
    """What shows the number.

    Raises:
        InvalidRequestError: Nothing does: the person could only guess.
    """
    if on_challenge is None:
        raise InvalidRequestError(
            "There is a number to type: give on_challenge, which shows it to the person"
        )
    return on_challenge


def _id_of(attempt: AuthAttempt | int) -> int:
    return attempt.id if isinstance(attempt, AuthAttempt) else attempt


def _persist(request: Request, read: Callable[[Answer], Result], pace: Pace) -> Conversation[Result]:
    """What *read* makes of the answer to *request*, which is sent again after a passing failure."""
    pause, failures = 0.0, 0
    while True:
        try:
            return read((yield Step(request, pause)))
        except PASSING as error:
            failures += 1
            if failures == TRIES:
                raise
            pause = _pause_after(request, error, failures, pace, LONGEST_PAUSE_SECONDS)


def _pause_after(
    request: Request, error: CountersignError, failures: int, pace: Pace, longest_seconds: float
) -> float:
    """Seconds to pause before the next try, or *error* again if the server wants more than may be given."""
    if longest_seconds < _ROUNDING_SECONDS or (error.retry_after or 0.0) > longest_seconds:
        raise error
    pause = min(pace.after(error, failures), longest_seconds)
    logger.info(
        "%s %s: %s (request %s), again in %.1f s",
        request.method,
        request.target,
        error.code,
        error.request_id or "-",
        pause,
    )
    return pause
