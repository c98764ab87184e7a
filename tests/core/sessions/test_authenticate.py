"""Whose token it is. Forgeries of the signature itself are tested in tests/crypto."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from server.base.errors import InvalidAccessToken, InvalidManagementToken
from server.base.ids import new_uid, public_id
from server.base.secret import Secret
from server.core.principals.actions import (
    DeletePrincipal,
    SetStatus,
    delete_principal,
    set_status,
)
from server.core.principals.model import PrincipalStatus, RealmPrincipal
from server.core.realms.actions import ChangePolicy, change_policy
from server.core.realms.model import Realm
from server.core.sessions.authenticate import (
    AuthenticateAccessToken,
    AuthenticateReferenceToken,
    VerifyAccessToken,
    authenticate_access_token,
    authenticate_reference_token,
    verify_access_token,
)
from server.core.sessions.ending import EndSession, ListSessions, end_session, list_sessions
from server.core.sessions.model import EndReason, OpenedSession, UserSession
from server.core.sessions.token_keys import PROTEKT, sign
from server.core.work import Core, Work
from tests.support.accounts import a_realm
from tests.support.locks import LockPrincipal, lock_principal
from tests.support.sign_in import (
    a_principal,
    access_token_of,
    an_open_session,
    reference_token_of,
    refresh_token_of,
    the_accounts,
)
from tests.support.work import OPERATOR, later, some_settings


async def user_of(work: Work, token: Secret) -> UserSession:
    """Whose access token it is."""
    return await authenticate_access_token(work, AuthenticateAccessToken(token))


async def test_an_access_token_tells_whose_it_is(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    opened = await an_open_session(work, realm, jane, amr=("pwd", "sms", "mfa"))

    user = await user_of(work, access_token_of(opened))

    assert (user.session_id, user.principal_id, user.realm_id) == (opened.session.id, jane.id, realm.id)
    assert (user.organization_id, user.project_id) == (realm.organization_id, realm.project_id)
    assert (user.allowed_origins, user.amr) == (realm.allowed_origins, ("pwd", "sms", "mfa"))
    assert user.claims["email"] == jane.email


async def test_many_tokens_are_asked_for_in_one_statement(
    uncommitted: Core, work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    """What the gathered statement answers is each one's own: see tests/races/test_refresh.py for many."""
    first = await an_open_session(work, realm, jane)
    second = await an_open_session(work, realm, await a_principal(work, realm))

    for opened in (first, second):
        user = await uncommitted.perform_at_once(
            authenticate_access_token, AuthenticateAccessToken(access_token_of(opened)), actor=OPERATOR
        )
        assert user.session_id == opened.session.id


async def test_the_backend_of_the_realm_sees_what_a_token_says(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    token = access_token_of(await an_open_session(work, realm, jane))

    claims = await verify_access_token(work, VerifyAccessToken(realm.id, token))

    assert claims["sub"] == public_id("usr", jane.id)


async def test_the_backend_of_another_realm_sees_nothing(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    token = access_token_of(await an_open_session(work, realm, jane))
    other = await a_realm(work)

    with pytest.raises(InvalidAccessToken):
        await verify_access_token(work, VerifyAccessToken(other.id, token))


async def test_a_token_is_good_until_its_last_second(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    token = access_token_of(await an_open_session(work, realm, jane))

    await user_of(later(work, seconds=3599), token)
    with pytest.raises(InvalidAccessToken):
        await user_of(later(work, seconds=3600), token)


async def test_use_is_noted_once_a_minute(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    token = access_token_of(await an_open_session(work, realm, jane))
    noted = []

    for seconds in (59, 60, 119, 121):
        then = later(work, seconds=seconds)
        await user_of(then, token)
        (session,) = await list_sessions(then, ListSessions(realm.id, jane.id))
        noted.append((session.last_active_at - work.now).total_seconds())

    assert noted == [0, 60, 60, 121]


async def test_looking_at_a_token_is_no_use_of_its_session(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    token = access_token_of(await an_open_session(work, realm, jane))

    await verify_access_token(later(work, minutes=5), VerifyAccessToken(realm.id, token))

    (session,) = await list_sessions(work, ListSessions(realm.id, jane.id))
    assert session.last_active_at == work.now


# --- refused --------------------------------------------------------------------------------------


async def test_an_ended_sessions_token_is_refused_at_once(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    await end_session(work, EndSession(realm.id, jane.id, opened.session.id, EndReason.REVOKED))

    with pytest.raises(InvalidAccessToken):
        await user_of(work, access_token_of(opened))


async def test_the_disabled_and_the_gone_are_refused_at_once(work: Work, realm: Realm) -> None:
    joe, jim = await a_principal(work, realm), await a_principal(work, realm)
    tokens = [access_token_of(await an_open_session(work, realm, each)) for each in (joe, jim)]
    await set_status(work, SetStatus(realm.id, joe.id, PrincipalStatus.DISABLED))
    await delete_principal(work, DeletePrincipal(realm.id, jim.id))

    for token in tokens:
        with pytest.raises(InvalidAccessToken):
            await user_of(work, token)


async def test_wrong_guesses_do_not_end_what_is_open(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    """A lock keeps people from signing in; else anybody who guesses could sign others out."""
    opened = await an_open_session(work, realm, jane)
    await lock_principal(work, LockPrincipal(realm.id, jane.id, "test"))

    await user_of(work, access_token_of(opened))


async def test_a_session_that_was_not_used_for_too_long_is_refused(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    await change_policy(work, ChangePolicy(realm.id, {"idle_seconds": 900}))
    token = access_token_of(await an_open_session(work, realm, jane))
    await user_of(later(work, seconds=899), token)
    await user_of(later(work, seconds=1700), token)

    with pytest.raises(InvalidAccessToken):
        await user_of(later(work, seconds=2600), token)


def _part(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "\ud800",
        "a.b.c",
        "mgmt_" + "A" * 43,
        "rt_" + "A" * 43,
        f"{_part({'alg': 'none', 'typ': 'JWT', 'kid': 'protekt-0'})}.{_part({'sub': 'usr_x'})}.",
        f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': ['x']})}.{_part({})}.{'A' * 43}",
        f"{_part({'alg': 'ES256', 'typ': 'JWT', 'kid': 'protekt-0123456789abcdef'})}.{_part({})}.{'A' * 86}",
    ],
)
async def test_what_is_no_token_of_ours_is_refused(work: Work, token: str) -> None:
    with pytest.raises(InvalidAccessToken):
        await user_of(work, Secret(token))


async def test_a_token_of_another_instance_is_refused(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    token = access_token_of(await an_open_session(work, realm, jane))
    elsewhere = replace(work, settings=some_settings(public_base_url="https://elsewhere.example"))

    with pytest.raises(InvalidAccessToken):
        await user_of(elsewhere, token)


async def test_a_token_of_another_family_is_refused(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    opened = await an_open_session(work, realm, jane)
    claims = dict((await user_of(work, access_token_of(opened))).claims)
    await user_of(work, Secret(await sign(work, PROTEKT, claims)))

    with pytest.raises(InvalidAccessToken):
        await user_of(work, Secret(await sign(work, "nauth", claims)))


@pytest.mark.parametrize(
    "other",
    [
        {"sid": "sess_x"},
        {"sid": public_id("usr", new_uid())},
        {"sid": public_id("sess", new_uid())},
        {"sub": "usr_"},
        {"sub": public_id("usr", new_uid())},
        {"jti": "1"},
    ],
)
async def test_a_token_that_names_no_session_of_its_subject_is_refused(
    work: Work, realm: Realm, jane: RealmPrincipal, other: dict[str, str]
) -> None:
    opened = await an_open_session(work, realm, jane)
    claims = dict((await user_of(work, access_token_of(opened))).claims)

    with pytest.raises(InvalidAccessToken):
        await user_of(work, Secret(await sign(work, PROTEKT, claims | other)))


# --- tokens that are looked up --------------------------------------------------------------------


@pytest.fixture
async def member(work: Work) -> OpenedSession:
    """A session of somebody who acts for an organization."""
    accounts = await the_accounts(work)
    return await an_open_session(work, accounts, await a_principal(work, accounts))


async def test_a_management_token_tells_whose_it_is(work: Work, member: OpenedSession) -> None:
    token = reference_token_of(member)

    session = await authenticate_reference_token(work, AuthenticateReferenceToken(token))

    assert (session.session_id, session.principal_id) == (member.session.id, member.session.principal_id)
    assert (session.organization_id, session.amr) == (None, ("pwd",))
    assert session.expires_at == member.session.expires_at


async def test_a_management_token_ends_with_its_session(work: Work, member: OpenedSession) -> None:
    session, token = member.session, AuthenticateReferenceToken(reference_token_of(member))

    await authenticate_reference_token(later(work, seconds=43_199), token)
    with pytest.raises(InvalidManagementToken):
        await authenticate_reference_token(later(work, seconds=43_200), token)
    await end_session(
        work, EndSession(session.realm_id, session.principal_id, session.id, EndReason.LOGGED_OUT)
    )
    with pytest.raises(InvalidManagementToken):
        await authenticate_reference_token(work, token)


async def test_classes_of_tokens_stay_apart(
    work: Work, realm: Realm, jane: RealmPrincipal, member: OpenedSession
) -> None:
    """P03, X06."""
    opened = await an_open_session(work, realm, jane)

    for token in (access_token_of(opened), refresh_token_of(opened), Secret("mgmt_x"), Secret("\ud800")):
        with pytest.raises(InvalidManagementToken):
            await authenticate_reference_token(work, AuthenticateReferenceToken(token))
    for token in (refresh_token_of(opened), reference_token_of(member)):
        with pytest.raises(InvalidAccessToken):
            await user_of(work, token)
    with pytest.raises(InvalidManagementToken):
        await authenticate_reference_token(
            work, AuthenticateReferenceToken(reference_token_of(member), surface="ezkey_admin")
        )


async def test_use_of_a_management_token_is_noted_once_a_minute(work: Work, member: OpenedSession) -> None:
    token, session = AuthenticateReferenceToken(reference_token_of(member)), member.session

    await authenticate_reference_token(later(work, seconds=90), token)

    (noted,) = await list_sessions(work, ListSessions(session.realm_id, session.principal_id))
    assert (noted.last_active_at - work.now).total_seconds() == 90


async def test_a_disabled_members_token_is_refused(work: Work, member: OpenedSession) -> None:
    session = member.session
    await set_status(work, SetStatus(session.realm_id, session.principal_id, PrincipalStatus.DISABLED))

    with pytest.raises(InvalidManagementToken):
        await authenticate_reference_token(work, AuthenticateReferenceToken(reference_token_of(member)))
