"""Management tokens: a member signs in, and out."""

from typing import Self
from uuid import UUID

from server.base.errors import InvalidCredentials, SecondFactorRequired, TooManyAttempts
from server.base.secret import Secret
from server.core.memberships.actions import revoke_own_token
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.sign_in.begin import PasswordSignIn, sign_in_with_password
from server.core.sign_in.model import SignInOutcome, reference_of
from server.surfaces.kit.body import Email, Instant, SnakeAnswer, SnakeBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import ACCOUNT, TOKENS
from server.surfaces.kit.performing import perform, perform_at_once, perform_evenly
from server.surfaces.kit.reading import read, user_agent
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_account.surface import ANY_MEMBER, surface


class Credentials(SnakeBody):
    """A member's e-mail address and password."""

    email: Email
    password: str

    def command(self, realm_id: UUID) -> PasswordSignIn:
        """What is asked for."""
        return PasswordSignIn(realm_id, self.email, Secret(self.password), user_agent())


class ManagementTokenBody(SnakeAnswer):
    """A management token, and until when it is good."""

    management_token: str
    expires_at: Instant

    @classmethod
    def of(cls, outcome: SignInOutcome) -> Self:
        """What a member sees once.

        Raises:
            SecondFactorRequired: The account needs one, which the document has no way to take.
        """
        token, expires_at = reference_of(outcome)
        return cls(management_token=token.reveal(), expires_at=expires_at)


class RevokedBody(SnakeAnswer):
    """The token is refused from now on."""

    revoked: bool = True


@surface.post(
    "/token",
    guard=anyone,
    limit=TOKENS,
    takes=Credentials,
    gives={200: ManagementTokenBody},
    refuses=(InvalidCredentials, SecondFactorRequired, TooManyAttempts),
)
async def request_token() -> Response:
    """POST /v1/token: a member signs in."""
    body = await read(Credentials)
    accounts = await perform_at_once(read_named_realm, RealmName.ACCOUNTS)
    outcome = await perform_evenly(sign_in_with_password, body.command(accounts.id))
    return reply(ManagementTokenBody.of(outcome))


@surface.post("/token/revoke", guard=ANY_MEMBER, limit=ACCOUNT, gives={200: RevokedBody})
async def revoke_token() -> Response:
    """POST /v1/token/revoke: the token that the request carries is refused from now on."""
    await perform(revoke_own_token, None)
    return reply(RevokedBody())
