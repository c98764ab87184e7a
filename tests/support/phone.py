"""A phone without a screen: a key, and what is signed and sent with it. It knows nothing of the server.

Every signed string is written out here once more, so that a mistake of the server cannot agree with itself.
`device_sim.Device` is the phone for the happy path; this one is for what a real phone would not do.
Source: docs/protocol/wire.md, 2 and 3.0.
"""

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any, Protocol, TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from nacl.signing import SigningKey, VerifyKey

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")

Body = dict[str, Any]
Given: TypeAlias = Any
"""What a test gives by name; who takes it knows its type."""


class Key(Protocol):
    """A phone's key pair."""

    @property
    def spki(self) -> bytes:
        """The public key in DER."""

    def sign(self, text: str) -> str:
        """The signature over *text*, as it goes on the wire."""


class P256Key:
    """What phones' keystores hold."""

    def __init__(self, scalar: int | None = None) -> None:
        curve = ec.SECP256R1()
        self._key = ec.generate_private_key(curve) if scalar is None else ec.derive_private_key(scalar, curve)

    @property
    def spki(self) -> bytes:
        """91 bytes."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, text: str) -> str:
        """DER with a low s, in standard Base64."""
        r, s = utils.decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return b64encode(utils.encode_dss_signature(r, min(s, P256_ORDER - s))).decode()


class Ed25519Key:
    """The other kind of key."""

    def __init__(self, seed: bytes | None = None) -> None:
        self._key = SigningKey(seed or token_bytes(32))

    @property
    def spki(self) -> bytes:
        """44 bytes."""
        return ED25519_SPKI_PREFIX + bytes(self._key.verify_key)

    def sign(self, text: str) -> str:
        """64 bytes in standard Base64."""
        return b64encode(self._key.sign(text.encode()).signature).decode()


def with_high_s(signature: str) -> str:
    """The other form of a P-256 signature, which mathematics accepts and the protocol does not."""
    r, s = utils.decode_dss_signature(b64decode(signature))
    return b64encode(utils.encode_dss_signature(r, P256_ORDER - s)).decode()


def new_proof_token() -> str:
    """A token as phones make them for each request."""
    return ".".join(urlsafe_b64encode(token_bytes(size)).rstrip(b"=").decode() for size in (32, 16))


def verify_integration(public_key: str, text: str, signature: str) -> None:
    """*signature* is the integration's over *text*.

    Raises:
        nacl.exceptions.BadSignatureError: It is not.
        AssertionError: Key or signature is not in its one encoding.
    """
    assert (len(public_key), len(signature)) == (43, 86)
    VerifyKey(urlsafe_b64decode(public_key + "=")).verify(text.encode(), urlsafe_b64decode(signature + "=="))


@dataclass
class Phone:
    """A phone that holds one invitation.

    Args:
        enrollment_id: The invitation's.
        proof_token: The invitation's.
        challenge: What its owner was told by another way.
        key: Its key.
        integration_key: Of whom it was bound to, once it is.
    """

    enrollment_id: int
    proof_token: str
    challenge: int
    key: Key
    integration_key: str = ""

    @property
    def public_key(self) -> str:
        """Its SPKI in standard Base64."""
        return b64encode(self.key.spki).decode()

    def checks(self, signature: str, *segments: object) -> None:
        """*signature* is the integration's over the joined *segments*; raises if not."""
        verify_integration(self.integration_key, "|".join(map(str, segments)), signature)

    def bind_body(self, **members: Given) -> Body:
        """For POST /api/v1/enrollments/bind."""
        return {"enrollmentId": self.enrollment_id, "enrollmentProofToken": self.proof_token} | members

    def verify_body(
        self, challenge: int | None = None, *, signed_by: Key | None = None, **members: Given
    ) -> Body:
        """For POST /api/v1/enrollments/verify, with the right challenge if none is given."""
        challenge = self.challenge if challenge is None else challenge
        signed = f"{self.proof_token}|{self.enrollment_id}|{challenge}|{self.public_key}"
        return {
            "enrollmentId": self.enrollment_id,
            "challengeResponse": challenge,
            "devicePublicKey": self.public_key,
            "enrollmentProofTokenSigned": (signed_by or self.key).sign(signed),
        } | members

    def poll_body(
        self, device_token: str | None = None, *, signed_by: Key | None = None, **members: Given
    ) -> Body:
        """For POST /api/v1/auth-attempts/pending, with a new device proof token if none is given."""
        device_token = device_token or new_proof_token()
        return {
            "enrollmentId": self.enrollment_id,
            "enrollmentProofToken": self.proof_token,
            "deviceProofToken": device_token,
            "deviceProofTokenSigned": (signed_by or self.key).sign(device_token),
        } | members

    def answer_body(
        self,
        attempt_id: int,
        attempt_token: str,
        *,
        accepted: bool,
        challenge: int | None = None,
        signed_by: Key | None = None,
        **members: Given,
    ) -> Body:
        """For POST /api/v1/auth-attempts/respond."""
        body: Body = {
            "authAttemptId": attempt_id,
            "authAttemptAccepted": accepted,
            "authAttemptProofTokenSignedByDevice": (signed_by or self.key).sign(
                f"{attempt_token}|{'true' if accepted else 'false'}"
            ),
        }
        if challenge is not None:
            body["authAttemptChallengeResponse"] = challenge
        return body | members

    def push_address_body(
        self,
        provider: str,
        address: str,
        device_token: str | None = None,
        *,
        signed_by: Key | None = None,
        **members: Given,
    ) -> Body:
        """For POST /api/v1/enrollments/push-address, with a new device proof token if none is given."""
        device_token = device_token or new_proof_token()
        return {
            "enrollmentId": self.enrollment_id,
            "enrollmentProofToken": self.proof_token,
            "provider": provider,
            "address": address,
            "deviceProofToken": device_token,
            "deviceProofTokenSigned": (signed_by or self.key).sign(
                f"{device_token}|PUSH_ADDRESS|{provider}|{address}"
            ),
        } | members
