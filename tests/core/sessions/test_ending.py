from datetime import timedelta
from uuid import uuid4

import pytest

from server.base.errors import InvalidAccessToken, InvalidRefreshToken, SessionNotFound
from server.base.secret import Secret
from server.core.principals.model import RealmPrincipal
from server.core.realms.model import Realm
from server.core.sessions import ending_store
from server.core.sessions.ending import (
    EndSession,
    EndSessions,
    ListSessions,
    RevokeToken,
    end_session,
    end_sessions,
    list_sessions,
    revoke_token,
)
from server.core.sessions.forget import forget_expired
from server.core.sessions.model import EndReason, OpenedSession
from server.core.sessions.refresh import RefreshSession, refresh_session
from server.core.work import Work
from tests.support.accounts import a_customer, a_realm
from tests.support.sign_in import (
    a_principal,
    access_token_of,
    an_open_session,
    claims_in,
    refresh_token_of,
    the_accounts,
)
from tests.support.work import event_names, later

OUT = EndReason.LOGGED_OUT


async def test_sessions_are_listed_newest_first_while_they_are_open(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    ended, expiring, newest = [await an_open_session(work, realm, jane) for _ in range(3)]
    await an_open_session(work, realm, await a_principal(work, realm))
    await end_session(work, EndSession(realm.id, jane.id, ended.session.id, OUT))

    assert await list_sessions(work, ListSessions(realm.id, jane.id)) == (newest.session, expiring.session)
    assert await list_sessions(later(work, days=30), ListSessions(realm.id, jane.id)) == ()


async def test_an_ended_session_takes_its_tokens_along_and_no_others(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened, other = [await an_open_session(work, realm, jane) for _ in range(2)]
    then = later(work)

    await end_session(then, EndSession(realm.id, jane.id, opened.session.id, OUT))

    with pytest.raises(InvalidAccessToken):
        await claims_in(work, opened)
    with pytest.raises(InvalidRefreshToken):
        await refresh_session(work, RefreshSession(realm.id, refresh_token_of(opened)))
    await claims_in(work, other)
    assert event_names(then) == ["session.ended"]
    assert (then.events[0].target_id, then.events[0].data) == (
        str(opened.session.id),
        {"reason": "logged_out"},
    )


async def test_what_is_not_an_open_session_of_the_person_is_not_found(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    session_id = opened.session.id
    joe, other = await a_principal(work, realm), await a_realm(work)

    for command in (
        EndSession(realm.id, joe.id, session_id, OUT),
        EndSession(other.id, jane.id, session_id, OUT),
        EndSession(realm.id, jane.id, uuid4(), OUT),
    ):
        with pytest.raises(SessionNotFound):
            await end_session(work, command)
    await claims_in(work, opened)
    with pytest.raises(SessionNotFound):
        await end_session(later(work, days=30), EndSession(realm.id, jane.id, session_id, OUT))
    await end_session(work, EndSession(realm.id, jane.id, session_id, OUT))
    with pytest.raises(SessionNotFound):
        await end_session(work, EndSession(realm.id, jane.id, session_id, OUT))


async def test_all_sessions_but_one_end_and_are_counted(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    kept, *others = [await an_open_session(work, realm, jane) for _ in range(3)]
    joe = await an_open_session(work, realm, await a_principal(work, realm))
    then = later(work)

    count = await end_sessions(
        then, EndSessions(realm.id, jane.id, EndReason.PASSWORD_CHANGED, keep=kept.session.id)
    )

    assert count == 2
    assert {event.target_id for event in then.events} == {str(each.session.id) for each in others}
    assert await list_sessions(work, ListSessions(realm.id, jane.id)) == (kept.session,)
    await claims_in(work, joe)
    assert await end_sessions(then, EndSessions(realm.id, jane.id, EndReason.REVOKED)) == 1
    assert await end_sessions(then, EndSessions(realm.id, jane.id, EndReason.REVOKED)) == 0


async def test_another_realm_ends_nothing(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    opened = await an_open_session(work, realm, jane)
    other = await a_realm(work)

    assert await end_sessions(work, EndSessions(other.id, jane.id, EndReason.REVOKED)) == 0

    await claims_in(work, opened)


async def test_a_member_who_leaves_stays_signed_in_elsewhere(work: Work) -> None:
    accounts, one, other = await the_accounts(work), await a_customer(work), await a_customer(work)
    member = await a_principal(work, accounts)
    here, there = [
        await an_open_session(work, accounts, member, organization_id=organization.id)
        for organization in (one, other)
    ]

    count = await end_sessions(
        work, EndSessions(accounts.id, member.id, EndReason.MEMBER_REMOVED, organization_id=one.id)
    )

    assert count == 1
    assert await list_sessions(work, ListSessions(accounts.id, member.id)) == (there.session,)
    assert here.session.organization_id == one.id


# --- single tokens --------------------------------------------------------------------------------


async def refreshed(work: Work, opened: OpenedSession) -> OpenedSession:
    """The session with its next tokens."""
    return await refresh_session(work, RefreshSession(opened.session.realm_id, refresh_token_of(opened)))


async def test_a_revoked_access_token_is_refused_and_its_session_lives(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    then = later(work)

    await revoke_token(then, RevokeToken(realm.id, access_token_of(opened)))

    with pytest.raises(InvalidAccessToken):
        await claims_in(work, opened)
    await claims_in(work, await refreshed(work, opened))
    assert event_names(then) == ["session.token_revoked"]


async def test_after_a_revoked_refresh_token_the_family_gives_nothing_and_the_access_token_is_good(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    again = await refreshed(work, opened)
    then = later(work)

    await revoke_token(then, RevokeToken(realm.id, refresh_token_of(again)))

    await claims_in(work, again)
    with pytest.raises(InvalidRefreshToken):
        await refreshed(work, again)
    assert event_names(then) == ["session.refresh_revoked"]


async def test_a_used_refresh_token_revokes_those_that_are_not_and_is_itself_left_alone(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    again = await refreshed(work, opened)

    await revoke_token(work, RevokeToken(realm.id, refresh_token_of(opened)))

    with pytest.raises(InvalidAccessToken):
        await revoke_token(work, RevokeToken(realm.id, refresh_token_of(opened)))
    rows = await work.conn.fetch(
        "SELECT used_at IS NULL, revoked_at IS NULL FROM refresh_tokens WHERE session_id = $1",
        again.session.id,
    )
    assert sorted(map(tuple, rows)) == [(False, True), (True, False)]


async def test_a_token_whose_session_is_gone_is_not_refused_twice(work: Work) -> None:
    assert not await ending_store.insert_denial(work.conn, uuid4(), uuid4(), work.now)


async def test_a_token_is_revoked_once_and_by_its_own_realm(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    other = await a_realm(work)

    for token in (access_token_of(opened), refresh_token_of(opened)):
        with pytest.raises(InvalidAccessToken):
            await revoke_token(work, RevokeToken(other.id, token))
        await revoke_token(work, RevokeToken(realm.id, token))
        with pytest.raises(InvalidAccessToken):
            await revoke_token(work, RevokeToken(realm.id, token))


@pytest.mark.parametrize("token", ["", "rt_", "rt_" + "A" * 43, "mgmt_x", "a.b.c", "\ud800"])
async def test_what_is_no_token_cannot_be_revoked(work: Work, realm: Realm, token: str) -> None:
    with pytest.raises(InvalidAccessToken):
        await revoke_token(work, RevokeToken(realm.id, Secret(token)))


async def test_tokens_of_an_ended_session_cannot_be_revoked(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    await end_session(work, EndSession(realm.id, jane.id, opened.session.id, OUT))

    for token in (access_token_of(opened), refresh_token_of(opened)):
        with pytest.raises(InvalidAccessToken):
            await revoke_token(work, RevokeToken(realm.id, token))


# --- forgetting -----------------------------------------------------------------------------------


@pytest.fixture
async def alone(work: Work) -> None:
    """No other test has left a session."""
    await work.conn.execute("DELETE FROM sessions")


async def test_sessions_are_forgotten_a_month_after_their_time(
    work: Work, alone: None, realm: Realm, jane: RealmPrincipal
) -> None:
    await an_open_session(work, realm, jane)
    await an_open_session(later(work, seconds=1), realm, jane)
    month_after = later(work, days=60)

    assert await forget_expired(later(work, days=60, seconds=-1), None) == 0
    assert await forget_expired(month_after, None) == 1

    for table in ("sessions", "refresh_tokens"):
        assert await work.conn.fetchval(f"SELECT count(*) FROM {table}") == 1


async def test_denials_are_forgotten_with_the_tokens_that_they_deny(
    work: Work, alone: None, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    await revoke_token(work, RevokeToken(realm.id, access_token_of(opened)))

    assert await forget_expired(later(work, seconds=3598), None) == 0
    assert await forget_expired(later(work, hours=1), None) == 1
    assert opened.expires_at == work.now + timedelta(hours=1)
