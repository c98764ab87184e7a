"""The client for programs with threads, or with neither threads nor an event loop."""

import ssl
import time
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


class Client:
    """Asks people's phones, and waits for their answers.

    One client serves a whole process and all its threads; make it after the process was forked. It keeps
    connections open until `close`, or the end of its `with` block.

    Args:
        url: The server's https URL; http only on this machine. A path prefix is kept; redirects are not
            followed.
        key_id: The API key's id, `ezkey_ikey_…`.
        key_secret: The API key's secret, `ezkey_skey_…`.
        server_wait_seconds: How long the server is asked to hold one request of a wait, 1 to 300. Below the
            idle limit of every proxy on the way; longer means fewer requests.
        verify: TLS settings of your own, for a private authority or a client certificate; otherwise the
            system's authorities are trusted.
        transport: What carries the requests instead of the network, for tests.

    Raises:
        ConfigurationError: The URL or the key is not as described.
        ValueError: `server_wait_seconds` is out of range.
    """

    def __init__(
        self,
        url: str,
        key_id: str,
        key_secret: str,
        *,
        server_wait_seconds: int = 30,
        verify: ssl.SSLContext | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._conversations = Conversations(server_wait_seconds)
        self._connection = Connection(url, key_id, key_secret)
        self._http = httpx2.Client(transport=transport, **self._connection.http_options(verify))

    @classmethod
    def from_environment(
        cls,
        *,
        server_wait_seconds: int = 30,
        verify: ssl.SSLContext | None = None,
        transport: httpx2.BaseTransport | None = None,
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The connections are closed; the client cannot be used again."""
        self._http.close()

    # --- one call -------------------------------------------------------------------------------------

    def approve(
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

        However this ends, the phone stops asking: past the deadline, and when an exception leaves here, the
        attempt is withdrawn.

        Args:
            user: Whom to ask, as the enrollment calls them. From your session, never from the request.
            title: The title on the phone: what kind of thing this is. At most 200 UTF-16 units, no `|`.
            message: What exactly they approve: amount, payee, machine. At most 2000 UTF-16 units.
            challenge: Whether they must type a number that only the screen in front of them shows. It defeats
                approving by habit; leave it out only where nobody but this person can start the question.
            on_challenge: Called once with the number, before the wait. Needed with *challenge*.
            deadline_seconds: How long to wait; without it, as long as the attempt can be answered.
            idempotency_key: What makes this question the same question when it is asked again after a crash:
                1 to 255 visible ASCII characters. Without it every call is a new one.

        Raises:
            InvalidRequestError: *user* is not one enrolled person, a text is not acceptable, or there is a
                number and nothing to show it.
            CountersignError: The server refused or could not be asked. There is no outcome: do not go on.
        """
        if challenge:
            require_display(on_challenge)
        attempt = self.create(
            user_identifier=user,
            challenge_requested=challenge,
            context_title=title,
            context_message=message,
            idempotency_key=idempotency_key,
        )
        try:
            if attempt.challenge is not None:
                require_display(on_challenge)(attempt.challenge)
            return self._run(self._conversations.decide(attempt, deadline_seconds))
        except BaseException:
            self._run(self._conversations.withdraw(attempt))
            raise

    # --- step by step ---------------------------------------------------------------------------------

    def create(
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

        An earlier question to the same enrollment that is still open ends. A lost answer is asked for again
        with the same Idempotency-Key, so that there is one attempt however often it was sent.

        Args:
            user_identifier: Whom to ask, as the enrollment calls them; one active enrollment must match.
            enrollment_id: Which enrollment to ask. This or *user_identifier*; if both, they must agree.
            challenge_requested: Whether the person must type a number (`AuthAttempt.challenge`).
            context_title: The title on the phone. At most 200 UTF-16 units, no `|`.
            context_message: What they approve. At most 2000 UTF-16 units.
            idempotency_key: 1 to 255 visible ASCII characters; a new UUID if not given.

        Raises:
            InvalidRequestError: The server would not, or did not, take the request; the idempotency key
                came before with another one, for example.
            ForbiddenError: The enrollment is not this integration's, or not active.
            CountersignError: The server refused otherwise or could not be asked.
        """
        return self._run(
            self._conversations.create(
                user_identifier=user_identifier,
                enrollment_id=enrollment_id,
                challenge_requested=challenge_requested,
                context_title=context_title,
                context_message=context_message,
                idempotency_key=idempotency_key,
            )
        )

    def wait(self, attempt: AuthAttempt | int, *, deadline_seconds: float | None = None) -> AuthAttempt:
        """Returns the attempt once it has ended, or as it stands when the deadline passes: look at `ended`.

        Broken connections, restarts of the server and limits are sat out, up to the deadline and for a minute
        and a half at most. The server's shortest wait is one second.

        Args:
            attempt: The attempt or its id.
            deadline_seconds: How long to wait; without it, until the attempt has ended.

        Raises:
            AttemptNotFoundError: This integration has no such attempt.
            CountersignError: The server refused otherwise or could not be asked.
        """
        return self._run(self._conversations.wait(attempt, deadline_seconds))

    def cancel(self, attempt: AuthAttempt | int) -> AuthAttempt:
        """Returns the attempt, which has ended: EXPIRED, or as it ended before this came.

        The person may have answered in the meantime, so look at what is returned.

        Raises:
            AttemptNotFoundError: This integration has no such attempt.
            CountersignError: The server refused otherwise or could not be asked.
        """
        return self._run(self._conversations.cancel(attempt))

    # --- driving --------------------------------------------------------------------------------------

    def _run(self, conversation: Conversation[Result]) -> Result:
        try:
            step = next(conversation)
            while True:
                try:
                    answer = self._send(step)
                except NoAnswerError as lost:
                    step = conversation.throw(lost)
                else:
                    step = conversation.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result

    def _send(self, step: Step) -> Answer:
        if step.pause_seconds > 0:
            time.sleep(step.pause_seconds)
        try:
            response = self._http.request(**self._connection.request_options(step.request))
        except httpx2.RequestError as lost:
            raise no_answer(lost) from lost
        return Answer(response.status_code, response.headers, response.content)
