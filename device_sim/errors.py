"""Every way a device can fail, in one tree.

    DeviceError
    ├── ServerUnreachable             no answer came
    ├── ServerRefused                 an answer came and it is a "no", with its problem details
    │   └── RateLimited               429, and when to come back
    ├── MalformedAnswer               a success whose body is not what the protocol says
    ├── IntegrationSignatureInvalid   a message that the integration did not sign, or did not sign like this
    ├── StepMissing                   the step needs an earlier one, such as bind before verify
    ├── InvitationInvalid             the text or picture invites to no enrollment
    ├── ExtraMissing                  an optional package is not installed
    └── WalletError
        ├── WalletNotPrivate          others can read the file
        ├── WalletDamaged             the file is not a wallet
        ├── NoSuchEntry               the wallet has no enrollment of this name
        └── EntryExists               the wallet already has it

No error carries a proof token or a private key, neither in its text nor in its attributes.
"""

from collections.abc import Sequence


class DeviceError(Exception):
    """The base of them all. The text is a sentence for a person."""


class ServerUnreachable(DeviceError):
    """Nobody answered: the connection was refused or broke, or the answer took too long.

    Args:
        url: What was asked for.
        reason: What went wrong, in the words of the network.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"No answer from {url}: {reason}")
        self.url = url
        self.reason = reason


class ServerRefused(DeviceError):
    """The server answered with a status other than success.

    Args:
        operation: What the device wanted, such as `bind`.
        status: The HTTP status.
        type: The problem's type URI (RFC 9457); `about:blank` when the body is no problem document.
        title: The problem's title, or None.
        detail: The problem's detail, or None.
        retry_after: Seconds after which to try again, or None.
    """

    def __init__(
        self,
        operation: str,
        status: int,
        *,
        type: str = "about:blank",  # noqa: A002 - RFC 9457 calls the member `type`
        title: str | None = None,
        detail: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.operation = operation
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.retry_after = retry_after
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        words = ". ".join(part.rstrip(".") for part in (self.title, self.detail) if part)
        sentence = f"The server refused {self.operation} with {self.status}"
        if words:
            sentence += f": {words}"
        if self.retry_after is not None:
            sentence += f" (try again in {self.retry_after} s)"
        return sentence


class RateLimited(ServerRefused):
    """The server answered 429. `retry_after` says when to come back, if the server did."""


class MalformedAnswer(DeviceError):
    """The server answered success, but the body does not say what the protocol promises.

    Args:
        operation: What the device wanted.
        reason: What is wrong with the answer.
    """

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"The answer to {operation} is not as documented: {reason}")
        self.operation = operation
        self.reason = reason


class IntegrationSignatureInvalid(DeviceError):
    """A message came whose integration signature does not verify. Nothing in it was believed.

    Args:
        message: Which message it was, such as `pending-response`.
        reason: Why the check failed.
        segments: The canonical string that was checked: name and text of each segment, in order, with
            secrets masked.
    """

    def __init__(self, message: str, reason: str, segments: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"The integration's signature of the {message} does not verify: {reason}")
        self.message = message
        self.reason = reason
        self.segments = tuple(segments)


class StepMissing(DeviceError):
    """The device has not yet done what this step builds on."""


class InvitationInvalid(DeviceError):
    """The text or picture is not an invitation that a phone would take."""


class ExtraMissing(DeviceError):
    """Something needs a package that is not installed. The text says which, and how to get it."""


class WalletError(DeviceError):
    """The wallet cannot be used as asked."""


class WalletNotPrivate(WalletError):
    """The wallet can be read by others than its owner."""


class WalletDamaged(WalletError):
    """The file is there but cannot be read as a wallet."""


class NoSuchEntry(WalletError):
    """The wallet has no enrollment of this name, or too many to guess which is meant."""


class EntryExists(WalletError):
    """The wallet already has an enrollment of this name."""
