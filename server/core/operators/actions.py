"""Operators as people: made, listed, switched off and on; asked for by the token of a sign-in.

The other way is a key (`core.api_keys.operator_keys`), for scripts and for the first operator.
"""

from dataclasses import dataclass
from uuid import UUID

from server.base.contact import email_address
from server.base.errors import (
    InvalidFields,
    InvalidManagementToken,
    InvalidOperatorKey,
    PermissionDenied,
    SessionNotFound,
    UserNotFound,
)
from server.base.pages import CursorRequest
from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.core.api_keys.actions import AuthenticateOperatorKey, authenticate_operator_key
from server.core.credentials.passwords import hash_new_password
from server.core.credentials.rules import NewPassword
from server.core.principals.actions import (
    FindByEmail,
    ListPrincipals,
    RegisterPrincipal,
    SetStatus,
    find_by_email,
    list_principals,
    register_principal,
    set_status,
)
from server.core.principals.model import PrincipalStatus, RealmPrincipal
from server.core.realms.actions import read_named_realm
from server.core.realms.model import Realm, RealmName
from server.core.sessions.authenticate import AuthenticateReferenceToken, authenticate_reference_token
from server.core.sessions.ending import EndSession, EndSessions, end_session, end_sessions
from server.core.sessions.model import EndReason
from server.core.work import Work, prepared
from server.crypto.tokens import operator_key_name

SURFACE = "ezkey_admin"
MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class CreateOperator:
    """A new operator, by e-mail address."""

    email: str
    password: Secret


@dataclass(frozen=True, slots=True)
class CheckedOperator:
    """An operator to be, after the slow part."""

    realm: Realm
    email: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class SetOperatorStatus:
    """Whether the operator with this address may sign in."""

    email: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class AuthenticateOperator:
    """What an operator shows: `ezkey_okey_…` or `mgmt_…`."""

    credential: Secret


async def _check(work: Work, command: CreateOperator) -> CheckedOperator:
    email = email_address(command.email)
    if email is None:
        raise InvalidFields(fields={"email": "must be an email address"})
    platform = await read_named_realm(work, RealmName.PLATFORM)
    password_hash = await hash_new_password(work, NewPassword(platform, command.password, words=(email,)))
    return CheckedOperator(platform, email, password_hash)


@prepared(_check)
async def create_operator(work: Work, command: CheckedOperator) -> RealmPrincipal:
    """The operator can sign in, and may do everything.

    Raises:
        InvalidFields: The address is none, or the password is not good enough.
        EmailTaken: Another operator has the address.
    """
    return await register_principal(
        work,
        RegisterPrincipal(
            command.realm.id, command.email, password_hash=command.password_hash, email_verified=True
        ),
    )


async def list_operators(work: Work, _: None) -> tuple[RealmPrincipal, ...]:
    """The operators, newest first; a thousand at most."""
    platform = await read_named_realm(work, RealmName.PLATFORM)
    return (await list_principals(work, ListPrincipals(platform.id, CursorRequest(limit=MOST_LISTED)))).items


async def set_operator_status(work: Work, command: SetOperatorStatus) -> RealmPrincipal:
    """The operator may sign in, or is refused everywhere at once. What is so already leaves no event.

    Raises:
        UserNotFound: No operator has this address.
    """
    platform = await read_named_realm(work, RealmName.PLATFORM)
    found = await find_by_email(work, FindByEmail(platform.id, command.email))
    if found is None:
        raise UserNotFound
    status = PrincipalStatus.ACTIVE if command.enabled else PrincipalStatus.DISABLED
    operator = await set_status(work, SetStatus(platform.id, found.id, status))
    if not command.enabled:
        await end_sessions(work, EndSessions(platform.id, found.id, EndReason.DISABLED))
    return operator


async def authenticate_operator(work: Work, command: AuthenticateOperator) -> Principal:
    """The operator who shows a key, or the token of a sign-in. Perform at once.

    The principal's `id` is the key's or the person's; its surface and request are for the caller to fill in.

    Raises:
        InvalidOperatorKey: It is no good, or no operator's: all alike.
    """
    if operator_key_name(command.credential.reveal()) is not None:
        return await authenticate_operator_key(work, AuthenticateOperatorKey(command.credential))
    shown = AuthenticateReferenceToken(command.credential, surface=SURFACE)
    try:
        session = await authenticate_reference_token(work, shown)
    except InvalidManagementToken as refused:
        raise InvalidOperatorKey from refused
    return Principal(
        kind=Actor.OPERATOR,
        id=str(session.principal_id),
        realm_id=session.realm_id,
        session_id=session.session_id,
    )


async def sign_out_operator(work: Work, _: None) -> None:
    """The token that the operator carries is refused from now on.

    Raises:
        PermissionDenied: It is a key, which is revoked instead.
        InvalidOperatorKey: It was signed out a moment ago.
    """
    actor = work.actor
    if actor.realm_id is None or actor.session_id is None:
        raise PermissionDenied("An operator key is revoked, not signed out")
    try:
        await end_session(
            work, EndSession(actor.realm_id, UUID(actor.id), actor.session_id, EndReason.LOGGED_OUT)
        )
    except SessionNotFound as gone:
        raise InvalidOperatorKey from gone
