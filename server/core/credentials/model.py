"""What is kept of a password, and whose it is."""

from dataclasses import dataclass

from server.core.principals.model import RealmPrincipal


@dataclass(frozen=True, slots=True)
class Credential:
    """A person with what their password is checked against.

    Args:
        password_hash: None for somebody who has no password.
    """

    principal: RealmPrincipal
    password_hash: str | None
