"""People who can sign in, and their sessions, made by the core's own actions. Realms are in `accounts`."""

from collections.abc import Mapping
from typing import Any

from server.base.secret import Secret
from server.core.principals.actions import RegisterPrincipal, register_principal
from server.core.principals.model import RealmPrincipal
from server.core.realms.actions import read_named_realm
from server.core.realms.model import Realm, RealmName
from server.core.sessions.authenticate import VerifyAccessToken, verify_access_token
from server.core.sessions.model import OpenedSession
from server.core.sessions.open import OpenSession, open_session
from server.core.work import Work
from server.crypto.passwords import hash_password
from tests.support.accounts import an_email

USER_AGENT = "Tests/1.0"


async def the_accounts(work: Work) -> Realm:
    """The realm of those who act for organizations."""
    return await read_named_realm(work, RealmName.ACCOUNTS)


async def a_principal(
    work: Work,
    realm: Realm,
    *,
    email: str | None = None,
    password: str | None = None,
    phone: str | None = None,
    metadata: Mapping[str, object] | None = None,
    email_verified: bool = False,
    locale: str | None = None,
) -> RealmPrincipal:
    """Somebody of the realm, with an address that nobody else has unless one is given.

    Without *password* they have none. With one its hash is made, which takes a moment; whether the password
    is good enough is not asked.
    """
    return await register_principal(
        work,
        RegisterPrincipal(
            realm.id,
            email=email or (None if phone else an_email()),
            phone=phone,
            password_hash=None if password is None else await hash_password(Secret(password), str(realm.id)),
            metadata=metadata or {},
            email_verified=email_verified,
            phone_verified=phone is not None,
            locale=locale,
        ),
    )


async def an_open_session(
    work: Work,
    realm: Realm,
    principal: RealmPrincipal,
    *,
    amr: tuple[str, ...] = ("pwd",),
    user_agent: str | None = USER_AGENT,
    organization_id: int | None = None,
) -> OpenedSession:
    """A session of somebody, as if they had just signed in."""
    return await open_session(
        work,
        OpenSession(realm, principal, amr, user_agent=user_agent, organization_id=organization_id),
    )


async def claims_in(work: Work, opened: OpenedSession) -> Mapping[str, Any]:
    """What the session's access token says, which is good now."""
    command = VerifyAccessToken(opened.session.realm_id, access_token_of(opened))
    claims: Mapping[str, Any] = await verify_access_token(work, command)
    return claims


def access_token_of(opened: OpenedSession) -> Secret:
    """The session's access token, which it has."""
    assert opened.access_token is not None
    return opened.access_token


def refresh_token_of(opened: OpenedSession) -> Secret:
    """The session's refresh token, which it has."""
    assert opened.refresh_token is not None
    return opened.refresh_token


def reference_token_of(opened: OpenedSession) -> Secret:
    """The session's one token, which it has."""
    assert opened.reference_token is not None
    return opened.reference_token
