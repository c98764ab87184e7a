"""What a tenant is, and what a customer's organization is."""

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


@dataclass(frozen=True, slots=True)
class Organization:
    """A customer: whose projects they are, and whose members look after them."""

    id: int
    name: str
    active: bool
    created_at: datetime
