from datetime import timedelta

import pytest

from server.base.errors import InvalidAccessToken, InvalidRefreshToken
from server.base.secret import Secret
from server.core.principals.actions import (
    ChangePrincipal,
    DeletePrincipal,
    SetStatus,
    change_principal,
    delete_principal,
    set_status,
)
from server.core.principals.model import PrincipalStatus, RealmPrincipal
from server.core.realms.actions import ChangePolicy, change_policy
from server.core.realms.model import Realm
from server.core.sessions.ending import (
    EndSession,
    ListSessions,
    RevokeToken,
    end_session,
    list_sessions,
    revoke_token,
)
from server.core.sessions.model import EndReason, OpenedSession
from server.core.sessions.refresh import RefreshSession, refresh_session
from server.core.usage.actions import ReadUsage, read_usage
from server.core.work import Core, Refusal, Work
from tests.support.accounts import a_realm
from tests.support.locks import LockPrincipal, lock_principal
from tests.support.sign_in import a_principal, an_open_session, claims_in, refresh_token_of
from tests.support.work import OPERATOR, later


async def refreshed(work: Work, opened: OpenedSession) -> OpenedSession:
    """The session with its next tokens."""
    return await refresh_session(work, RefreshSession(opened.session.realm_id, refresh_token_of(opened)))


async def is_open(work: Work, opened: OpenedSession) -> bool:
    """Whether the session is among its owner's."""
    session = opened.session
    sessions = await list_sessions(work, ListSessions(session.realm_id, session.principal_id))
    return session.id in {each.id for each in sessions}


async def audited(work: Work, opened: OpenedSession) -> list[str]:
    """What the log says of the session."""
    rows = await work.conn.fetch(
        "SELECT event || ' ' || result AS said FROM audit_events WHERE target_id = $1 ORDER BY at, event",
        str(opened.session.id),
    )
    return [row["said"] for row in rows]


async def test_a_refresh_token_gives_the_next_pair(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    opened = await an_open_session(work, realm, jane)
    then = later(work, minutes=30)

    again = await refreshed(then, opened)

    assert again.session.id == opened.session.id
    assert (again.session.last_active_at, again.session.expires_at) == (then.now, opened.session.expires_at)
    assert (again.expires_in, again.expires_at) == (3600, then.now + timedelta(hours=1))
    before, after = await claims_in(work, opened), await claims_in(then, again)
    assert (after["sid"], after["auth_time"]) == (before["sid"], before["auth_time"])
    assert after["jti"] != before["jti"]
    assert (await refreshed(later(work, hours=1), again)).session.id == opened.session.id
    assert await audited(work, opened) == ["session.refreshed ok", "session.refreshed ok"]


async def test_the_next_token_says_what_is_true_then(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    opened = await an_open_session(work, realm, jane)
    await change_principal(work, ChangePrincipal(realm.id, jane.id, email="new@example.org"))
    await change_policy(work, ChangePolicy(realm.id, {"access_token_seconds": 120}))

    again = await refreshed(work, opened)

    claims = await claims_in(work, again)
    assert (claims["email"], claims["email_verified"], again.expires_in) == ("new@example.org", False, 120)


async def test_no_token_outlives_the_session(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    opened = await an_open_session(work, realm, jane)
    then = later(work, days=29, hours=23, minutes=59)

    again = await refreshed(then, opened)

    assert again.expires_in == 60
    with pytest.raises(InvalidRefreshToken):
        await refreshed(later(work, days=30), again)


async def test_a_refresh_counts_as_use_and_not_as_a_login(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    await refreshed(work, await an_open_session(work, realm, jane))
    assert realm.organization_id is not None

    usage = await read_usage(work, ReadUsage(realm.organization_id, realm.project_id))

    assert (usage.active_users, usage.logins, usage.tokens_issued) == (1, 0, 1)


# --- used before ----------------------------------------------------------------------------------


async def test_a_token_that_was_used_before_ends_the_session(
    uncommitted: Core, work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    """Nobody can tell who of the two stole it; the refusal is remembered."""
    opened = await an_open_session(work, realm, jane)
    other = await an_open_session(work, realm, jane)
    again = await refreshed(work, opened)

    with pytest.raises(InvalidRefreshToken):
        await uncommitted.perform(
            refresh_session, RefreshSession(realm.id, refresh_token_of(opened)), actor=OPERATOR
        )

    assert not await is_open(work, opened)
    for token in (opened, again):
        with pytest.raises(InvalidAccessToken):
            await claims_in(work, token)
    with pytest.raises(InvalidRefreshToken):
        await refreshed(work, again)
    assert await is_open(work, other)
    assert await audited(work, opened) == ["session.refreshed ok", "session.ended refused"]


async def test_a_used_token_shown_once_more_changes_nothing_more(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    await refreshed(work, opened)
    with pytest.raises(Refusal):
        await refreshed(work, opened)
    then = later(work)

    with pytest.raises(InvalidRefreshToken):
        await refreshed(then, opened)

    assert then.events == []


async def test_who_asked_before_the_token_was_used_and_came_second_is_too_late(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    """A request may wait for the one that overtook it."""
    opened = await an_open_session(work, realm, jane)
    await refreshed(later(work, seconds=2), opened)

    with pytest.raises(Refusal):
        await refreshed(later(work, seconds=1), opened)

    assert not await is_open(work, opened)


async def test_within_the_grace_a_lost_answer_is_given_again(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    await change_policy(work, ChangePolicy(realm.id, {"refresh_grace_seconds": 30}))
    opened = await an_open_session(work, realm, jane)
    lost = await refreshed(work, opened)

    then = later(work, seconds=29)

    again = await refreshed(then, opened)

    assert await is_open(then, opened)
    assert (await claims_in(then, again))["sid"] == (await claims_in(then, opened))["sid"]
    assert refresh_token_of(again).reveal() != refresh_token_of(lost).reveal()
    assert (await refreshed(later(work, minutes=1), again)).session.id == opened.session.id


async def test_after_the_grace_the_session_ends(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    await change_policy(work, ChangePolicy(realm.id, {"refresh_grace_seconds": 30}))
    opened = await an_open_session(work, realm, jane)
    await refreshed(work, opened)

    with pytest.raises(Refusal):
        await refreshed(later(work, seconds=30), opened)

    assert not await is_open(work, opened)


async def test_an_answer_that_was_revoked_is_not_given_again(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    await change_policy(work, ChangePolicy(realm.id, {"refresh_grace_seconds": 30}))
    opened = await an_open_session(work, realm, jane)
    await refreshed(work, opened)
    await revoke_token(work, RevokeToken(realm.id, refresh_token_of(opened)))

    with pytest.raises(Refusal):
        await refreshed(later(work, seconds=1), opened)

    assert not await is_open(work, opened)


async def test_an_answer_that_was_used_was_not_lost(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    await change_policy(work, ChangePolicy(realm.id, {"refresh_grace_seconds": 30}))
    opened = await an_open_session(work, realm, jane)
    await refreshed(later(work, seconds=1), await refreshed(work, opened))

    with pytest.raises(Refusal):
        await refreshed(later(work, seconds=2), opened)

    assert not await is_open(work, opened)


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "rt_", "rt_" + "A" * 43, "\ud800", "mgmt_x"])
async def test_a_token_that_nobody_was_given_is_refused(work: Work, realm: Realm, token: str) -> None:
    with pytest.raises(InvalidRefreshToken):
        await refresh_session(work, RefreshSession(realm.id, Secret(token)))


async def test_a_token_is_refused_in_another_realm_and_stays_good_in_its_own(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    other = await a_realm(work)

    with pytest.raises(InvalidRefreshToken):
        await refresh_session(work, RefreshSession(other.id, refresh_token_of(opened)))

    await refreshed(work, opened)


async def test_a_used_token_shown_in_another_realm_ends_nothing(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    again = await refreshed(work, opened)
    other = await a_realm(work)

    with pytest.raises(InvalidRefreshToken):
        await refresh_session(work, RefreshSession(other.id, refresh_token_of(opened)))

    await refreshed(work, again)


async def test_an_ended_session_does_not_go_on(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    opened = await an_open_session(work, realm, jane)
    await end_session(work, EndSession(realm.id, jane.id, opened.session.id, EndReason.LOGGED_OUT))

    with pytest.raises(InvalidRefreshToken):
        await refreshed(work, opened)


async def test_a_revoked_token_is_refused_and_ends_nothing(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    opened = await an_open_session(work, realm, jane)
    await revoke_token(work, RevokeToken(realm.id, refresh_token_of(opened)))

    with pytest.raises(InvalidRefreshToken):
        await refreshed(work, opened)

    await claims_in(work, opened)


async def test_who_is_gone_does_not_go_on(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    opened = await an_open_session(work, realm, jane)
    await delete_principal(work, DeletePrincipal(realm.id, jane.id))

    with pytest.raises(InvalidRefreshToken):
        await refreshed(work, opened)


async def test_the_disabled_and_the_locked_do_not_go_on_until_they_may_again(
    uncommitted: Core, work: Work, realm: Realm
) -> None:
    """What is refused for a reason that may pass uses nothing up."""
    for keep_out in ("disable", "lock"):
        joe = await a_principal(work, realm)
        opened = await an_open_session(work, realm, joe)
        command = RefreshSession(realm.id, refresh_token_of(opened))
        if keep_out == "disable":
            await set_status(work, SetStatus(realm.id, joe.id, PrincipalStatus.DISABLED))
        else:
            until = work.now + timedelta(minutes=5)
            await lock_principal(work, LockPrincipal(realm.id, joe.id, "test", until))

        with pytest.raises(InvalidRefreshToken):
            await uncommitted.perform(refresh_session, command, actor=OPERATOR)

        await set_status(work, SetStatus(realm.id, joe.id, PrincipalStatus.ACTIVE))
        assert (await refreshed(later(work, minutes=5), opened)).session.id == opened.session.id


async def test_who_signed_in_with_one_factor_does_not_go_on_where_two_are_wanted_now(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    one = await an_open_session(work, realm, jane)
    two = await an_open_session(work, realm, jane, amr=("pwd", "otp", "mfa"))
    await change_policy(work, ChangePolicy(realm.id, {"mfa": "required"}))

    with pytest.raises(InvalidRefreshToken):
        await refreshed(work, one)

    await refreshed(work, two)


async def test_a_session_that_was_not_used_for_too_long_does_not_go_on(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    await change_policy(work, ChangePolicy(realm.id, {"idle_seconds": 900}))
    opened = await an_open_session(work, realm, jane)
    again = await refreshed(later(work, seconds=899), opened)

    with pytest.raises(InvalidRefreshToken):
        await refreshed(later(work, seconds=899 + 900), again)
