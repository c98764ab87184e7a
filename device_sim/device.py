"""A phone, as far as the server can tell."""

import asyncio
import math
import secrets
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Self

import httpx2

from device_sim import messages
from device_sim.auth_api import Answer, AuthApi
from device_sim.encoding import b64url_encode
from device_sim.enrollment import (
    Binding,
    DeviceProof,
    Enrollment,
    InstanceInfo,
    PendingAttempt,
    Result,
    StorageTier,
)
from device_sim.errors import (
    IntegrationSignatureInvalid,
    InvitationInvalid,
    MalformedAnswer,
    RateLimited,
    StepMissing,
)
from device_sim.invitation import Invitation, checked_base_url
from device_sim.journal import KEPT_MESSAGES, Party, SignedMessage
from device_sim.keys import Algorithm, DeviceKey, Signer, new_device_key
from device_sim.messages import DenyReason, PushProvider, SignedString
from device_sim.readings import (
    Reading,
    T,
    read_bind,
    read_instance_info,
    read_pending,
    read_respond,
    read_verify,
)

LONGEST_WAIT_SECONDS = 50
POLL_GAP_SECONDS = 3.0
"""The least time between two polls of one device: a server takes 30 a minute of each enrollment."""


class Device:
    """One enrollment on one simulated phone.

    Its methods do what a phone does, one HTTP exchange each, and believe nothing that the integration did
    not sign: every answer is read with its types, then its signature is checked, and only then it counts.
    Every method raises `ServerUnreachable`, `ServerRefused` and `MalformedAnswer`; those whose answer is
    signed raise `IntegrationSignatureInvalid` too.

    For wrong cases, methods that sign take `signed_by`: whatever signs in the device's place. The public
    key sent stays the device's own.

    Args:
        enrollment: What the device knows so far.
        http: A client to share; the caller closes it. Without one the device makes its own, and `aclose`
            (or leaving `async with`) closes it.
    """

    def __init__(self, enrollment: Enrollment, *, http: httpx2.AsyncClient | None = None) -> None:
        self.enrollment = enrollment
        self.api: Final = AuthApi(enrollment.base_url, http)
        self._journal: deque[SignedMessage] = deque(maxlen=KEPT_MESSAGES)

    @classmethod
    def invited(
        cls,
        invitation: Invitation,
        *,
        base_url: str | None = None,
        algorithm: Algorithm = "P-256",
        key: DeviceKey | None = None,
        http: httpx2.AsyncClient | None = None,
    ) -> Self:
        """A device that holds *invitation* and a key, and has said nothing yet.

        Args:
            invitation: From a QR or text.
            base_url: Where the server is; without it, the invitation's own URL.
            algorithm: What kind of key to make.
            key: The key to use instead of a fresh one.
            http: A client to share.

        Raises:
            InvitationInvalid: Nobody says where the server is, or the URL is not one a phone would use.
        """
        if base_url is not None:
            url = checked_base_url(base_url)
        elif invitation.auth_url is not None:
            url = invitation.auth_url
        else:
            raise InvitationInvalid("The invitation does not say where the server is; give its URL")
        return cls(
            Enrollment(
                base_url=url,
                enrollment_id=invitation.enrollment_id,
                proof_token=invitation.proof_token,
                key=key or new_device_key(algorithm),
            ),
            http=http,
        )

    @classmethod
    async def enroll(
        cls,
        invitation: Invitation,
        challenge: int,
        *,
        base_url: str | None = None,
        algorithm: Algorithm = "P-256",
        storage_tier: StorageTier | None = "NONE",
        key: DeviceKey | None = None,
        http: httpx2.AsyncClient | None = None,
    ) -> Self:
        """A device that is bound and verified: the enrollment is active.

        Args:
            invitation: From a QR or text.
            challenge: The number that came by another way.
            base_url: Where the server is; without it, the invitation's own URL.
            algorithm: What kind of key to make.
            storage_tier: What the device says about how its key is kept; None says nothing.
            key: The key to use instead of a fresh one.
            http: A client to share.

        Raises:
            InvitationInvalid: Nobody says where the server is, or the URL is not one a phone would use.
        """
        device = cls.invited(invitation, base_url=base_url, algorithm=algorithm, key=key, http=http)
        try:
            await device.bind()
            await device.verify(challenge, storage_tier=storage_tier)
        except BaseException:
            await device.aclose()
            raise
        return device

    async def bind(self) -> Binding:
        """The integration has handed out its key and names, and the enrollment is bound to this device.

        The server does this once for each invitation. The key is trusted because it came over this
        connection; its signature shows that the answer is whole.
        """
        enrollment = self.enrollment
        answer = await self._post(
            "bind",
            "/api/v1/enrollments/bind",
            {"enrollmentId": enrollment.enrollment_id, "enrollmentProofToken": enrollment.proof_token},
        )
        reading = read_bind(answer, enrollment)
        binding = self._believe("bind", reading, reading.value.integration_public_key)
        self.enrollment = replace(enrollment, binding=binding)
        return binding

    async def verify(
        self, challenge: int, *, storage_tier: StorageTier | None = "NONE", signed_by: Signer | None = None
    ) -> str:
        """The enrollment is active with this device's key. Returns the server's message.

        Raises:
            StepMissing: The device is not bound.
        """
        enrollment, key = self.enrollment, self._integration_key()
        answer = await self._post(
            "verify",
            "/api/v1/enrollments/verify",
            {
                "enrollmentId": enrollment.enrollment_id,
                "challengeResponse": challenge,
                "devicePublicKey": enrollment.key.public_key,
                "enrollmentProofTokenSigned": self._sign(
                    messages.verify_request(
                        enrollment_proof_token=enrollment.proof_token,
                        enrollment_id=enrollment.enrollment_id,
                        challenge_response=challenge,
                        device_public_key=enrollment.key.public_key,
                    ),
                    signed_by,
                ),
                "devicePrivateKeyStorageTier": storage_tier,
            },
        )
        message = self._believe("verify", read_verify(answer, enrollment), key)
        self.enrollment = replace(enrollment, verified=True)
        return message

    def new_proof(self, *, signed_by: Signer | None = None) -> DeviceProof:
        """A fresh deviceProofToken under the device's signature."""
        token = _new_proof_token()
        return DeviceProof(token, self._signer(signed_by).sign(_pending_request(token).canonical()))

    async def pending(
        self, *, wait_seconds: int | None = None, proof: DeviceProof | None = None
    ) -> PendingAttempt | None:
        """What waits for this device, or None.

        Args:
            wait_seconds: How long the server may hold the request until something waits, up to 50; sent as
                `Prefer: wait=N`, which a server may ignore.
            proof: The proof to send instead of a fresh one, for example one that was used before.

        Raises:
            StepMissing: The device is not bound.
        """
        key = self._integration_key()
        proof = proof or self.new_proof()
        reply = await self.api.post(
            "pending",
            "/api/v1/auth-attempts/pending",
            {
                "enrollmentId": self.enrollment.enrollment_id,
                "enrollmentProofToken": self.enrollment.proof_token,
                "deviceProofToken": proof.token,
                "deviceProofTokenSigned": proof.signature,
            },
            prefer=None if wait_seconds is None else f"wait={wait_seconds}",
            patience_seconds=wait_seconds or 0,
        )
        if reply is None:
            return None
        self._note_own(_pending_request(proof.token), proof.signature)
        return self._believe("pending", read_pending(reply), key)

    async def next_attempt(self, within_seconds: float) -> PendingAttempt | None:
        """The first attempt that waits within this time, by long polls one after another; None if none did.

        *within_seconds* may be infinite. Polls are at least 3 seconds apart even if the server does not hold
        them, and 429 is waited out where the time allows.

        Raises:
            RateLimited: The server wants a longer pause than is left.
        """
        deadline = time.monotonic() + within_seconds
        while True:
            started = time.monotonic()
            wait = math.ceil(min(LONGEST_WAIT_SECONDS, deadline - started))
            resume = started + POLL_GAP_SECONDS
            try:
                attempt = await self.pending(wait_seconds=wait if wait > 0 else None)
            except RateLimited as limited:
                resume = max(resume, time.monotonic() + (limited.retry_after or 0))
                if resume >= deadline:
                    raise
            else:
                if attempt is not None:
                    return attempt
            if max(resume, time.monotonic()) >= deadline:
                return None
            await asyncio.sleep(resume - time.monotonic())

    async def approve(
        self, attempt: PendingAttempt, challenge: int | None = None, *, signed_by: Signer | None = None
    ) -> Result:
        """The server has the approval, with the number from the other screen if one is given.

        A missing or wrong number is for the server to refuse: the outcome is then FAILED.
        """
        return await self._respond(attempt, accepted=True, challenge=challenge, signed_by=signed_by)

    async def deny(
        self, attempt: PendingAttempt, reason: DenyReason | None = None, *, signed_by: Signer | None = None
    ) -> Result:
        """The server has the denial. *reason* is not covered by the device's signature."""
        return await self._respond(attempt, accepted=False, reason=reason, signed_by=signed_by)

    async def instance_info(self) -> InstanceInfo:
        """What the instance says about itself, signed for this enrollment.

        Raises:
            StepMissing: The device is not bound.
        """
        enrollment, key = self.enrollment, self._integration_key()
        answer = await self._post(
            "instance-info",
            "/api/v1/enrollments/instance-info",
            {"enrollmentProofToken": enrollment.proof_token},
        )
        return self._believe("instance-info", read_instance_info(answer, enrollment), key)

    async def register_push_address(
        self, provider: PushProvider, address: str, *, signed_by: Signer | None = None
    ) -> None:
        """Pushes for this enrollment go to *address* from now on, in the device's signed words."""
        token = _new_proof_token()
        await self.api.post(
            "push-address",
            "/api/v1/enrollments/push-address",
            {
                "enrollmentId": self.enrollment.enrollment_id,
                "enrollmentProofToken": self.enrollment.proof_token,
                "provider": provider,
                "address": address,
                "deviceProofToken": token,
                "deviceProofTokenSigned": self._sign(
                    messages.push_address_request(
                        device_proof_token=token, provider=provider, address=address
                    ),
                    signed_by,
                ),
            },
        )

    @property
    def journal(self) -> tuple[SignedMessage, ...]:
        """The last signed messages of this object's exchanges, oldest first, refused ones included."""
        return tuple(self._journal)

    async def aclose(self) -> None:
        """The device's own connections are closed."""
        await self.api.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Device({self.enrollment.enrollment_id} at {self.enrollment.base_url})"

    async def _respond(
        self,
        attempt: PendingAttempt,
        *,
        accepted: bool,
        challenge: int | None = None,
        reason: DenyReason | None = None,
        signed_by: Signer | None,
    ) -> Result:
        key = self._integration_key()
        answer = await self._post(
            "respond",
            "/api/v1/auth-attempts/respond",
            {
                "authAttemptId": attempt.attempt_id,
                "authAttemptAccepted": accepted,
                "authAttemptProofTokenSignedByDevice": self._sign(
                    messages.respond_request(auth_attempt_proof_token=attempt.proof_token, accepted=accepted),
                    signed_by,
                ),
                "authAttemptChallengeResponse": challenge,
                "authAttemptDenyReason": reason,
            },
        )
        reading = read_respond(answer, attempt, accepted=accepted)
        if reading.signature is None:
            self._note("integration", reading.string, key, None)
            return reading.value
        return self._believe("respond", reading, key)

    async def _post(self, operation: str, path: str, body: Mapping[str, object]) -> Answer:
        answer = await self.api.post(operation, path, body)
        if answer is None:
            raise MalformedAnswer(operation, "it is empty")
        return answer

    def _integration_key(self) -> str:
        if self.enrollment.binding is None:
            raise StepMissing("This device is not bound to its enrollment yet")
        return self.enrollment.binding.integration_public_key

    def _signer(self, signed_by: Signer | None) -> Signer:
        return signed_by or self.enrollment.key

    def _sign(self, string: SignedString, signed_by: Signer | None) -> str:
        signature = self._signer(signed_by).sign(string.canonical())
        self._note_own(string, signature)
        return signature

    def _note_own(self, string: SignedString, signature: str) -> None:
        self._note("device", string, self.enrollment.key.public_key, signature)

    def _note(
        self, signer: Party, string: SignedString, public_key: str, signature: str | None
    ) -> SignedMessage:
        message = SignedMessage(signer, string, public_key, signature)
        self._journal.append(message)
        return message

    def _believe(self, operation: str, reading: Reading[T], public_key: str) -> T:
        """What *reading* says, now that its signature is checked; the message is noted either way."""
        message = self._note("integration", reading.string, public_key, reading.signature)
        fault = message.fault()
        if fault is not None:
            raise IntegrationSignatureInvalid(reading.string.kind, fault, reading.string.shown())
        if reading.objection is not None:
            raise MalformedAnswer(operation, reading.objection)
        return reading.value


def _pending_request(token: str) -> SignedString:
    return messages.pending_request(device_proof_token=token)


def _new_proof_token() -> str:
    return f"{b64url_encode(secrets.token_bytes(32))}.{b64url_encode(secrets.token_bytes(16))}"
