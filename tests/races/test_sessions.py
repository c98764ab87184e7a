"""One person's tokens at the same moment, at two processes."""

from collections import Counter
from itertools import cycle
from typing import Any

import pytest

from server.base.errors import EmailTaken, InvalidAccessToken, InvalidRefreshToken
from server.core.principals.locking import NoteLogin, RecordFailure, note_login, record_failure
from server.core.principals.model import Counter as Failing
from server.core.principals.model import RealmPrincipal
from server.core.realms.model import Realm
from server.core.sessions.authenticate import AuthenticateAccessToken, authenticate_access_token
from server.core.sessions.ending import (
    EndSession,
    EndSessions,
    ListSessions,
    end_session,
    end_sessions,
    list_sessions,
)
from server.core.sessions.model import EndReason, OpenedSession
from server.core.sessions.refresh import RefreshSession, refresh_session
from server.core.sessions.token_keys import read_jwks
from server.core.work import Core, Work
from tests.races.together import Processes, at_once
from tests.support.accounts import a_realm, an_email
from tests.support.phone import Given
from tests.support.scene import made_on
from tests.support.sign_in import a_principal, access_token_of, an_open_session, refresh_token_of
from tests.support.work import OPERATOR

ROUNDS = range(5)


class People:
    """A realm, and one person of it, at two processes."""

    def __init__(self, processes: Processes, realm: Realm, jane: RealmPrincipal) -> None:
        self.cores = [processes.one.core, processes.other.core]
        self.realm, self.jane = realm, jane

    @property
    def one(self) -> Core:
        """One of the processes."""
        return self.cores[0]

    def each(self, times: int) -> list[Core]:
        """The two in turn, so many times."""
        return [core for core, _ in zip(cycle(self.cores), range(times), strict=False)]

    async def session(self) -> OpenedSession:
        """Another session of Jane's."""
        return await made_on(self.one, an_open_session, realm=self.realm, principal=self.jane)

    async def open_sessions(self) -> int:
        """How many Jane has."""
        command = ListSessions(self.realm.id, self.jane.id)
        return len(await self.one.perform_at_once(list_sessions, command, actor=OPERATOR))

    async def events(self, opened: OpenedSession) -> Counter[str]:
        """What the log says of a session, how often."""
        async with self.one.db.acquire() as conn:
            rows = await conn.fetch(
                "SELECT event FROM audit_events WHERE target_id = $1", str(opened.session.id)
            )
        return Counter(row["event"] for row in rows)


async def people(processes: Processes, **policy: Given) -> People:
    """A realm with these rules, and Jane."""
    realm = await made_on(processes.one.core, a_realm, **policy)
    return People(processes, realm, await made_on(processes.one.core, a_principal, realm=realm))


async def refresh(core: Core, opened: OpenedSession) -> OpenedSession:
    """The session with its next tokens."""
    command = RefreshSession(opened.session.realm_id, refresh_token_of(opened))
    return await core.perform(refresh_session, command, actor=OPERATOR)


async def use(core: Core, opened: OpenedSession) -> Any:  # noqa: ANN401 - whose it is
    """The access token is shown."""
    command = AuthenticateAccessToken(access_token_of(opened))
    return await core.perform_at_once(authenticate_access_token, command, actor=OPERATOR)


async def test_x10_of_fifty_uses_of_one_refresh_token_one_succeeds(processes: Processes) -> None:
    """And the session ends: a second use is what theft looks like, honest or not."""
    here = await people(processes)
    opened = await here.session()

    outcomes = await at_once(*(refresh(core, opened) for core in here.each(50)))

    assert outcomes.result.session.id == opened.session.id
    assert (len(outcomes.refusals), outcomes.refused_as) == (49, {InvalidRefreshToken})
    assert await here.events(opened) == {"session.opened": 1, "session.refreshed": 1, "session.ended": 1}
    assert await here.open_sessions() == 0
    for tokens in (opened, outcomes.result):
        with pytest.raises(InvalidAccessToken):
            await use(here.one, tokens)
    with pytest.raises(InvalidRefreshToken):
        await refresh(here.one, outcomes.result)


async def test_where_a_grace_is_given_all_who_ask_at_once_get_an_answer(processes: Processes) -> None:
    here = await people(processes, refresh_grace_seconds=30)
    opened = await here.session()

    outcomes = await at_once(*(refresh(core, opened) for core in here.each(20)))

    assert len({refresh_token_of(each).reveal() for each in outcomes.results}) == 20
    assert await here.open_sessions() == 1
    assert (await here.events(opened))["session.refreshed"] == 20


async def test_sessions_are_refreshed_beside_each_other(processes: Processes) -> None:
    here = await people(processes)
    sessions = [await here.session() for _ in range(20)]

    outcomes = await at_once(
        *(refresh(core, opened) for core, opened in zip(here.each(20), sessions, strict=True))
    )

    assert len(outcomes.results) == 20
    assert await here.open_sessions() == 20


async def test_a_session_that_ends_while_it_is_refreshed_has_ended(processes: Processes) -> None:
    here = await people(processes)
    one, other = here.cores
    for _ in ROUNDS:
        opened = await here.session()
        end = EndSession(here.realm.id, here.jane.id, opened.session.id, EndReason.REVOKED)

        outcomes = await at_once(refresh(one, opened), other.perform(end_session, end, actor=OPERATOR))

        assert outcomes.refused_as <= {InvalidRefreshToken}
        assert await here.open_sessions() == 0
        for tokens in (opened, *(each for each in outcomes.results if each is not None)):
            with pytest.raises(InvalidAccessToken):
                await use(one, tokens)


async def test_all_sessions_end_while_they_are_refreshed_and_ended_one_by_one(processes: Processes) -> None:
    """Whoever ends several takes them in the same order."""
    here = await people(processes)
    one, other = here.cores
    for _ in ROUNDS:
        sessions = [await here.session() for _ in range(10)]
        all_of_them = EndSessions(here.realm.id, here.jane.id, EndReason.PASSWORD_CHANGED)

        counts = await at_once(
            one.perform(end_sessions, all_of_them, actor=OPERATOR),
            other.perform(end_sessions, all_of_them, actor=OPERATOR),
        )
        outcomes = await at_once(
            *(refresh(core, opened) for core, opened in zip(here.each(10), sessions, strict=True))
        )

        assert sum(counts.results) == 10
        assert (outcomes.results, outcomes.refused_as) == ([], {InvalidRefreshToken})
        assert await here.open_sessions() == 0


async def test_tokens_shown_at_one_moment_are_each_ones_own(processes: Processes) -> None:
    """They share statements; so does the same token shown twice."""
    here = await people(processes)
    sessions = [await here.session() for _ in range(10)]
    ended = sessions[::2]
    for opened in ended:
        command = EndSession(here.realm.id, here.jane.id, opened.session.id, EndReason.REVOKED)
        await here.one.perform(end_session, command, actor=OPERATOR)
    shown = sessions * 4

    outcomes = await at_once(
        *(use(core, opened) for core, opened in zip(here.each(len(shown)), shown, strict=True))
    )

    assert outcomes.refused_as == {InvalidAccessToken}
    assert Counter(each.session_id for each in outcomes.results) == {
        opened.session.id: 4 for opened in sessions[1::2]
    }


async def test_people_who_sign_in_at_one_moment_have_no_more_sessions_than_they_may(
    processes: Processes,
) -> None:
    here = await people(processes, max_sessions=3)

    async def sign_in(work: Work, _: None) -> OpenedSession:
        jane = await note_login(work, NoteLogin(here.realm.id, here.jane.id))
        return await an_open_session(work, here.realm, jane)

    outcomes = await at_once(*(core.perform(sign_in, None, actor=OPERATOR) for core in here.each(20)))

    assert len(outcomes.results) == 20
    assert await here.open_sessions() == 3


async def test_of_twenty_who_register_with_one_address_one_does(processes: Processes) -> None:
    here = await people(processes)
    email = an_email()

    outcomes = await at_once(
        *(made_on(core, a_principal, realm=here.realm, email=email) for core in here.each(20))
    )

    assert outcomes.result.email == email
    assert outcomes.refused_as == {EmailTaken}


async def test_no_failure_is_lost_and_the_most_locks_once(processes: Processes) -> None:
    here = await people(processes)
    failure = RecordFailure(here.realm.id, here.jane.id, Failing.SECOND_FACTOR, most=10, lock_seconds=None)

    outcomes = await at_once(
        *(core.perform(record_failure, failure, actor=OPERATOR) for core in here.each(20))
    )

    assert sorted(each.count for each in outcomes.results) == list(range(1, 21))
    assert [each.count for each in outcomes.results if each.locked_now] == [10]


async def test_the_first_key_of_a_family_is_made_once(processes: Processes) -> None:
    here = await people(processes)

    outcomes = await at_once(
        *(core.perform_at_once(read_jwks, "races", actor=OPERATOR) for core in here.each(10))
    )

    kids = {key["kid"] for jwks in outcomes.results for key in jwks["keys"]}  # type: ignore[attr-defined]  # JSON
    assert len(kids) == 1
