"""A relying party and its people's phones, played by the core's actions as the surfaces perform them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from server.base.principal import Principal
from server.core.auth_attempts.create import create_attempt
from server.core.auth_attempts.deliver import PendingAttempt, fetch_pending
from server.core.auth_attempts.follow import CancelAttempt, ReadAttempt, cancel_attempt, read_attempt
from server.core.auth_attempts.model import Attempt
from server.core.auth_attempts.respond import AnsweredAttempt, RespondToAttempt, respond_to_attempt
from server.core.enrollments.bind import BoundEnrollment, bind_enrollment
from server.core.enrollments.push_address import register_push_address
from server.core.enrollments.verify import VerifiedEnrollment, verify_enrollment
from server.core.integrations.model import Integration
from server.core.work import Core, Work
from server.jobs.expire import expire
from tests.support.enrolling import (
    ANYONE,
    a_bound_phone,
    a_relying_party,
    an_enrolled_phone,
    an_invited_phone,
    answer_of,
    bind_of,
    poll_of,
    push_address_of,
    question_for,
    verify_of,
)
from tests.support.factories import an_integration
from tests.support.phone import Body, Given, Phone
from tests.support.work import OPERATOR

Made = TypeVar("Made")
Row = dict[str, Any]

TENANT_TABLES = {
    "organizations": "id",
    "integrations": "organization_id",
    "integration_signing_keys": "organization_id",
    "api_keys": "organization_id",
    "enrollments": "organization_id",
    "auth_attempts": "organization_id",
    "spent_device_proofs": "(SELECT organization_id FROM enrollments e WHERE e.id = enrollment_id)",
    "idempotency_keys": "(SELECT organization_id FROM integrations i WHERE i.id = integration_id)",
    "audit_events": "organization_id",
}
"""Where a tenant's rows are, and what names the tenant in them."""


@dataclass
class CountingMeter:
    """Counts proofs, good and bad, and refuses nothing."""

    subjects: list[str] = field(default_factory=list)
    failures: int = 0

    async def proved(self, subject: str) -> None:
        """One good proof."""
        self.subjects.append(subject)

    async def unproved(self) -> None:
        """One bad proof."""
        self.failures += 1


@dataclass
class Scene:
    """One integration on one core.

    Args:
        core: What performs.
        integration: The relying party.
        meter: Counts what callers prove.
    """

    core: Core
    integration: Integration
    meter: CountingMeter = field(default_factory=CountingMeter)

    @classmethod
    async def on(cls, core: Core, **what: Given) -> "Scene":
        """A scene with a new integration."""
        return cls(core, await made_on(core, an_integration, **what))

    @property
    def relying_party(self) -> Principal:
        """A caller with the integration's key."""
        return a_relying_party(self.integration)

    # --- what is there ---

    async def made(
        self,
        factory: Callable[..., Awaitable[Made]],
        *,
        actor: Principal = OPERATOR,
        **what: Given,
    ) -> Made:
        """What *factory* makes."""
        return await made_on(self.core, factory, actor=actor, **what)

    async def invited_phone(self, **what: Given) -> Phone:
        """A phone that has scanned its invitation."""
        return await made_on(self.core, an_invited_phone, integration=self.integration, **what)

    async def bound_phone(self, **what: Given) -> Phone:
        """A phone that knows whose it is."""
        return await made_on(self.core, a_bound_phone, actor=ANYONE, integration=self.integration, **what)

    async def enrolled_phone(self, **what: Given) -> Phone:
        """A phone that can be asked."""
        return await made_on(self.core, an_enrolled_phone, actor=ANYONE, integration=self.integration, **what)

    # --- what the relying party does ---

    async def ask(
        self,
        phone: Phone,
        *,
        challenge: bool = False,
        title: str | None = None,
        message: str | None = None,
        idempotency_key: str | None = None,
    ) -> Attempt:
        """A new attempt."""
        command = question_for(
            phone,
            self.integration,
            challenge=challenge,
            title=title,
            message=message,
            idempotency_key=idempotency_key,
        )
        return await self.core.perform_at_once(create_attempt, command, actor=self.relying_party)

    async def look(self, attempt_id: int) -> Attempt:
        """The attempt as the relying party sees it."""
        command = ReadAttempt(self.integration.id, attempt_id)
        return await self.core.perform_at_once(read_attempt, command, actor=self.relying_party)

    async def cancel(self, attempt_id: int) -> Attempt:
        """The question is taken back."""
        command = CancelAttempt(self.integration.id, attempt_id)
        return await self.core.perform_at_once(cancel_attempt, command, actor=self.relying_party)

    # --- what phones do ---

    async def bind(self, phone: Phone, proof_token: str | None = None) -> BoundEnrollment:
        """The phone learns whose it is."""
        bound = await self.core.perform(
            bind_enrollment, bind_of(phone, proof_token), actor=ANYONE, meter=self.meter
        )
        phone.integration_key = bound.integration_public_key
        return bound

    async def verify(self, body: Body) -> VerifiedEnrollment:
        """The phone registers its key."""
        return await self.core.perform(verify_enrollment, verify_of(body), actor=ANYONE, meter=self.meter)

    async def poll(self, body: Body) -> PendingAttempt | None:
        """The phone asks what waits for it."""
        return await self.core.perform_at_once(fetch_pending, poll_of(body), actor=ANYONE, meter=self.meter)

    async def fetch(self, phone: Phone) -> PendingAttempt:
        """What waits for the phone; there is something."""
        pending = await self.poll(phone.poll_body())
        assert pending is not None
        return pending

    async def answer(
        self,
        phone: Phone,
        pending: PendingAttempt,
        *,
        accepted: bool = True,
        **how: Given,
    ) -> AnsweredAttempt:
        """The owner answers what was fetched; *how* as `answer_of` takes it."""
        return await self.respond(answer_of(phone, pending, accepted=accepted, **how))

    async def respond(self, command: RespondToAttempt) -> AnsweredAttempt:
        """An answer arrives."""
        return await self.core.perform_at_once(respond_to_attempt, command, actor=ANYONE, meter=self.meter)

    async def register(self, body: Body) -> None:
        """The phone says where it can be woken."""
        await self.core.perform(register_push_address, push_address_of(body), actor=ANYONE, meter=self.meter)

    # --- time and rows ---

    async def run_job(self) -> None:
        """The job comes by."""
        await expire(self.core)

    def move_clock(self, **passed: float) -> None:
        """So much time has *passed*."""
        self.core.clock.set_offset(self.core.clock.offset + timedelta(**passed))

    async def enrollment(self, phone: Phone) -> Row:
        """All columns of the phone's enrollment."""
        return await self._row("enrollments", phone.enrollment_id)

    async def attempt(self, attempt_id: int) -> Row:
        """All columns of the attempt."""
        return await self._row("auth_attempts", attempt_id)

    async def events_of(self, target_kind: str, target_id: int) -> list[Row]:
        """The audit records of one thing, oldest first."""
        async with self.core.db.acquire() as conn:
            rows = await conn.fetch(
                """
                SELECT * FROM audit_events WHERE target_kind = $1 AND target_id = $2 ORDER BY at, event
                """,
                target_kind,
                str(target_id),
            )
        return [dict(row) for row in rows]

    async def event_names(self, target_kind: str, target_id: int) -> list[str]:
        """What happened to one thing, oldest first."""
        return [event["event"] for event in await self.events_of(target_kind, target_id)]

    async def state(self) -> dict[str, list[Row]]:
        """Every row of the integration's tenant, by table."""
        return await state_of(self.core, self.integration)

    async def _row(self, table: str, row_id: int) -> Row:
        async with self.core.db.acquire() as conn:
            row = await conn.fetchrow(f"SELECT * FROM {table} WHERE id = $1", row_id)
        assert row is not None
        return dict(row)


async def made_on(
    core: Core,
    factory: Callable[..., Awaitable[Made]],
    *,
    actor: Principal = OPERATOR,
    **what: Given,
) -> Made:
    """What *factory* makes, in one transaction of *core*."""

    async def make(work: Work, _: None) -> Made:
        return await factory(work, **what)

    return await core.perform(make, None, actor=actor)


async def state_of(core: Core, integration: Integration) -> dict[str, list[Row]]:
    """Every row of the integration's tenant, column by column, by table."""
    state = {}
    async with core.db.acquire() as conn:
        for table, tenant in TENANT_TABLES.items():
            rows = await conn.fetch(
                f"SELECT * FROM {table} WHERE {tenant} = $1 ORDER BY {table}::text",
                integration.organization_id,
            )
            state[table] = [dict(row) for row in rows]
    return state
