"""Links and codes that prove something once."""

from dataclasses import replace

import pytest

from server.base.errors import InvalidCode, LinkExpired, LinkUnknown, LinkUsed
from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.one_time_secrets.actions import (
    KEPT_AFTER_EXPIRY,
    drop_secrets,
    forget_expired,
    issue_code,
    issue_token,
    look_up_token,
    redeem_code,
    redeem_token,
    remember_once,
)
from server.core.one_time_secrets.model import (
    DropSecrets,
    IssueCode,
    IssueToken,
    Purpose,
    RedeemCode,
    RedeemToken,
    RememberOnce,
)
from server.core.realms.model import Realm
from server.core.work import Refusal, Work
from tests.support.accounts import a_realm
from tests.support.sign_in import a_principal
from tests.support.work import later

TARGET = "jane@example.com"


@pytest.fixture
async def realm(work: Work) -> Realm:
    return await a_realm(work)


def link(realm: Realm) -> IssueToken:
    return IssueToken(realm.id, Purpose.MAGIC_LINK, TARGET, ttl_seconds=900, payload={"a": "ä"})


def code(realm: Realm) -> IssueCode:
    return IssueCode(realm.id, Purpose.SIGN_IN_CODE, TARGET, ttl_seconds=600, max_attempts=5)


def another(code: Secret) -> Secret:
    return Secret(f"{(int(code.reveal()) + 1) % 1_000_000:06d}")


async def refused(work: Work, shown: RedeemCode) -> None:
    """Whether or not there was a code to be tried."""
    with pytest.raises((Refusal, InvalidCode)) as refusal:
        await redeem_code(work, shown)
    assert isinstance(getattr(refusal.value, "error", refusal.value), InvalidCode)


# --- tokens ---------------------------------------------------------------------------------------


async def test_a_token_says_what_it_was_issued_for_once(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm)
    token = await issue_token(work, replace(link(realm), principal_id=principal.id))
    shown = RedeemToken(realm.id, Purpose.MAGIC_LINK, token)

    redeemed = await redeem_token(work, shown)

    assert len(token.reveal()) == 43
    assert (redeemed.realm_id, redeemed.principal_id) == (realm.id, principal.id)
    assert (redeemed.target, redeemed.payload) == (TARGET, {"a": "ä"})
    with pytest.raises(LinkUsed):
        await redeem_token(work, shown)


async def test_of_links_to_one_address_only_the_newest_works(work: Work, realm: Realm) -> None:
    """What was used is still known as used, another purpose and another address are not touched."""
    used = RedeemToken(realm.id, Purpose.MAGIC_LINK, await issue_token(work, link(realm)))
    await redeem_token(work, used)
    elsewhere = await issue_token(work, replace(link(realm), target="john@example.com"))
    reset = await issue_token(work, replace(link(realm), purpose=Purpose.RESET_PASSWORD))
    older = RedeemToken(realm.id, Purpose.MAGIC_LINK, await issue_token(work, link(realm)))
    newer = RedeemToken(realm.id, Purpose.MAGIC_LINK, await issue_token(work, link(realm)))

    with pytest.raises(LinkUnknown):
        await redeem_token(work, older)
    with pytest.raises(LinkUsed):
        await redeem_token(work, used)
    await redeem_token(work, newer)
    await redeem_token(work, RedeemToken(realm.id, Purpose.MAGIC_LINK, elsewhere))
    await redeem_token(work, RedeemToken(realm.id, Purpose.RESET_PASSWORD, reset))


async def test_redirects_to_one_provider_do_not_end_each_other(work: Work, realm: Realm) -> None:
    states = [await issue_token(work, replace(link(realm), purpose=Purpose.SSO_STATE)) for _ in range(2)]

    for state in states:
        await redeem_token(work, RedeemToken(realm.id, Purpose.SSO_STATE, state))


async def test_looking_uses_nothing_up(work: Work, realm: Realm) -> None:
    shown = RedeemToken(realm.id, Purpose.MAGIC_LINK, await issue_token(work, link(realm)))

    seen = [await look_up_token(work, shown) for _ in range(3)]

    assert await redeem_token(work, shown) == seen[0]
    with pytest.raises(LinkUsed):
        await look_up_token(work, shown)


async def test_a_token_is_good_for_its_purpose_in_its_realm(work: Work, realm: Realm) -> None:
    token = await issue_token(work, link(realm))

    for shown in (
        RedeemToken(realm.id, Purpose.RESET_PASSWORD, token),
        RedeemToken((await a_realm(work)).id, Purpose.MAGIC_LINK, token),
        RedeemToken(None, Purpose.VERIFY_EMAIL, token),
        RedeemToken(realm.id, Purpose.MAGIC_LINK, Secret("A" * 43)),
        RedeemToken(realm.id, Purpose.MAGIC_LINK, Secret("\ud800")),
    ):
        with pytest.raises(LinkUnknown):
            await redeem_token(work, shown)
    await redeem_token(work, RedeemToken(None, Purpose.MAGIC_LINK, token))


async def test_a_token_ends_at_its_second(work: Work, realm: Realm) -> None:
    shown = RedeemToken(realm.id, Purpose.MAGIC_LINK, await issue_token(work, link(realm)))

    await look_up_token(later(work, seconds=899), shown)
    for look in (look_up_token, redeem_token):
        with pytest.raises(LinkExpired):
            await look(later(work, seconds=900), shown)


async def test_what_was_dropped_is_unknown_and_what_was_used_stays_known(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm)
    issue = replace(link(realm), principal_id=principal.id)
    used = RedeemToken(realm.id, Purpose.MAGIC_LINK, await issue_token(work, issue))
    await redeem_token(work, used)
    live = RedeemToken(realm.id, Purpose.MAGIC_LINK, await issue_token(work, issue))

    await drop_secrets(work, DropSecrets(realm.id, principal.id, (Purpose.MAGIC_LINK,)))

    with pytest.raises(LinkUsed):
        await redeem_token(work, used)
    with pytest.raises(LinkUnknown):
        await redeem_token(work, live)


# --- codes ----------------------------------------------------------------------------------------


async def test_a_code_works_once(work: Work, realm: Realm) -> None:
    secret = await issue_code(work, code(realm))
    shown = RedeemCode(realm.id, Purpose.SIGN_IN_CODE, TARGET, secret)

    redeemed = await redeem_code(work, shown)

    assert len(secret.reveal()) == 6
    assert secret.reveal().isdecimal()
    assert redeemed.target == TARGET
    await refused(work, shown)


async def test_a_code_is_bound_to_realm_purpose_and_target(work: Work, realm: Realm) -> None:
    shown = RedeemCode(realm.id, Purpose.SIGN_IN_CODE, TARGET, await issue_code(work, code(realm)))

    await refused(work, replace(shown, realm_id=(await a_realm(work)).id))
    await refused(work, replace(shown, purpose=Purpose.SECOND_FACTOR_CODE))
    await refused(work, replace(shown, target="john@example.com"))
    await redeem_code(work, shown)


async def test_the_fifth_wrong_try_kills_the_code(work: Work, realm: Realm) -> None:
    shown = RedeemCode(realm.id, Purpose.SIGN_IN_CODE, TARGET, await issue_code(work, code(realm)))
    for _ in range(5):
        await refused(work, replace(shown, code=another(shown.code)))

    await refused(work, shown)


async def test_the_last_try_may_be_the_right_one(work: Work, realm: Realm) -> None:
    shown = RedeemCode(realm.id, Purpose.SIGN_IN_CODE, TARGET, await issue_code(work, code(realm)))
    for _ in range(4):
        await refused(work, replace(shown, code=another(shown.code)))

    await redeem_code(work, shown)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "x", "\N{FULLWIDTH DIGIT ONE}" * 6, "\ud800"])
async def test_what_is_no_code_is_wrong(work: Work, realm: Realm, typed: str) -> None:
    await issue_code(work, code(realm))

    await refused(work, RedeemCode(realm.id, Purpose.SIGN_IN_CODE, TARGET, Secret(typed)))


async def test_a_code_ends_at_its_second(work: Work, realm: Realm) -> None:
    shown = RedeemCode(realm.id, Purpose.SIGN_IN_CODE, TARGET, await issue_code(work, code(realm)))

    await refused(later(work, seconds=600), shown)
    await redeem_code(later(work, seconds=599), shown)


async def test_a_new_code_kills_the_one_before_it(work: Work, realm: Realm) -> None:
    await issue_code(work, code(realm))
    new = await issue_code(work, code(realm))

    rows = await work.conn.fetch("SELECT FROM one_time_secrets WHERE realm_id = $1", realm.id)

    assert len(rows) == 1
    await redeem_code(work, RedeemCode(realm.id, Purpose.SIGN_IN_CODE, TARGET, new))


async def test_a_code_cannot_be_found_from_what_is_kept_of_it(work: Work, realm: Realm) -> None:
    """A million tries would do, if what is kept were a digest without a key."""
    secret = await issue_code(work, code(realm))

    kept, kept_id = await work.conn.fetchrow(
        "SELECT secret_digest, id FROM one_time_secrets WHERE realm_id = $1", realm.id
    ) or (b"", new_uid())

    assert work.keys.is_keyed_digest_of(kept, secret.reveal(), f"one_time_secrets.code:{kept_id}")
    assert not work.keys.is_keyed_digest_of(kept, secret.reveal(), f"one_time_secrets.code:{new_uid()}")


# --- what comes from elsewhere, and what is forgotten ---------------------------------------------


async def test_what_was_made_elsewhere_counts_once_in_each_realm(work: Work, realm: Realm) -> None:
    seen = RememberOnce(realm.id, Purpose.SAML_ASSERTION, "https://idp.example", "_1", ttl_seconds=300)

    first = [
        await remember_once(work, each)
        for each in (
            seen,
            replace(seen, text="_2"),
            replace(seen, issuer="https://other.example"),
            replace(seen, realm_id=(await a_realm(work)).id),
        )
    ]

    assert first == [True] * 4
    assert not await remember_once(later(work, seconds=10), seen)


async def test_secrets_are_forgotten_a_week_after_their_end(work: Work, realm: Realm) -> None:
    shown = RedeemToken(realm.id, Purpose.MAGIC_LINK, await issue_token(work, link(realm)))
    end = later(work, seconds=900)

    await forget_expired(later(end, seconds=KEPT_AFTER_EXPIRY.total_seconds() - 1), None)
    with pytest.raises(LinkExpired):
        await redeem_token(end, shown)
    await forget_expired(later(end, seconds=KEPT_AFTER_EXPIRY.total_seconds()), None)

    with pytest.raises(LinkUnknown):
        await redeem_token(end, shown)
