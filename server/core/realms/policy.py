"""How the people of a realm sign in: every rule that may differ from realm to realm.

A realm stores only what differs from the policy of its surface, by these names, as JSON. `countersign admin
realms show` tells them, `realms policy set` changes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

# RFC 8176: more than one kind of proof was given.
AMR_MULTIPLE = "mfa"


class MfaMode(StrEnum):
    """Whether one kind of proof is enough for those who have set up no second."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class Delivery(StrEnum):
    """What a session is shown by: signed access tokens and refresh tokens, or one token that is looked up."""

    TOKENS = "tokens"
    REFERENCE = "reference"


class SecondFactor(StrEnum):
    """What can count as the second kind of proof."""

    TOTP = "totp"
    SMS = "sms"
    PUSH = "push"
    RECOVERY_CODE = "recovery_code"


@dataclass(frozen=True, slots=True)
class SignInPolicy:
    """The rules of one realm.

    Args:
        access_token_seconds: How long an access token is good; never beyond its session.
        session_seconds: How long a session lasts at most, however often it is refreshed.
        idle_seconds: After how long without use it ends; None: never before its time. Use is noted once a
            minute.
        refresh_grace_seconds: For how long after its use a refresh token may be shown again, by a caller who
            lost the answer; 0: never, so that a second use always ends the session.
        max_sessions: How many a person may have at one time; one more ends the oldest.
        mfa: Whether a second factor is needed of everybody.
        factors: Which second factors count here.
        password_min_length: In code points after NFC; the longest is always 256.
        throttle_failures: How many wrong tries with one identifier from one place are taken ...
        throttle_seconds: ... in this long.
        max_failures: After how many wrong passwords in a row, from anywhere, the account is locked.
        max_second_factor_failures: After how many wrong second factors in a row the account is locked.
        lock_seconds: How long a lock lasts; None: until it is lifted or the password is reset.
        registration_open: Whether people can register themselves.
        verify_at_sign_up: Whether a new address is sent a link at once, where the caller does not say.
        email_link_seconds: How long a link that confirms an address works.
        reset_seconds: How long a link that resets a password works.
        magic_link_seconds: How long a link that signs in works.
        code_seconds: How long a code sent by mail or SMS works.
        code_attempts: How many tries such a code gives.
        messages_per_hour: How many codes one address or number is sent in an hour.
        sms_to_strangers_per_hour: How many codes are sent in an hour, in all, to numbers that are nobody's.
        links_per_hour: How many links of one kind one address is sent in an hour.
        reference_seconds: How long a session lasts that is shown by one token.
        default_locale: The language of messages to people of whom none is known; None: the instance's.
    """

    access_token_seconds: int = 3600
    session_seconds: int = 2_592_000
    idle_seconds: int | None = None
    refresh_grace_seconds: int = 0
    max_sessions: int = 100
    mfa: MfaMode = MfaMode.OPTIONAL
    factors: tuple[SecondFactor, ...] = tuple(SecondFactor)
    password_min_length: int = 8
    throttle_failures: int = 10
    throttle_seconds: int = 900
    max_failures: int = 100
    max_second_factor_failures: int = 10
    lock_seconds: int | None = None
    registration_open: bool = True
    verify_at_sign_up: bool = False
    email_link_seconds: int = 86_400
    reset_seconds: int = 900
    magic_link_seconds: int = 900
    code_seconds: int = 600
    code_attempts: int = 5
    messages_per_hour: int = 3
    sms_to_strangers_per_hour: int = 100
    links_per_hour: int = 10
    reference_seconds: int = 43_200
    default_locale: str | None = None

    def is_satisfied_by(self, amr: Iterable[str]) -> bool:
        """Whether a sign-in by these methods (RFC 8176) is enough here: two kinds, or one that will do."""
        return self.mfa is MfaMode.OPTIONAL or AMR_MULTIPLE in amr


# What the realms of a surface start from. Nobody registers as a member or an operator by themselves.
POLICIES: Mapping[str, SignInPolicy] = {
    "protekt_account": SignInPolicy(registration_open=False),
    "ezkey_admin": SignInPolicy(registration_open=False),
}

# Surfaces of which signing in is one request, answered with one token.
_ONE_STEP = frozenset({"protekt_account", "ezkey_admin"})


def base_policy(surface: str) -> SignInPolicy:
    """What a realm of this surface starts from."""
    return POLICIES.get(surface, SignInPolicy())


def delivery_of(surface: str) -> Delivery:
    """What the sessions of its realms are shown by."""
    return Delivery.REFERENCE if surface in _ONE_STEP else Delivery.TOKENS


def has_second_step(surface: str) -> bool:
    """Whether its people can be asked for a second factor when they sign in."""
    return surface not in _ONE_STEP
