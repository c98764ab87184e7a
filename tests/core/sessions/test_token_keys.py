from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from server.base.errors import InvalidAccessToken
from server.core.principals.model import RealmPrincipal
from server.core.realms.model import Realm
from server.core.sessions import token_key_store as store
from server.core.sessions import token_keys
from server.core.sessions.token_key_store import TokenKey
from server.core.sessions.token_keys import (
    PROTEKT,
    RotateTokenKeys,
    read_jwks,
    rotate_token_keys,
    verify,
)
from server.core.work import Core, Work
from server.crypto import access_tokens
from server.crypto.access_tokens import SigningKey, VerifyingKey
from server.db.pool import Connection
from tests.support.sign_in import access_token_of, an_open_session, claims_in
from tests.support.work import OPERATOR, event_names, later, some_keys, some_settings

ROTATE = RotateTokenKeys()


@pytest.fixture(autouse=True)
async def first(work: Work) -> None:
    """No other test has made a key."""
    await work.conn.execute("DELETE FROM token_signing_keys")


async def published(work: Work, family: str = PROTEKT) -> dict[str, Mapping[str, Any]]:
    """The public keys by their ids, in order."""
    keys: Any = (await read_jwks(work, family))["keys"]
    return {key["kid"]: key for key in keys}


def another_process(work: Work) -> Work:
    """The same database and instant, with keys of its own in memory."""
    return replace(work, keys=some_keys())


def counted_looks(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each time that the keys are read."""
    looks: list[None] = []
    select_keys = store.select_keys

    async def counting(conn: Connection) -> tuple[TokenKey, ...]:
        looks.append(None)
        return await select_keys(conn)

    monkeypatch.setattr(store, "select_keys", counting)
    return looks


def signed_by_nobody(kid: str) -> str:
    """A token that names a key."""
    key = access_tokens.generate("ES256")
    return access_tokens.sign(SigningKey("ES256", key.private_key), {"sub": "usr_1"}, kid)


async def test_the_first_key_is_made_when_somebody_looks_for_it(uncommitted: Core, work: Work) -> None:
    jwks = await uncommitted.perform_at_once(read_jwks, PROTEKT, actor=OPERATOR)

    (key,) = (await published(work)).values()
    assert jwks == {"keys": [key]}
    assert key["kid"].startswith("protekt-")
    assert (key["alg"], key["use"], key["kty"], key["crv"]) == ("ES256", "sig", "EC", "P-256")
    assert "d" not in key
    events = await work.conn.fetch("SELECT event FROM audit_events WHERE target_id = $1", key["kid"])
    assert [row["event"] for row in events] == ["token_key.created"]


async def test_tokens_are_signed_with_the_published_key(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    token = access_token_of(await an_open_session(work, realm, jane)).reveal()

    keys = await published(work)
    claims = access_tokens.verify(
        {kid: VerifyingKey(key) for kid, key in keys.items()},
        token,
        issuer=work.settings.base_url,
        audience=realm.login_id,
        now=work.now,
    )

    assert access_tokens.unverified_kid(token) in keys
    assert claims["email"] == jane.email


async def test_rsa_is_a_setting_and_older_tokens_stay_good(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    before = await an_open_session(work, realm, jane)
    with_rsa = replace(work, settings=some_settings(token_algorithm="RS256"))

    after = await an_open_session(with_rsa, realm, jane)

    algorithms = {key["alg"] for key in (await published(with_rsa)).values()}
    assert algorithms == {"ES256", "RS256"}
    for opened in (before, after):
        for process in (work, with_rsa, another_process(work)):
            await claims_in(process, opened)


async def test_after_a_rotation_a_new_key_signs_and_older_tokens_are_good_until_they_end(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    before = await an_open_session(work, realm, jane)
    (old,) = await published(work)
    then = later(work)

    new = await rotate_token_keys(then, ROTATE)

    after = await an_open_session(work, realm, jane)
    assert access_tokens.unverified_kid(access_token_of(after).reveal()) == new
    assert list(await published(work)) == [new, old]
    for process in (work, another_process(work)):
        await claims_in(process, before)
        await claims_in(process, after)
    assert event_names(then) == ["token_key.rotated"]
    assert then.events[0].data == {"distrusted": False}


async def test_a_key_is_published_for_a_day_after_it_signed_last(work: Work) -> None:
    (old,) = await published(work)
    new = await rotate_token_keys(work, ROTATE)

    assert list(await published(later(work, days=1))) == [new, old]
    assert list(await published(later(work, days=1, hours=1))) == [new]
    newest = await rotate_token_keys(later(work, days=2), ROTATE)
    kept = await work.conn.fetch("SELECT kid FROM token_signing_keys ORDER BY created_at")
    assert [row["kid"] for row in kept] == [new, newest]


async def test_a_key_that_is_distrusted_is_refused_with_its_tokens(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    before = await an_open_session(work, realm, jane)

    new = await rotate_token_keys(work, RotateTokenKeys(distrust=True))

    assert list(await published(work)) == [new]
    for process in (work, another_process(work)):
        with pytest.raises(InvalidAccessToken):
            await claims_in(process, before)
        await claims_in(process, await an_open_session(process, realm, jane))


async def test_a_process_that_has_read_the_keys_learns_of_a_new_one_from_its_token(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    other = another_process(work)
    await claims_in(other, await an_open_session(work, realm, jane))
    await rotate_token_keys(work, ROTATE)

    await claims_in(other, await an_open_session(work, realm, jane))


async def test_for_keys_that_nobody_made_a_process_looks_once_a_second(
    work: Work, realm: Realm, jane: RealmPrincipal, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await an_open_session(work, realm, jane)
    await claims_in(work, opened)
    looks = counted_looks(monkeypatch)

    for round_ in (1, 2):
        for number in range(5):
            with pytest.raises(InvalidAccessToken):
                await verify(work, PROTEKT, signed_by_nobody(f"protekt-{round_}{number}"))
        assert len(looks) == round_
        monkeypatch.setattr(token_keys, "_missed_at", {})
    await claims_in(work, opened)


async def test_what_is_published_is_read_once_a_second(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    await published(work)
    await published(work)
    looks = counted_looks(monkeypatch)

    for _ in range(5):
        await published(work)

    assert not looks
    monkeypatch.setattr(token_keys, "PAUSE_SECONDS", 0.0)
    await published(work)
    assert len(looks) == 1


async def test_families_have_keys_of_their_own(work: Work) -> None:
    ours, theirs = await published(work), await published(work, "nauth")

    assert not set(ours) & set(theirs)
    await rotate_token_keys(work, RotateTokenKeys("nauth", distrust=True))
    assert await published(work) == ours
