"""Operators who sign in with an e-mail address and a password, rather than with a key."""

from typing import Self
from uuid import UUID

from server.base.errors import InvalidCredentials, PermissionDenied, SecondFactorRequired, TooManyAttempts
from server.base.secret import Secret
from server.core.operators.actions import sign_out_operator
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.sign_in.begin import PasswordSignIn, sign_in_with_password
from server.core.sign_in.model import SignInOutcome, reference_of
from server.surfaces.ezkey_admin.bodies import Answer
from server.surfaces.ezkey_admin.surface import surface
from server.surfaces.kit.body import Email, Instant, StrictCamelBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone, operator_key
from server.surfaces.kit.limits import OPERATIONS, TOKENS
from server.surfaces.kit.performing import perform, perform_at_once, perform_evenly
from server.surfaces.kit.reading import read, user_agent
from server.surfaces.kit.replying import no_content, reply


class OperatorCredentials(StrictCamelBody):
    """An operator's e-mail address and password."""

    email: Email
    password: str

    def command(self, realm_id: UUID) -> PasswordSignIn:
        """What is asked for."""
        return PasswordSignIn(realm_id, self.email, Secret(self.password), user_agent())


class OperatorTokenBody(Answer):
    """The bearer token of this API, and until when it is good."""

    token: str
    expires_at: Instant

    @classmethod
    def of(cls, outcome: SignInOutcome) -> Self:
        """What an operator sees once.

        Raises:
            SecondFactorRequired: The account needs one, which this operation has no way to take.
        """
        token, expires_at = reference_of(outcome)
        return cls(token=token.reveal(), expires_at=expires_at)


@surface.post(
    "/operators/sign-in",
    guard=anyone,
    limit=TOKENS,
    takes=OperatorCredentials,
    gives={200: OperatorTokenBody},
    refuses=(InvalidCredentials, SecondFactorRequired, TooManyAttempts),
)
async def sign_in() -> Response:
    """POST /api/v1/operators/sign-in: an operator signs in."""
    body = await read(OperatorCredentials)
    platform = await perform_at_once(read_named_realm, RealmName.PLATFORM)
    outcome = await perform_evenly(sign_in_with_password, body.command(platform.id))
    return reply(OperatorTokenBody.of(outcome))


@surface.post(
    "/operators/sign-out",
    guard=operator_key,
    limit=OPERATIONS,
    gives={204: None},
    refuses=(PermissionDenied,),
)
async def sign_out() -> Response:
    """POST /api/v1/operators/sign-out: the token that the request carries is refused from now on."""
    await perform(sign_out_operator, None)
    return no_content()
