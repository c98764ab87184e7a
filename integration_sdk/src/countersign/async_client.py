"""The client for asyncio programs. Its methods are those of `Client`, awaited."""

import asyncio
import inspect
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import httpx2

from countersign._connection import Connection, no_answer, read_environment
from countersign._conversations import Conversation, Conversations, Step, require_display
from countersign._wire import Answer
from countersign.attempts import AuthAttempt
from countersign.errors import NoAnswerError
from countersign.outcomes import Outcome

Result = TypeVar("Result")


class AsyncClient:
    """Asks people's phones, and waits for their answers, on one asyncio event loop.

    One client serves a whole event loop and all its tasks. It keeps connections open until `aclose`, or the
    end of its `async with` block. Arguments and errors are those of `Client`.
    """

    def __init__(
        self,
        url: str,
        key_id: str,
        key_secret: str,
        *,
        server_wait_seconds: int = 30,
        verify: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._conversations = Conversations(server_wait_seconds)
        self._connection = Connection(url, key_id, key_secret)
        self._http = httpx2.AsyncClient(transport=transport, **self._connection.http_options(verify))
        self._withdrawals: set[asyncio.Task[None]] = set()

    @classmethod
    def from_environment(
        cls,
        *,
        server_wait_seconds: int = 30,
        verify: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> Self:
        """A client of COUNTERSIGN_URL with COUNTERSIGN_KEY_ID and COUNTERSIGN_KEY_SECRET.

        Raises:
            ConfigurationError: One of the three is missing, and the text says which, or not as described.
            ValueError: `server_wait_seconds` is out of range.
        """
        url, key_id, key_secret = read_environment()
        return cls(
            url,
            key_id,
            key_secret,
            server_wait_seconds=server_wait_seconds,
            verify=verify,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection.url!r}, {self._connection.key_id!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Withdrawals under way are done and the connections closed; the client cannot be used again."""
        await asyncio.gather(*self._withdrawals, return_exceptions=True)
        await self._http.aclose()

    # --- one call -------------------------------------------------------------------------------------

    async def approve(
        self,
        user: str,
        title: str,
        message: str | None = None,
        *,
        challenge: bool,
        on_challenge: Callable[[int], object] | None = None,
        deadline_seconds: float | None = None,
        idempotency_key: str | None = None,
    ) -> Outcome:
        """Asks *user* on their phone and returns what they said, or that they said nothing in time.

        As `Client.approve`; *on_challenge* may be a coroutine function. If the task is cancelled, the attempt
        is withdrawn in the background, and `aclose` waits for that.

        Raises:
            InvalidRequestError: *user* is not one enrolled person, a text is not acceptable, or there is a
                number and nothing to show it.
            CountersignError: The server refused or could not be asked. There is no outcome: do not go on.
        """
        if challenge:
            require_display(on_challenge)
        attempt = await self.create(
            user_identifier=user,
            challenge_requested=challenge,
            context_title=title,
            context_message=message,
            idempotency_key=idempotency_key,
        )
        try:
            if attempt.challenge is not None:
                shown = require_display(on_challenge)(attempt.challenge)
                if inspect.isawaitable(shown):
                    await shown
            return await self._run(self._conversations.decide(attempt, deadline_seconds))
        except BaseException:
            withdrawal = asyncio.create_task(self._run(self._conversations.withdraw(attempt)))
            self._withdrawals.add(withdrawal)
            withdrawal.add_done_callback(self._withdrawals.discard)
            raise

    # --- step by step ---------------------------------------------------------------------------------

    async def create(
        self,
        *,
        user_identifier: str | None = None,
        enrollment_id: int | None = None,
        challenge_requested: bool,
        context_title: str | None = None,
        context_message: str | None = None,
        idempotency_key: str | None = None,
    ) -> AuthAttempt:
        """Puts a question on a person's phone and returns it, with the number to show if it has one.

        As `Client.create`.

        Raises:
            InvalidRequestError: The server would not, or did not, take the request; the idempotency key
                came before with another one, for example.
            ForbiddenError: The enrollment is not this integration's, or not active.
            CountersignError: The server refused otherwise or could not be asked.
        """
        return await self._run(
            self._conversations.create(
                user_identifier=user_identifier,
                enrollment_id=enrollment_id,
                challenge_requested=challenge_requested,
                context_title=context_title,
                context_message=context_message,
                idempotency_key=idempotency_key,
            )
        )

    async def wait(self, attempt: AuthAttempt | int, *, deadline_seconds: float | None = None) -> AuthAttempt:
        """Returns the attempt once it has ended, or as it stands when the deadline passes: look at `ended`.

        As `Client.wait`.

        Raises:
            AttemptNotFoundError: This integration has no such attempt.
            CountersignError: The server refused otherwise or could not be asked.
        """
        return await self._run(self._conversations.wait(attempt, deadline_seconds))

    async def cancel(self, attempt: AuthAttempt | int) -> AuthAttempt:
        """Returns the attempt, which has ended: EXPIRED, or as it ended before this came.

        As `Client.cancel`.

        Raises:
            AttemptNotFoundError: This integration has no such attempt.
            CountersignError: The server refused otherwise or could not be asked.
        """
        return await self._run(self._conversations.cancel(attempt))

    # --- driving --------------------------------------------------------------------------------------

    async def _run(self, conversation: Conversation[Result]) -> Result:
        try:
            step = next(conversation)
            while True:
                try:
                    answer = await self._send(step)
                except NoAnswerError as lost:
                    step = conversation.throw(lost)
                else:
                    step = conversation.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result

    async def _send(self, step: Step) -> Answer:
        if step.pause_seconds > 0:
            await asyncio.sleep(step.pause_seconds)
        try:
            response = await self._http.request(**self._connection.request_options(step.request))
        except httpx2.RequestError as lost:
            raise no_answer(lost) from lost
        return Answer(response.status_code, response.headers, response.content)
