"""What the wallet keeps of one enrollment, and its form as JSON."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from device_sim.enrollment import Binding, Enrollment
from device_sim.journal import SignedMessage
from device_sim.keys import load_device_key
from device_sim.messages import SignedString

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class WalletEntry:
    """An enrollment under the name that its owner gave it, with its last signed messages."""

    name: str
    enrollment: Enrollment
    messages: tuple[SignedMessage, ...] = ()
    added_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON values, private key and proof token in clear: the file's mode protects them."""
        enrollment = self.enrollment
        return {
            "name": self.name,
            "addedAt": self.added_at.isoformat(),
            "baseUrl": enrollment.base_url,
            "enrollmentId": enrollment.enrollment_id,
            "enrollmentProofToken": enrollment.proof_token,
            "algorithm": enrollment.key.algorithm,
            "privateKey": enrollment.key.private_key,
            "binding": None if enrollment.binding is None else asdict(enrollment.binding),
            "verified": enrollment.verified,
            "messages": [
                {
                    "signer": message.signer,
                    "kind": message.string.kind,
                    "segments": [list(segment) for segment in message.string.segments],
                    "publicKey": message.public_key,
                    "signature": message.signature,
                    "at": message.at.isoformat(),
                }
                for message in self.messages
            ],
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """The entry that `to_json` made this of.

        Raises:
            KeyError, TypeError, ValueError: It was not made by `to_json`.
        """
        binding = members["binding"]
        return cls(
            name=checked_name(members["name"]),
            enrollment=Enrollment(
                base_url=members["baseUrl"],
                enrollment_id=members["enrollmentId"],
                proof_token=members["enrollmentProofToken"],
                key=load_device_key(members["algorithm"], members["privateKey"]),
                binding=None if binding is None else Binding(**binding),
                verified=members["verified"],
            ),
            messages=tuple(
                SignedMessage(
                    signer=message["signer"],
                    string=SignedString(
                        message["kind"], tuple((str(name), str(text)) for name, text in message["segments"])
                    ),
                    public_key=message["publicKey"],
                    signature=message["signature"],
                    at=datetime.fromisoformat(message["at"]),
                )
                for message in members["messages"]
            ),
            added_at=datetime.fromisoformat(members["addedAt"]),
        )


def checked_name(name: str) -> str:
    """*name*, if an entry may be called so: 1 to 64 letters, digits, `.`, `_`, `-`, no mark in front.

    Raises:
        ValueError: It may not.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            "a name is 1 to 64 letters, digits, '.', '_' and '-', and starts with a letter or digit"
        )
    return name


def suggested_name(enrollment: Enrollment) -> str:
    """A name after the integration, such as `acme-bank`, or after the enrollment's number."""
    integration = (enrollment.binding and enrollment.binding.integration_name) or ""
    plain = unicodedata.normalize("NFKD", integration).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:40].strip("-") or f"enrollment-{enrollment.enrollment_id}"
