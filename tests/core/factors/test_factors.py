"""Second factors by themselves; how they sign in is in tests/core/sign_in."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from server.base.errors import FactorNotFound, SecondFactorRequired
from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.factors.actions import (
    ConfirmFactor,
    ListFactors,
    RemoveFactor,
    confirm_factor,
    list_factors,
    remove_factor,
)
from server.core.factors.model import Factor
from server.core.factors.owner import Owner
from server.core.factors.recovery_codes import (
    make_recovery_codes,
    recovery_codes_left,
    use_recovery_code,
)
from server.core.factors.totp import begin_totp, use_totp
from server.core.realms.policy import SecondFactor
from server.core.work import Work
from tests.support.accounts import a_realm
from tests.support.phone import Given
from tests.support.sign_in import a_principal
from tests.support.work import a_work, event_names, later


async def an_owner_of_factors(work: Work, **policy: Given) -> Owner:
    realm = await a_realm(work, **policy)
    return Owner(realm, await a_principal(work, realm))


async def an_app(work: Work, owner: Owner) -> tuple[Factor, pyotp.TOTP]:
    """A confirmed app, the code of now used up."""
    begun = await begin_totp(work, owner)
    app = pyotp.TOTP(begun.secret.reveal())
    await confirm_factor(work, ConfirmFactor(owner, Secret(app.at(work.now))))
    return (await factors_of(work, owner))[0], app


async def factors_of(work: Work, owner: Owner) -> tuple[Factor, ...]:
    return await list_factors(work, ListFactors(owner.realm.id, owner.principal.id))


@pytest.fixture
def work(work: Work) -> Work:
    """At the beginning of a time step, so that half a minute later is the next one."""
    at = datetime(2030, 1, 1, 12, tzinfo=UTC)
    return a_work(work.conn, now=at)


# --- an app ---------------------------------------------------------------------------------------


async def test_the_secret_is_sealed_and_a_pending_app_does_not_count(work: Work) -> None:
    owner = await an_owner_of_factors(work)
    begun = await begin_totp(work, owner)
    (pending,) = await factors_of(work, owner)
    row = await work.conn.fetchval("SELECT f::text FROM factors AS f WHERE id = $1", pending.id)

    assert not pending.active
    assert begun.secret.reveal() not in row
    assert pyotp.TOTP(begun.secret.reveal()).byte_secret().hex() not in row
    assert "factor.begun" in event_names(work)


@pytest.mark.parametrize(
    ("steps", "right"), [(-2, False), (-1, False), (0, False), (1, True), (2, True), (3, False)]
)
async def test_codes_of_later_steps_count_within_the_drift(work: Work, steps: int, *, right: bool) -> None:
    """Half a minute after the step that was used last, with one step of drift."""
    owner = await an_owner_of_factors(work)
    factor, app = await an_app(work, owner)
    code = Secret(app.at(work.now + timedelta(seconds=30 * steps)))

    assert await use_totp(later(work, seconds=30), factor, code) is right


async def test_a_code_counts_once(work: Work) -> None:
    owner = await an_owner_of_factors(work)
    factor, app = await an_app(work, owner)
    then = later(work, seconds=30)
    code = Secret(app.at(then.now))

    assert await use_totp(then, factor, code)
    assert not await use_totp(then, factor, code)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "\N{FULLWIDTH DIGIT ONE}" * 6, "\ud800"])
async def test_what_is_no_code_is_wrong(work: Work, typed: str) -> None:
    owner = await an_owner_of_factors(work)
    factor, _ = await an_app(work, owner)

    assert not await use_totp(later(work, seconds=30), factor, Secret(typed))


async def test_the_app_shows_the_application_and_the_person(work: Work) -> None:
    owner = await an_owner_of_factors(work)

    uri = (await begin_totp(work, owner)).uri.reveal()

    parsed = pyotp.parse_uri(uri)
    assert (parsed.issuer, parsed.name) == (owner.realm.app_name, owner.principal.email)


# --- on paper -------------------------------------------------------------------------------------


async def test_each_recovery_code_works_once_however_it_is_written(work: Work) -> None:
    owner = await an_owner_of_factors(work)
    codes = await make_recovery_codes(work, owner)
    (factor,) = await factors_of(work, owner)
    written = Secret(f" {codes[0].reveal().upper().replace('-', '')} ")

    assert await use_recovery_code(work, owner, factor, written)
    assert not await use_recovery_code(work, owner, factor, codes[0])
    assert not await use_recovery_code(work, owner, factor, Secret("0000-0000-0000-0000"))
    assert await recovery_codes_left(work, factor) == 9


async def test_somebody_elses_recovery_code_is_wrong(work: Work) -> None:
    one, other = await an_owner_of_factors(work), await an_owner_of_factors(work)
    codes = await make_recovery_codes(work, one)
    await make_recovery_codes(work, other)
    (others,) = await factors_of(work, other)

    assert not await use_recovery_code(work, other, others, codes[0])


async def test_recovery_codes_go_with_the_last_second_factor(work: Work) -> None:
    owner = await an_owner_of_factors(work)
    await an_app(work, owner)
    await make_recovery_codes(work, owner)

    await remove_factor(work, RemoveFactor(owner, SecondFactor.TOTP))

    assert await factors_of(work, owner) == ()


async def test_recovery_codes_can_go_alone(work: Work) -> None:
    owner = await an_owner_of_factors(work, mfa="required")
    await an_app(work, owner)
    await make_recovery_codes(work, owner)

    await remove_factor(work, RemoveFactor(owner, SecondFactor.RECOVERY_CODE))

    assert [factor.type for factor in await factors_of(work, owner)] == [SecondFactor.TOTP]


# --- taking away ----------------------------------------------------------------------------------


async def test_nobody_takes_a_factor_of_their_own_away_where_the_realm_insists(work: Work) -> None:
    owner = await an_owner_of_factors(work, mfa="required")
    await an_app(work, owner)
    await work.conn.execute(
        """
        INSERT INTO factors (id, realm_id, principal_id, type, status, phone, created_at, confirmed_at)
        VALUES ($1, $2, $3, 'sms', 'active', '+4915112345678', $4, $4)
        """,
        new_uid(),
        owner.realm.id,
        owner.principal.id,
        work.now,
    )

    for kind in (SecondFactor.TOTP, SecondFactor.SMS):
        with pytest.raises(SecondFactorRequired):
            await remove_factor(work, RemoveFactor(owner, kind))

    assert {factor.type for factor in await factors_of(work, owner)} == {SecondFactor.TOTP, SecondFactor.SMS}


async def test_an_operator_takes_the_last_factor_away_where_its_owner_may_not(work: Work) -> None:
    """Whoever lost everything sets up another at the next sign-in."""
    owner = await an_owner_of_factors(work, mfa="required")
    await an_app(work, owner)

    with pytest.raises(SecondFactorRequired):
        await remove_factor(work, RemoveFactor(owner, SecondFactor.TOTP))
    await remove_factor(work, RemoveFactor(owner, SecondFactor.TOTP, by_operator=True))

    assert await factors_of(work, owner) == ()
    assert "factor.removed" in event_names(work)


async def test_a_factor_that_never_counted_is_not_there_to_remove(work: Work) -> None:
    owner = await an_owner_of_factors(work)
    await begin_totp(work, owner)

    with pytest.raises(FactorNotFound):
        await remove_factor(work, RemoveFactor(owner, SecondFactor.TOTP))
