"""The test vectors of the wire protocol: every signed message, and what must be refused.

`wire.json` was made with PyNaCl and cryptography, from the keys that it names; server and simulator are both
held to it and share no code besides. ECDSA signatures in it are deterministic (RFC 6979) with a low s.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIRE: Mapping[str, Any] = json.loads(Path(__file__).with_name("wire.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Vector:
    """One message, its signature, and whether it must be accepted.

    Args:
        id: Its name in the file.
        kind: The message's name, such as `pending-request`.
        signer: `integration`, `device-p256` or `device-ed25519`.
        input: The message's fields by their names on the wire; empty for those to be refused.
        payload: What is signed.
        public_key: Raw in Base64URL for the integration, SPKI in Base64 for a device.
        signature: In the encoding of its signer.
    """

    id: str
    kind: str
    signer: str
    input: Mapping[str, Any]
    payload: str
    public_key: str
    signature: str


def _vector(entry: Mapping[str, Any]) -> Vector:
    return Vector(
        id=entry["id"],
        kind=entry["kind"],
        signer=entry["signer"],
        input=entry.get("input", {}),
        payload=entry["payload"],
        public_key=entry["publicKey"],
        signature=entry["signature"],
    )


VALID = tuple(_vector(entry) for entry in WIRE["vectors"])
REFUSED = tuple(_vector(entry) for entry in WIRE["negative"])
