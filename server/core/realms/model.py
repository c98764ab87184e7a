"""What a realm is."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from server.core.realms.policy import Delivery, SignInPolicy, delivery_of


class RealmKind(StrEnum):
    """Whose people they are."""

    PLATFORM = "platform"  # the instance's operators
    WORKFORCE = "workforce"  # those who act for organizations
    CUSTOMER = "customer"  # an application's users


class RealmName(StrEnum):
    """The realms that every instance has."""

    PLATFORM = "platform"
    ACCOUNTS = "protekt-accounts"


@dataclass(frozen=True, slots=True)
class Realm:
    """A population that signs in together; in it an e-mail address is one person's.

    Args:
        surface: The HTTP surface it belongs to, such as `protekt_auth`.
        name: Of a realm that every instance has (`RealmName`); None for an application's.
        organization_id: Whose realm it is; None for those of the instance.
        project_id: The project whose users they are; with its environment. None where there is none.
        app_name: What messages call the application: the project's name, else the instance's.
        login_id: The project's public `lp_…`; None where there is no project.
        redirect_url: Where the project's people go once signed in.
        allowed_origins: Further origins of the project, `https://app.example.com`.
        push_integration_id: The integration whose enrolled phones can be second factors.
        policy: The rules, whole.
    """

    id: UUID
    kind: RealmKind
    surface: str
    name: str | None
    organization_id: int | None
    project_id: UUID | None
    environment_id: UUID | None
    app_name: str
    login_id: str | None
    redirect_url: str | None
    allowed_origins: tuple[str, ...]
    push_integration_id: int | None
    policy: SignInPolicy

    @property
    def delivery(self) -> Delivery:
        """What sessions are shown by."""
        return delivery_of(self.surface)
