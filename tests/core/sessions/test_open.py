from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from server.base.ids import public_id
from server.core.principals.model import RealmPrincipal
from server.core.realms.actions import ChangePolicy, change_policy
from server.core.realms.model import Realm
from server.core.sessions.ending import ListSessions, list_sessions
from server.core.sessions.model import Session
from server.core.work import Work
from server.crypto.tokens import digest
from tests.support.sign_in import (
    USER_AGENT,
    a_principal,
    an_open_session,
    claims_in,
    reference_token_of,
    refresh_token_of,
    the_accounts,
)
from tests.support.work import event_names, later


async def open_sessions(work: Work, jane: RealmPrincipal) -> tuple[Session, ...]:
    """Those that are open now."""
    return await list_sessions(work, ListSessions(jane.realm_id, jane.id))


async def refresh_digests(work: Work, jane: RealmPrincipal) -> set[bytes]:
    """What is kept of the refresh tokens of all sessions."""
    rows = await work.conn.fetch(
        """
        SELECT token_digest
          FROM refresh_tokens
          JOIN sessions ON sessions.id = refresh_tokens.session_id
         WHERE sessions.principal_id = $1
        """,
        jane.id,
    )
    return {row["token_digest"] for row in rows}


async def test_a_session_gives_an_access_and_a_refresh_token(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    then = later(work)

    opened = await an_open_session(then, realm, jane, amr=("pwd", "otp", "mfa"))

    assert (opened.expires_in, opened.expires_at) == (3600, work.now + timedelta(hours=1))
    assert opened.reference_token is None
    assert refresh_token_of(opened).reveal().startswith("rt_")
    (session,) = await open_sessions(work, jane)
    assert session == opened.session
    assert (session.created_at, session.last_active_at) == (work.now, work.now)
    assert session.expires_at == work.now + timedelta(days=30)
    assert (session.address, session.user_agent) == (work.actor.address, USER_AGENT)
    assert (session.amr, session.surface) == (("pwd", "otp", "mfa"), "protekt_auth")
    assert event_names(then) == ["session.opened"]


async def test_the_access_token_says_who_where_and_how(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    assert realm.project_id is not None

    claims = dict(await claims_in(work, opened))

    assert UUID(claims.pop("jti")).version == 4
    issued_at = int(work.now.timestamp())
    assert claims == {
        "iss": work.settings.base_url,
        "aud": realm.login_id,
        "sub": public_id("usr", jane.id),
        "sid": public_id("sess", opened.session.id),
        "iat": issued_at,
        "exp": issued_at + 3600,
        "auth_time": issued_at,
        "amr": ["pwd"],
        "email": jane.email,
        "email_verified": True,
        "project_id": public_id("proj", realm.project_id),
    }


async def test_a_person_with_a_phone_only_has_no_address_in_the_token(work: Work, realm: Realm) -> None:
    joe = await a_principal(work, realm, phone="+15551234567")

    claims = await claims_in(work, await an_open_session(work, realm, joe))

    assert not {"email", "email_verified"} & set(claims)


async def test_no_token_is_the_same_twice_and_none_is_kept(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    one, other = [await an_open_session(work, realm, jane) for _ in range(2)]

    first, second = await claims_in(work, one), await claims_in(work, other)
    assert first["jti"] != second["jti"]
    tokens = [refresh_token_of(each).reveal() for each in (one, other)]
    assert await refresh_digests(work, jane) == set(map(digest, tokens))


async def test_a_member_gets_one_token(work: Work) -> None:
    accounts = await the_accounts(work)
    member = await a_principal(work, accounts)

    opened = await an_open_session(work, accounts, member)

    assert (opened.access_token, opened.refresh_token) == (None, None)
    assert reference_token_of(opened).reveal().startswith("mgmt_")
    assert (opened.expires_in, opened.expires_at) == (43_200, opened.session.expires_at)
    assert await refresh_digests(work, member) == set()


async def test_the_lengths_are_the_realms(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    changed = await change_policy(
        work, ChangePolicy(realm.id, {"access_token_seconds": 60, "session_seconds": 300})
    )

    opened = await an_open_session(work, changed, jane)

    assert opened.expires_in == 60
    assert opened.session.expires_at == work.now + timedelta(minutes=5)


async def test_over_the_limit_the_oldest_sessions_end(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    tight = replace(realm, policy=replace(realm.policy, max_sessions=2))
    other = await an_open_session(work, realm, await a_principal(work, realm))
    sessions = [(await an_open_session(work, realm, jane)).session for _ in range(3)]
    then = later(work)

    newest = (await an_open_session(then, tight, jane)).session

    assert await open_sessions(work, jane) == (newest, sessions[2])
    assert event_names(then) == ["session.ended", "session.ended", "session.opened"]
    assert {event.target_id for event in then.events[:2]} == {str(each.id) for each in sessions[:2]}
    assert {event.data["reason"] for event in then.events[:2]} == {"too_many"}
    assert await list_sessions(work, ListSessions(realm.id, other.session.principal_id)) == (other.session,)


async def test_sessions_past_their_time_do_not_count(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    tight = replace(realm, policy=replace(realm.policy, max_sessions=1, session_seconds=300))
    await an_open_session(work, tight, jane)
    then = later(work, minutes=5)

    newest = (await an_open_session(then, tight, jane)).session

    assert await open_sessions(then, jane) == (newest,)
    assert [event.data.get("reason") for event in then.events] == ["expired", None]
