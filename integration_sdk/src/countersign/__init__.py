"""Ask a person's phone before something happens.

    with Client.from_environment() as countersign:
        if countersign.approve("jane", "Payment", "40 € to Bob", challenge=True, on_challenge=print):
            pay()

What is public is named here, in `countersign.errors`, and in `countersign.signatures`.
"""

from importlib.metadata import version

from countersign.async_client import AsyncClient
from countersign.attempts import AuthAttempt, AuthAttemptStatus, DenyReason
from countersign.client import Client
from countersign.errors import CountersignError
from countersign.outcomes import Decision, Outcome

__version__ = version("countersign-sdk")

__all__ = [
    "AsyncClient",
    "AuthAttempt",
    "AuthAttemptStatus",
    "Client",
    "CountersignError",
    "Decision",
    "DenyReason",
    "Outcome",
    "__version__",
]
