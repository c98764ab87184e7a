"""What comes of a step of a sign-in."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, assert_never
from uuid import UUID

from server.base.errors import SecondFactorRequired
from server.base.secret import Secret
from server.core.principals.model import RealmPrincipal
from server.core.sessions.model import OpenedSession

SIGN_IN_SECONDS = 600
"""How long an unfinished sign-in waits for its next proof."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Nothing is missing any more.

    Args:
        session: With its tokens, which are nowhere else.
        is_new: The principal was registered by this sign-in.
    """

    principal: RealmPrincipal
    session: OpenedSession
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class StepRequired:
    """One more proof is needed. Nobody is signed in.

    Args:
        handle: `mfa_tmp_…`; whoever holds it goes on with `advance_sign_in`. Each outcome of one sign-in
            has the same.
        methods: What may be proved, of `totp`, `sms`, `push`, `recovery_code`; with *sets_up* what may be
            set up.
        expires_in: Seconds until the sign-in is given up.
        sets_up: The realm insists on a second factor and the person has none: one is set up first
            (`set_up`), with the handle as the proof of who it is, and confirming it finishes the sign-in.
        number: What the person types on the phone; None unless a phone is being asked.
        topic: The wake-up topic on which the phone's answer is told; None unless a phone is being asked.
    """

    handle: Secret
    methods: tuple[str, ...]
    expires_in: int
    sets_up: bool = False
    number: int | None = None
    topic: str | None = None


SignInOutcome: TypeAlias = SignedIn | StepRequired


def reference_of(outcome: SignInOutcome) -> tuple[Secret, datetime]:
    """The one token that shows the session, and until when: for callers that can be asked for nothing more.

    Raises:
        SecondFactorRequired: The account needs a second proof.
    """
    match outcome:
        case SignedIn(session=session):
            if session.reference_token is None:
                raise AssertionError("sessions of this realm are shown by one token")
            return session.reference_token, session.expires_at
        case StepRequired():
            raise SecondFactorRequired("The account requires a second factor")
        case _:
            assert_never(outcome)


@dataclass(frozen=True, slots=True)
class MessageSent:
    """A message is on its way, if there is anybody to get it.

    Args:
        expires_in: Seconds for which its link or code works.
    """

    expires_in: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A sign-in that waits for its next proof."""

    realm_id: UUID
    principal_id: UUID
    methods: tuple[str, ...]
    sets_up: bool
