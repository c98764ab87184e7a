"""What the bodies of several resources are made of."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, assert_never

from pydantic import Field

from server.base.ids import public_id
from server.core.sessions.model import OpenedSession
from server.core.sign_in.model import SignedIn, SignInOutcome, StepRequired
from server.core.sign_in.users import User, read_factors_of
from server.surfaces.kit.body import Instant, SnakeAnswer, SnakeBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.performing import perform_at_once
from server.surfaces.kit.protekt import USER
from server.surfaces.kit.replying import reply

Password = Annotated[str, Field(json_schema_extra={"format": "password"})]
"""A password in clear. How long a new one must be is the project's rule, and the core's to say."""

Metadata = Annotated[dict[str, Any], Field(description="Any JSON object of the application's.")]

SHOWN_FACTORS = ("totp", "sms", "push")
"""Second factors that are told. Recovery codes are accepted wherever a code is, and not advertised."""


def _is_none(value: object) -> bool:
    return value is None


class UserBody(SnakeAnswer):
    """A user. Who signs in by phone alone has no `email`."""

    id: str
    email: str | None = Field(exclude_if=_is_none)
    email_verified: bool
    mfa_enabled: bool
    mfa_methods: list[str]
    metadata: Mapping[str, Any]
    disabled: bool
    created_at: Instant
    last_login_at: Instant | None

    @classmethod
    def of(cls, user: User) -> Self:
        """What the project's backend sees, and the user."""
        person = user.principal
        return cls(
            id=public_id(USER, person.id),
            email=person.email,
            email_verified=person.email_verified,
            mfa_enabled=user.has_second_factor,
            mfa_methods=_shown(user.factors),
            metadata=person.metadata,
            disabled=person.is_disabled,
            created_at=person.created_at,
            last_login_at=person.last_login_at,
        )


class SessionTokens(SnakeAnswer):
    """The tokens of a session that goes on."""

    access_token: str
    refresh_token: str
    expires_in: int

    @classmethod
    def of(cls, opened: OpenedSession) -> Self:
        """Both tokens. They are in no other answer."""
        return cls(**_tokens(opened))


class SignedInBody(SessionTokens):
    """The tokens of a new session, and whose it is."""

    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme (RFC 6750), no token
    user: UserBody

    @classmethod
    def whose(cls, opened: OpenedSession, user: User) -> Self:
        """Both tokens, and the user."""
        return cls(**_tokens(opened), user=UserBody.of(user))


class ChallengeBody(SnakeBody):
    """A second factor is asked for. There are no tokens yet."""

    mfa_required: Literal[True] = True
    mfa_token: str
    available_methods: list[str]
    enrollment_required: bool | None = Field(
        description="The user has no second factor and must set one up: POST /v1/auth/mfa/enroll with the "
        "mfa_token as bearer token."
    )
    number: int | None = Field(description="What the user types on the phone that is being asked.")

    @classmethod
    def of(cls, step: StepRequired) -> Self:
        """How to go on."""
        return cls(
            mfa_token=step.handle.reveal(),
            available_methods=_shown(step.methods),
            enrollment_required=step.sets_up or None,
            number=step.number,
        )


class MessageBody(SnakeBody):
    """A sentence, and for how long what was sent is good."""

    message: str
    expires_in: int | None = None


async def reply_outcome(outcome: SignInOutcome, status: int = 200) -> Response:
    """The outcome of a step of a sign-in: tokens, or what is asked next."""
    match outcome:
        case SignedIn():
            user = await perform_at_once(read_factors_of, outcome.principal)
            return reply(SignedInBody.whose(outcome.session, user), status)
        case StepRequired():
            return reply(ChallengeBody.of(outcome), status)
        case never:
            assert_never(never)


def _tokens(opened: OpenedSession) -> dict[str, Any]:
    if opened.access_token is None or opened.refresh_token is None:
        raise AssertionError("sessions of a project's users are shown by two tokens")
    return {
        "access_token": opened.access_token.reveal(),
        "refresh_token": opened.refresh_token.reveal(),
        "expires_in": opened.expires_in,
    }


def _shown(methods: tuple[str, ...]) -> list[str]:
    return [method for method in SHOWN_FACTORS if method in methods]
