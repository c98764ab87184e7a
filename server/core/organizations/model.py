"""What a tenant is."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as operators see it. While it is not active nothing in it can be used, and nothing is lost."""

    id: int
    name: str
    description: str | None
    active: bool
    created_at: datetime
    updated_at: datetime
