"""Phones and the relying party that asks their owners: rows made by the product's actions, requests signed.

Everything dear happens here, before anything is measured.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from server.core.api_keys.model import IssuedApiKey
from server.core.auth_attempts.create import create_attempt
from server.core.auth_attempts.model import proof_token_purpose
from server.core.auth_attempts.respond import RespondToAttempt, respond_to_attempt
from server.core.integrations.model import Integration
from server.core.work import Core, Work
from tests.bench.load import request_bytes
from tests.support.enrolling import ANYONE, a_relying_party, an_enrolled_phone, question_for
from tests.support.factories import an_api_key, an_integration
from tests.support.phone import Body, Ed25519Key, Key, P256Key, Phone
from tests.support.work import OPERATOR

KeyKind = Literal["p256", "ed25519"]

TITLE = "Sign in to the bank"
MESSAGE = "From a new browser in Lisbon, Portugal. If this is not you, deny."


@dataclass(frozen=True, slots=True)
class Question:
    """An open attempt, and what its phone signs to answer it."""

    attempt_id: int
    proof_token: str
    phone: Phone


class Fleet:
    """Enrolled phones of one integration.

    Args:
        core: Where they are enrolled.
        integration: The relying party.
        credentials: Its API key, as user and password.
        phones: All of them.
    """

    def __init__(
        self, core: Core, integration: Integration, credentials: tuple[str, str], phones: Sequence[Phone]
    ) -> None:
        self.core = core
        self.integration = integration
        self.credentials = credentials
        self.phones = phones

    @classmethod
    async def enroll(cls, core: Core, count: int, kind: KeyKind) -> Self:
        """*count* phones, enrolled as real ones are, each with a key of its own."""
        new_key: type[Key] = P256Key if kind == "p256" else Ed25519Key

        async def make(work: Work, _: None) -> tuple[Integration, IssuedApiKey, list[Phone]]:
            integration = await an_integration(work)
            issued = await an_api_key(work, integration=integration)
            phones = [
                await an_enrolled_phone(work, integration=integration, key=new_key()) for _ in range(count)
            ]
            return integration, issued, phones

        integration, issued, phones = await core.perform(make, None, actor=OPERATOR)
        async with core.db.acquire() as conn:
            await conn.execute("VACUUM ANALYZE")
        return cls(core, integration, (issued.key.key_id, issued.secret.reveal()), phones)

    # --- how attempts stand ---

    async def ask_nobody(self) -> None:
        """No attempt is open."""
        async with self.core.db.acquire() as conn:
            await conn.execute(
                """
                UPDATE auth_attempts
                   SET status = 'EXPIRED', ended_at = now()
                 WHERE status IN ('PENDING', 'READ')
                """
            )

    async def ask(self, phones: Sequence[Phone] | None = None) -> None:
        """Each of *phones*, all if none are given, has a new open attempt that it has not read."""
        await self.ask_nobody()
        actor = a_relying_party(self.integration)
        for phone in self.phones if phones is None else phones:
            question = question_for(phone, self.integration, title=TITLE, message=MESSAGE)
            await self.core.perform_at_once(create_attempt, question, actor=actor)

    async def questions(self, phones: Sequence[Phone] | None = None) -> list[Question]:
        """New open attempts of *phones*, all if none are given, which they have read."""
        await self.ask(phones)
        by_enrollment = {phone.enrollment_id: phone for phone in self.phones}
        async with self.core.db.acquire() as conn:
            rows = await conn.fetch(
                """
                UPDATE auth_attempts
                   SET status = 'READ', read_at = now()
                 WHERE status = 'PENDING'
                RETURNING id, enrollment_id, proof_token_sealed
                """
            )
        keys = self.core.keys
        return [
            Question(
                row["id"],
                keys.open(row["proof_token_sealed"], proof_token_purpose(row["id"])).decode(),
                by_enrollment[row["enrollment_id"]],
            )
            for row in rows
        ]

    async def approve(self, question: Question) -> None:
        """The owner has approved, without HTTP."""
        body = answer_body(question)
        command = RespondToAttempt(
            question.attempt_id,
            accepted=True,
            signature=body["authAttemptProofTokenSignedByDevice"],
            challenge_response=None,
        )
        await self.core.perform_at_once(respond_to_attempt, command, actor=ANYONE)

    # --- what is sent ---

    def polls(self) -> list[bytes]:
        """A poll of each phone, with a new device proof token."""
        return [_post("/api/v1/auth-attempts/pending", phone.poll_body()) for phone in self.phones]

    def creations(self) -> list[bytes]:
        """A question to each phone's owner."""
        return [
            _post(
                "/api/v1/auth-attempts",
                {
                    "enrollmentId": phone.enrollment_id,
                    "challengeRequested": False,
                    "contextTitle": TITLE,
                    "contextMessage": MESSAGE,
                },
                credentials=self.credentials,
            )
            for phone in self.phones
        ]

    def wait(self, question: Question, timeout_seconds: int = 60) -> bytes:
        """The relying party waits for the answer to *question*."""
        path = f"/api/v1/auth-attempts/{question.attempt_id}/wait?timeout={timeout_seconds}"
        return request_bytes("GET", path, credentials=self.credentials)


def approval(question: Question) -> bytes:
    """The owner approves."""
    return _post("/api/v1/auth-attempts/respond", answer_body(question))


def answer_body(question: Question) -> Body:
    """What the phone sends when its owner approves."""
    return question.phone.answer_body(question.attempt_id, question.proof_token, accepted=True)


def _post(path: str, body: Body, *, credentials: tuple[str, str] | None = None) -> bytes:
    written = json.dumps(body, separators=(",", ":")).encode()
    return request_bytes("POST", path, written, credentials=credentials)
