"""What was signed, by whom, and whether it holds: the record behind `inspect`."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from device_sim.checks import BadSignature, verify_device_signature, verify_integration_signature
from device_sim.messages import AmbiguousMessage, SignedString

Party = Literal["integration", "device"]

KEPT_MESSAGES = 12
"""How many messages of an enrollment are remembered: its last few exchanges."""


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message as it was seen: what it says, the signature that came with it, and the key to check it by.

    It holds proof tokens, as the wallet does; `string.shown()` is what may be shown.
    """

    signer: Party
    string: SignedString = field(repr=False)
    public_key: str
    signature: str | None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def fault(self) -> str | None:
        """Why the signature does not hold, in words, or None when it does."""
        if self.signature is None:
            return "there is no signature"
        verify = verify_integration_signature if self.signer == "integration" else verify_device_signature
        try:
            verify(self.public_key, self.string.canonical(), self.signature)
        except (BadSignature, AmbiguousMessage) as error:
            return str(error)
        except UnicodeEncodeError:
            return "the text is not Unicode"
        return None
