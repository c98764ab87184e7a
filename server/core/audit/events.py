"""What an audit record says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, Self
from uuid import UUID

from server.base.principal import Principal

Detail = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one thing.

    Args:
        name: The domain and a past participle: `enrollment.bound`.
        target_kind: What it happened to: `enrollment`.
        target_id: Its id, in text form.
        organization_id: The tenant it belongs to; None for what belongs to the instance.
        result: `refused` for a "no" that is remembered.
        data: What else a reader of the log needs; never a secret, an address of a person, or shown text.
        realm_id: The realm it belongs to, if it does.
    """

    name: str
    target_kind: str
    target_id: str
    organization_id: int | None = None
    result: Literal["ok", "refused"] = "ok"
    data: Mapping[str, Detail] = field(default_factory=dict)
    realm_id: UUID | None = None


class Origin(NamedTuple):
    """What every audit record of one work has in common, in the order of the columns."""

    at: datetime
    surface: str
    actor_kind: str
    actor_id: str
    address: str | None
    request_id: str | None

    @classmethod
    def of(cls, actor: Principal, now: datetime) -> Self:
        """The origin of what *actor* does at *now*."""
        return cls(now, actor.surface, actor.kind, actor.id, actor.address, actor.request_id)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of the audit log."""

    id: UUID
    at: datetime
    organization_id: int | None
    surface: str
    event: str
    result: str
    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    address: str | None
    request_id: str | None
    data: str
