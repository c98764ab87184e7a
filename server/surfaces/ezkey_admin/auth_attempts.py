"""Attempts, to look at. They are made and cancelled by integrations, on a surface of their own."""

from typing import Self

from server.base.errors import AttemptNotFound
from server.core.auth_attempts import administration as actions
from server.core.auth_attempts.model import AttemptStatus, DenyReason
from server.core.auth_attempts.record import AttemptRecord
from server.surfaces.ezkey_admin.bodies import Answer
from server.surfaces.ezkey_admin.pages import PageBody, PageQuery
from server.surfaces.ezkey_admin.surface import surface
from server.surfaces.kit.body import Instant, QueryId
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import operator_key
from server.surfaces.kit.limits import OPERATIONS
from server.surfaces.kit.performing import perform_at_once
from server.surfaces.kit.reading import path_id, read_query
from server.surfaces.kit.replying import reply


class AttemptRecordBody(Answer):
    """An attempt, without challenge and proof token."""

    id: int
    tenant_id: int
    integration_id: int
    enrollment_id: int
    status: AttemptStatus
    challenge_required: bool
    context_title: str | None
    context_message: str | None
    deny_reason: DenyReason | None
    created_at: Instant
    expires_at: Instant
    read_at: Instant | None
    ended_at: Instant | None

    @classmethod
    def of(cls, attempt: AttemptRecord) -> Self:
        """What operators see."""
        return cls(
            id=attempt.id,
            tenant_id=attempt.organization_id,
            integration_id=attempt.integration_id,
            enrollment_id=attempt.enrollment_id,
            status=attempt.status,
            challenge_required=attempt.challenge_required,
            context_title=attempt.context_title,
            context_message=attempt.context_message,
            deny_reason=attempt.deny_reason,
            created_at=attempt.created_at,
            expires_at=attempt.expires_at,
            read_at=attempt.read_at,
            ended_at=attempt.ended_at,
        )


class AttemptPage(PageBody[AttemptRecordBody]):
    """A page of attempts."""


class AttemptQuery(PageQuery):
    """Which attempts; search is in the title."""

    integration_id: QueryId | None = None
    enrollment_id: QueryId | None = None
    status: AttemptStatus | None = None

    def command(self) -> actions.ListAttempts:
        """What is asked for."""
        return actions.ListAttempts(
            self.page,
            integration_id=self.integration_id,
            enrollment_id=self.enrollment_id,
            status=self.status,
        )


@surface.get(
    "/auth-attempts", guard=operator_key, limit=OPERATIONS, query=AttemptQuery, gives={200: AttemptPage}
)
async def list_attempts() -> Response:
    """GET /api/v1/auth-attempts: the attempts, newest first."""
    query = read_query(AttemptQuery)
    page = await perform_at_once(actions.list_attempts, query.command())
    return reply(AttemptPage.of(page, AttemptRecordBody.of))


@surface.get(
    "/auth-attempts/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: AttemptRecordBody},
    refuses=(AttemptNotFound,),
)
async def read_attempt() -> Response:
    """GET /api/v1/auth-attempts/{id}: one attempt."""
    attempt = await perform_at_once(actions.read_attempt, actions.ReadAttempt(path_id()))
    return reply(AttemptRecordBody.of(attempt))
