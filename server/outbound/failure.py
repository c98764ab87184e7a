"""What was handed to another machine did not get there."""

import ssl


class NotSent(Exception):
    """The message was not taken, as far as anybody knows.

    Args:
        reason: Why, for operators: a step and the other side's codes. No address, no word of the message.
        for_good: Whether trying again would be in vain.
    """

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.for_good = for_good


def reason_of(cause: BaseException) -> str:
    """Why a connection failed, by the names of exceptions: their texts may hold what they were about."""
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    innermost = cause
    while (below := innermost.__cause__ or innermost.__context__) is not None:
        innermost = below
    if isinstance(innermost, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {innermost.verify_message}"
    return f"no connection: {type(innermost).__name__}"
