"""A relying party asks, waits for the answer, or takes the question back."""

import time
from datetime import datetime
from typing import Self

from server.base.errors import (
    AttemptCreateInvalid,
    AttemptNotFound,
    AttemptStateConflict,
    AttemptWaitInvalid,
    EnrollmentForbidden,
    EnrollmentInactive,
    IdempotencyKeyReused,
    InvalidFields,
)
from server.core.auth_attempts.create import CreateAttempt, create_attempt
from server.core.auth_attempts.follow import CancelAttempt, ReadAttempt, cancel_attempt, read_attempt
from server.core.auth_attempts.model import Attempt, AttemptStatus, DenyReason, ended_topic
from server.surfaces.ezkey_integration.surface import surface
from server.surfaces.kit.asking import calling_integration, present_instant
from server.surfaces.kit.body import CamelBody, Instant, Int32, QueryFields, QueryInt
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import integration_key
from server.surfaces.kit.limits import CREATES, WAITS
from server.surfaces.kit.performing import perform_at_once, perform_until
from server.surfaces.kit.reading import header, path_id, read, read_query
from server.surfaces.kit.replying import reply
from server.surfaces.kit.surface import HOT

MAX_IDEMPOTENCY_KEY_LENGTH = 255
MAX_TIMEOUT_SECONDS = 300
MAX_POLLING_SECONDS = 60


class CreateRequest(CamelBody):
    """Who is asked, and what their phone shows."""

    enrollment_id: Int32 | None = None
    user_identifier: str | None = None
    challenge_requested: bool
    context_title: str | None = None
    context_message: str | None = None
    # A switch of the reference server's demonstrations; here nothing is ever tampered with.
    demo_mitm_signature_requested: bool | None = None

    def command(self, integration_id: int, idempotency_key: str | None) -> CreateAttempt:
        """What is asked for, by whom."""
        return CreateAttempt(
            integration_id=integration_id,
            enrollment_id=self.enrollment_id,
            user_identifier=self.user_identifier,
            challenge_requested=self.challenge_requested,
            context_title=self.context_title,
            context_message=self.context_message,
            idempotency_key=idempotency_key,
        )


class CreateResponse(CamelBody):
    """The attempt, with the number that the relying party shows. Null where there is none."""

    omits_nulls = False

    auth_attempt_id: int
    auth_attempt_challenge: int | None
    timeout_seconds: int
    expires_at: Instant
    context_title: str | None
    context_message: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """What the relying party needs to go on."""
        return cls(
            auth_attempt_id=attempt.id,
            auth_attempt_challenge=attempt.challenge,
            timeout_seconds=round((attempt.expires_at - attempt.created_at).total_seconds()),
            expires_at=attempt.expires_at,
            context_title=attempt.context_title,
            context_message=attempt.context_message,
        )


class AttemptBody(CamelBody):
    """An attempt as its integration sees it. The proof token is there once it is ACCEPTED."""

    auth_attempt_id: int
    enrollment_id: int
    auth_attempt_status: AttemptStatus
    auth_attempt_challenge: int | None
    auth_attempt_proof_token: str | None
    created_at: Instant
    expires_at: Instant
    context_title: str | None
    context_message: str | None
    auth_attempt_deny_reason: DenyReason | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """What the relying party may know."""
        return cls(
            auth_attempt_id=attempt.id,
            enrollment_id=attempt.enrollment_id,
            auth_attempt_status=attempt.status,
            auth_attempt_challenge=attempt.challenge,
            auth_attempt_proof_token=attempt.proof_token,
            created_at=attempt.created_at,
            expires_at=attempt.expires_at,
            context_title=attempt.context_title,
            context_message=attempt.context_message,
            auth_attempt_deny_reason=attempt.deny_reason,
        )


class WaitResponse(CamelBody):
    """Where the attempt stands, and why the wait is over."""

    auth_attempt: AttemptBody
    status: AttemptStatus
    completed: bool
    timeout_reached: bool
    wait_duration: int
    completed_at: Instant

    @classmethod
    def of(cls, attempt: Attempt, *, waited_seconds: float, at: datetime) -> Self:
        """What the relying party may know; *at* is the present instant."""
        return cls(
            auth_attempt=AttemptBody.of(attempt),
            status=attempt.status,
            completed=not attempt.status.is_open,
            timeout_reached=attempt.status.is_open,
            wait_duration=int(waited_seconds),
            completed_at=at,
        )


class WaitQuery(QueryFields):
    """How long to wait. The polling interval is checked, and otherwise means nothing here."""

    timeout: QueryInt = 30
    polling: QueryInt = 2

    def checked(self) -> Self:
        """These, if they are as documented.

        Raises:
            AttemptWaitInvalid: They are not.
        """
        if not 1 <= self.timeout <= MAX_TIMEOUT_SECONDS:
            raise AttemptWaitInvalid(f"timeout must be 1 to {MAX_TIMEOUT_SECONDS} seconds")
        if not 1 <= self.polling <= MAX_POLLING_SECONDS:
            raise AttemptWaitInvalid(f"polling must be 1 to {MAX_POLLING_SECONDS} seconds")
        # A caller that leaves it out is not refused for our default.
        if self.polling > self.timeout and "polling" in self.model_fields_set:
            raise AttemptWaitInvalid("polling must not be longer than timeout")
        return self


@surface.post(
    "/auth-attempts",
    guard=integration_key,
    limit=CREATES,
    lane=HOT,
    takes=CreateRequest,
    gives={201: CreateResponse},
    refuses=(
        AttemptCreateInvalid,
        EnrollmentForbidden,
        EnrollmentInactive,
        IdempotencyKeyReused,
    ),
)
async def create() -> Response:
    """POST /api/v1/auth-attempts: a person is asked on their phone.

    `Idempotency-Key` (1 to 255 visible ASCII characters): the same key with the same body gives the same
    attempt for a day, so that a caller whose answer was lost may ask again.
    """
    body = await read(CreateRequest)
    attempt = await perform_at_once(create_attempt, body.command(calling_integration(), idempotency_key()))
    return reply(CreateResponse.of(attempt), 201)


@surface.get(
    "/auth-attempts/{id:int32}/wait",
    guard=integration_key,
    limit=WAITS,
    lane=HOT,
    query=WaitQuery,
    gives={200: WaitResponse},
    refuses=(
        AttemptNotFound,
        AttemptWaitInvalid,
    ),
)
async def wait() -> Response:
    """GET /api/v1/auth-attempts/{id}/wait: holds the answer until the attempt ends, or `timeout` seconds.

    Both `timeout` (1 to 300, default 30) and `polling` (1 to 60, default 2, not above timeout where it is
    given) are in seconds. When the time is over the answer is 200 with `timeoutReached`.
    """
    timeout_seconds = read_wait_query().timeout
    began = time.monotonic()
    attempt = await perform_until(
        read_attempt,
        ReadAttempt(calling_integration(), path_id()),
        topics=[ended_topic(path_id())],
        wait_seconds=timeout_seconds,
        done=has_ended,
        until=seconds_left,
    )
    return reply(WaitResponse.of(attempt, waited_seconds=time.monotonic() - began, at=present_instant()))


@surface.post(
    "/auth-attempts/{id:int32}/cancel",
    guard=integration_key,
    limit=WAITS,
    lane=HOT,
    gives={200: AttemptBody},
    refuses=(
        AttemptNotFound,
        AttemptStateConflict,
    ),
)
async def cancel() -> Response:
    """POST /api/v1/auth-attempts/{id}/cancel: the question is taken back."""
    attempt = await perform_at_once(cancel_attempt, CancelAttempt(calling_integration(), path_id()))
    return reply(AttemptBody.of(attempt))


def read_wait_query() -> WaitQuery:
    """How long to wait.

    Raises:
        AttemptWaitInvalid: That cannot be read, or is not as documented.
    """
    try:
        return read_query(WaitQuery).checked()
    except InvalidFields as invalid:
        raise AttemptWaitInvalid(fields=invalid.fields) from invalid


def has_ended(attempt: Attempt) -> bool:
    """Whether there is nothing left to wait for."""
    return not attempt.status.is_open


def seconds_left(attempt: Attempt) -> float:
    """Until the attempt ends by itself."""
    return (attempt.expires_at - present_instant()).total_seconds()


def idempotency_key() -> str | None:
    """The caller's Idempotency-Key.

    Raises:
        InvalidFields: It is empty, too long, or not visible ASCII.
    """
    key = header("idempotency-key")
    if key is not None and not (
        0 < len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH and all("!" <= character <= "~" for character in key)
    ):
        raise InvalidFields(
            fields={"Idempotency-Key": f"must be 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters"}
        )
    return key
