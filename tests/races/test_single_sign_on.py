"""Browsers that come back from an identity provider at the same moment, at two processes."""

from dataclasses import replace

import pytest

from server.base.errors import SsoFailed
from server.core.sign_in.administration import DeleteUser, delete_user
from server.core.sign_in.model import SignedIn
from server.core.sign_in.sso import SsoDenied, SsoFinished
from tests.races.together import Processes, at_once
from tests.support.accounts import an_email
from tests.support.application import Application
from tests.support.single_sign_on import Sso

ROUNDS = range(5)


@pytest.fixture
async def both(processes: Processes) -> list[Sso]:
    """The same application at two processes."""
    sso = await Sso.of(await Application.on(processes.one.core))
    return [sso, replace(sso, application=replace(sso.application, core=processes.other.core))]


def who(finished: SsoFinished) -> object:
    """Whom it signed in."""
    assert isinstance(finished.outcome, SignedIn), finished.outcome
    return finished.outcome.principal.id


async def test_of_fifty_uses_of_one_state_one_signs_in(both: list[Sso]) -> None:
    sso = both[0]
    query = sso.provider.sign_in(await sso.start(), "jane", email=an_email())

    outcomes = await at_once(*(both[n % 2].come_back(query) for n in range(50)))

    assert who(outcomes.result)
    assert outcomes.refused_as == {SsoFailed}
    assert len(await sso.application.events("sign_in.finished")) == 1


@pytest.mark.parametrize("_", ROUNDS)
async def test_somebody_new_who_comes_twice_is_one_person(both: list[Sso], _: int) -> None:
    email = an_email()
    queries = [
        sso.provider.sign_in(await sso.start(), "jane", email=email, email_verified=True) for sso in both
    ]

    outcomes = await at_once(*(sso.come_back(query) for sso, query in zip(both, queries, strict=True)))

    assert len({who(finished) for finished in outcomes.results}) == 1
    assert len(await both[0].application.events("identity.linked")) == 1
    assert sum(f.outcome.is_new for f in outcomes.results if isinstance(f.outcome, SignedIn)) == 1


@pytest.mark.parametrize("_", ROUNDS)
async def test_somebody_who_is_deleted_while_they_sign_in_is_gone_or_new(both: list[Sso], _: int) -> None:
    sso, other = both
    email = an_email()
    jane = await sso.signed_in("jane", email=email, email_verified=True)
    query = sso.provider.sign_in(await sso.start(), "jane", email=email, email_verified=True)
    command = DeleteUser(jane.principal.realm_id, jane.principal.id)

    outcomes = await at_once(sso.come_back(query), other.application.do(delete_user, command))

    (finished,) = [outcome for outcome in outcomes.results if isinstance(outcome, SsoFinished)]
    if isinstance(finished.outcome, SsoDenied):
        assert finished.outcome.error != "internal_error"
    rows = await sso.application.rows("SELECT * FROM principals WHERE id = $1", jane.principal.id)
    assert rows == []
