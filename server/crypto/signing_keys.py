"""The server's own signing keys: one Ed25519 pair for each integration.

Source: docs/protocol/wire.md, sections 0.1 and 2; RFC 8032, section 5.1.
"""

import nacl.signing

from server.crypto.encoding import b64url_encode

ALGORITHM = "ed25519"  # `integrationKeyAlgorithm` on the wire


class SigningKey:
    """An integration's signing key, ready to sign. It shows its public half only.

    Args:
        seed: 32 bytes, the private half.

    Raises:
        ValueError: The seed is not 32 bytes.
    """

    __slots__ = ("_key", "public_key")

    def __init__(self, seed: bytes) -> None:
        self._key = nacl.signing.SigningKey(seed)
        self.public_key = b64url_encode(bytes(self._key.verify_key))

    def sign(self, message: bytes) -> str:
        """The signature over *message* as the wire has it: 64 bytes in 86 characters of Base64URL.

        The same message always gives the same signature.

        Args:
            message: The exact bytes from `payloads`.
        """
        return b64url_encode(self._key.sign(message).signature)

    def __repr__(self) -> str:
        return f"<SigningKey {self.public_key}>"


def generate() -> tuple[bytes, bytes]:
    """A new pair: the seed, which is the private half and is sealed at rest, and the public half.

    Each is 32 bytes.
    """
    key = nacl.signing.SigningKey.generate()
    return bytes(key), bytes(key.verify_key)
