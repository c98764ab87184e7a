"""What a person needs to enroll a phone: two secrets, shown once.

The proof token goes to the phone in the QR. The challenge is not in the QR: it reaches the person by
another way. Source: docs/protocol/wire.md, 3.3 and 5.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.base.secret import Secret
from server.core.enrollments.model import Enrollment, challenge_purpose, proof_token_purpose
from server.core.expiry import expiry_of
from server.core.work import Work
from server.crypto.tokens import digest, new_challenge, new_proof_token

CHALLENGE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Invited:
    """An enrollment that waits for a phone, with its secrets, which are nowhere else in clear.

    Args:
        proof_token: 66 characters.
        challenge: Six digits.
        qr_text: The text of the QR: compact JSON with the id, the proof token and, if the instance has a
            public URL, where the phone reaches it.
    """

    enrollment: Enrollment
    proof_token: Secret
    challenge: Secret
    qr_text: Secret


@dataclass(frozen=True, slots=True)
class InvitationSecrets:
    """The secrets of one invitation, before they are stored."""

    proof_token: str
    challenge: str

    @classmethod
    def new(cls) -> "InvitationSecrets":
        """A new proof token and a new challenge."""
        return cls(new_proof_token(), str(new_challenge(CHALLENGE_DIGITS)))

    def stored(self, work: Work, enrollment_id: int) -> "StoredSecrets":
        """What the enrollment with this id keeps of them."""
        return StoredSecrets(
            proof_token_digest=digest(self.proof_token),
            proof_token_sealed=work.keys.seal(self.proof_token.encode(), proof_token_purpose(enrollment_id)),
            challenge_sealed=work.keys.seal(self.challenge.encode(), challenge_purpose(enrollment_id)),
        )

    def shown(self, work: Work, enrollment: Enrollment) -> Invited:
        """The enrollment with its secrets, for the one time that they are shown."""
        qr = {"enrollmentId": str(enrollment.id), "enrollmentProofToken": self.proof_token}
        if work.settings.public_base_url:
            qr["authUrl"] = work.settings.public_base_url
        return Invited(
            enrollment=enrollment,
            proof_token=Secret(self.proof_token),
            challenge=Secret(self.challenge),
            qr_text=Secret(json.dumps(qr, separators=(",", ":"))),
        )


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """What is kept of an invitation's secrets."""

    proof_token_digest: bytes
    proof_token_sealed: bytes
    challenge_sealed: bytes


def invitation_ends(work: Work, expires_at: datetime | None) -> datetime:
    """Until when the invitation can be used: *expires_at*, or as long as the instance's settings say.

    Raises:
        InvalidFields: It is past, more than ten years away, or names no time zone.
    """
    return expiry_of(expires_at, work.now) or work.now + timedelta(
        seconds=work.settings.enrollment_ttl_seconds
    )
