"""Phones and the relying party that asks their owners: real rows, and requests signed for them.

Everything dear happens here, before anything is measured.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import asyncpg

from server.app import close_core, open_core
from server.base.settings import Settings
from server.core.auth_attempts.create import create_attempt
from server.core.auth_attempts.model import Attempt
from server.core.auth_attempts.respond import RespondToAttempt
from server.core.work import Work
from server.crypto.sealing import KeyRing
from tests.bench.rows import (
    KEYS,
    KeyKind,
    Question,
    Row,
    insert_attempts,
    insert_phones,
    insert_strangers,
    select_row,
)
from tests.bench.wire import request_bytes
from tests.support.enrolling import an_enrolled_phone, question_for
from tests.support.factories import an_api_key, an_integration
from tests.support.phone import Body, Phone
from tests.support.work import OPERATOR

TITLE = "Sign in to the bank"
MESSAGE = "From a new browser in Lisbon, Portugal. If this is not you, deny."


class Fleet:
    """Enrolled phones of one integration.

    Args:
        conn: For preparing; what is only prepared does not wait for the disk.
        keys: Those of the instance.
        credentials: The relying party's API key, as user and password.
        kind: What the phones' keys are.
        enrollment: The first phone's row.
        attempt: An attempt's row.
    """

    def __init__(
        self,
        conn: asyncpg.Connection,
        keys: KeyRing,
        credentials: tuple[str, str],
        kind: KeyKind,
        phones: Sequence[Phone],
        enrollment: Row,
        attempt: Row,
    ) -> None:
        self.conn = conn
        self.phones = list(phones)
        self._keys = keys
        self._credentials = credentials
        self._kind = kind
        self._enrollment = enrollment
        self._attempt = attempt
        self._turn = 0

    @classmethod
    @asynccontextmanager
    async def enrolled(
        cls, settings: Settings, database_url: str, count: int, kind: KeyKind
    ) -> AsyncIterator[Self]:
        """Inside, there are *count* phones: one that the product enrolled, and copies with own keys."""
        core = await open_core(settings, database_url=database_url, application_name="countersign bench")
        try:
            first, attempt, credentials = await core.perform(_first, kind, actor=OPERATOR)
        finally:
            await close_core(core)
        conn = await asyncpg.connect(
            database_url,
            server_settings={"application_name": "countersign bench", "synchronous_commit": "off"},
        )
        try:
            enrollment = await select_row(conn, "enrollments", first.enrollment_id)
            asked = await select_row(conn, "auth_attempts", attempt.id)
            fleet = cls(conn, core.keys, credentials, kind, [first], enrollment, asked)
            await fleet.enroll(count - 1)
            await conn.execute("VACUUM ANALYZE", timeout=None)
            await fleet.questions(count, read=False)
            await fleet.ask_nobody()
            yield fleet
        finally:
            await conn.close()

    async def enroll(self, count: int) -> None:
        """So many more phones belong to it."""
        self.phones += await insert_phones(
            self.conn, self._keys, self._enrollment, self.phones[0], count, self._kind
        )

    async def surround(self, before: int, count: int) -> None:
        """So many more strangers are enrolled; *before* were already."""
        await insert_strangers(self.conn, self._enrollment, before, count)

    async def settle(self) -> None:
        """Nothing is left to be done for what was inserted, not by whoever reads it first either."""
        await self.conn.execute("VACUUM (FREEZE, ANALYZE)", timeout=None)
        await self.conn.execute("CHECKPOINT", timeout=None)

    # --- how attempts stand ---

    async def ask_nobody(self) -> None:
        """None of its phones has an open attempt, and nothing is left of those that were but their rows."""
        await self.conn.execute(
            """
            UPDATE auth_attempts
               SET status = 'EXPIRED', ended_at = now()
             WHERE status IN ('PENDING', 'READ')
               AND integration_id = $1
            """,
            self._enrollment["integration_id"],
        )
        await self.conn.execute("VACUUM enrollments, auth_attempts")

    async def questions(self, count: int, *, read: bool) -> list[Question]:
        """New open attempts of the next *count* phones, one each, and no others.

        Args:
            read: Whether the phones have read them.
        """
        await self.ask_nobody()
        phones = self.next_phones(min(count, len(self.phones)))
        questions = await insert_attempts(self.conn, self._keys, self._attempt, phones, read=read)
        # The planner knows that many are open, as it does where that is so all the time.
        await self.conn.execute("ANALYZE auth_attempts")
        return questions

    def next_phones(self, count: int) -> list[Phone]:
        """Each phone has its turn before one has it again."""
        begin, self._turn = self._turn, (self._turn + count) % len(self.phones)
        return [self.phones[(begin + number) % len(self.phones)] for number in range(count)]

    # --- what is sent ---

    def creation(self, phone: Phone) -> bytes:
        """A question to the phone's owner."""
        body = {
            "enrollmentId": phone.enrollment_id,
            "challengeRequested": False,
            "contextTitle": TITLE,
            "contextMessage": MESSAGE,
        }
        return _post("/api/v1/auth-attempts", body, credentials=self._credentials)

    def wait(self, attempt_id: int, timeout_seconds: int = 60) -> bytes:
        """The relying party waits for the answer to the question."""
        path = f"/api/v1/auth-attempts/{attempt_id}/wait?timeout={timeout_seconds}"
        return request_bytes("GET", path, credentials=self._credentials)


def poll(phone: Phone) -> bytes:
    """What waits for the phone? With a new device proof token."""
    return _post("/api/v1/auth-attempts/pending", phone.poll_body())


def approval(question: Question) -> bytes:
    """The owner approves."""
    body = question.phone.answer_body(question.attempt_id, question.proof_token, accepted=True)
    return _post("/api/v1/auth-attempts/respond", body)


def answer(question: Question) -> RespondToAttempt:
    """The same without HTTP."""
    body = question.phone.answer_body(question.attempt_id, question.proof_token, accepted=True)
    return RespondToAttempt(
        question.attempt_id,
        accepted=True,
        signature=body["authAttemptProofTokenSignedByDevice"],
        challenge_response=None,
    )


async def _first(work: Work, kind: KeyKind) -> tuple[Phone, Attempt, tuple[str, str]]:
    """One of each, made as always."""
    integration = await an_integration(work)
    issued = await an_api_key(work, integration=integration)
    phone = await an_enrolled_phone(work, integration=integration, key=KEYS[kind]())
    attempt = await create_attempt(work, question_for(phone, integration, title=TITLE, message=MESSAGE))
    return phone, attempt, (issued.key.key_id, issued.secret.reveal())


def _post(path: str, body: Body | dict[str, Any], *, credentials: tuple[str, str] | None = None) -> bytes:
    written = json.dumps(body, separators=(",", ":")).encode()
    return request_bytes("POST", path, written, credentials=credentials)
