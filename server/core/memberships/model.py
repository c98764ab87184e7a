"""What a member is, and an invitation to become one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from server.core.organizations.model import Organization


class Role(StrEnum):
    """What a member may do in the organization."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"


InvitedRole = Literal[Role.ADMIN, Role.DEVELOPER]
"""As what somebody is invited. Owners are made by who runs the instance."""


@dataclass(frozen=True, slots=True)
class Member:
    """A principal of the accounts' realm as a member of one organization."""

    id: UUID
    organization_id: int
    principal_id: UUID
    email: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """For whom somebody acts, and in which role."""

    organization_id: int
    role: Role


@dataclass(frozen=True, slots=True)
class Invitation:
    """What somebody who holds its link sees of an invitation that can still be accepted.

    Args:
        has_password: Whether the address has an account with a password, which accepting asks for; otherwise
            it sets one.
    """

    id: UUID
    organization_id: int
    organization_name: str
    email: str
    role: Role
    expires_at: datetime
    has_password: bool


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner, and the organization.

    Args:
        is_new: Whether the account was made just now, with the password that was given. One that was there
            keeps its own.
    """

    organization: Organization
    member: Member
    is_new: bool
