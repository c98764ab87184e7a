"""Every way in which asking can fail, as one tree.

    CountersignError
    ├── ConfigurationError        the URL, the key id or the secret is missing or wrong; nothing was sent
    ├── NoAnswerError             the server was not reached, or its answer was lost
    ├── UnexpectedAnswerError     what answered does not speak the protocol: a redirect, a proxy's page
    ├── RefusedError              the server said no (any 4xx)
    │   ├── InvalidRequestError     400: the request is wrong, or was seen to be wrong before it was sent
    │   ├── InvalidApiKeyError      401
    │   ├── ForbiddenError          403: the enrollment is not yours, or not active
    │   ├── AttemptNotFoundError    404
    │   ├── ConflictError           409
    │   └── RateLimitError          429
    ├── ServerError               the server failed (any 5xx)
    │   └── UnavailableError        502, 503, 504
    ├── BadSignatureError         countersign.signatures: the evidence does not hold
    └── AmbiguousPayloadError     countersign.signatures: two messages would look alike

A person's "no" is not an error: it is an `Outcome`. An error says that there is no outcome, so do not go on.
No error carries a secret. Branch on the class, or on `code`; the text is for people and may change.
"""

from typing import ClassVar


class CountersignError(Exception):
    """Something went wrong before there was an outcome.

    Attributes:
        status: The HTTP status of the answer; None when there was no answer.
        code: A short name that stays: the last segment of the problem's `type`, or ours if it has none.
        request_id: What the server calls this request in its log (`X-Request-Id`); None if it did not say.
        retry_after: After how many seconds the server wants to be asked again; None if it did not say.
    """

    default_code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or self.default_code
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} (request {self.request_id})" if self.request_id else text


class ConfigurationError(CountersignError):
    """The URL, the key id or the secret is missing or wrong. The text names which, and shows no secret."""

    default_code = "configuration"


class NoAnswerError(CountersignError):
    """The server was not reached, or the connection ended before its answer was whole."""

    default_code = "no-answer"


class UnexpectedAnswerError(CountersignError):
    """An answer came that is not the protocol's: the URL is another service's, or a proxy answered."""

    default_code = "unexpected-answer"


# --- the server said no --------------------------------------------------------------------------------


class RefusedError(CountersignError):
    """The server understood and refused: any 4xx."""

    default_code = "refused"


class InvalidRequestError(RefusedError):
    """400. Something in the request is missing, too long or contradicts itself; or no one person is meant.

    `status` is None when this was seen before anything was sent.
    """

    default_code = "invalid-request"


class InvalidApiKeyError(RefusedError):
    """401. The key was not accepted, and the server does not say why."""

    default_code = "invalid-api-key"


class ForbiddenError(RefusedError):
    """403. The enrollment is unknown, another integration's, not verified, not active or locked."""

    default_code = "forbidden"


class AttemptNotFoundError(RefusedError):
    """404. No attempt of this integration has this id."""

    default_code = "auth-attempt-not-found"


class ConflictError(RefusedError):
    """409. The state forbids it, or the Idempotency-Key came before with another request."""

    default_code = "conflict"


class RateLimitError(RefusedError):
    """429. Too many requests of this integration, for longer than this call could wait."""

    default_code = "too-many-requests"


# --- the server failed ---------------------------------------------------------------------------------


class ServerError(CountersignError):
    """The server failed: any 5xx. Its log knows more under `request_id`."""

    default_code = "server-error"


class UnavailableError(ServerError):
    """502, 503 or 504. The server, or what stands before it, is not able to answer at the moment."""

    default_code = "unavailable"


# --- evidence ------------------------------------------------------------------------------------------


class BadSignatureError(CountersignError):
    """The signature is not this key's over this message, or one of the two is not well formed."""

    default_code = "bad-signature"


class AmbiguousPayloadError(CountersignError):
    """A text that is not the last segment of its message contains `|`, so two messages would look alike."""

    default_code = "ambiguous-payload"
