"""Why nobody could be identified. What strangers sent is in none of the texts.

ProviderFailure
├── ProviderUnreachable   it does not answer, or says that it cannot: another try may work
└── AnswerRejected        what it said, or what came in its name, is not believed
"""


class ProviderFailure(Exception):
    """A provider was of no help.

    Args:
        reason: A few words in lower case with `_` between, for the audit log: `signature_invalid`.
        detail: What else helps an operator.
    """

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason if detail is None else f"{reason}: {detail}")
        self.reason = reason


class ProviderUnreachable(ProviderFailure):
    """It does not answer."""


class ProviderRefused(ProviderFailure):
    """It says that it signed nobody in."""


class AnswerRejected(ProviderFailure):
    """What it said, or what came in its name, is not believed."""
