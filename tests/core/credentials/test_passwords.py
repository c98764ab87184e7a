from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from server.base.errors import InvalidFields, UserNotFound, WrongPassword
from server.base.secret import Secret
from server.core.credentials.model import Credential
from server.core.credentials.passwords import (
    ReadCredential,
    RenewHash,
    ReplacePassword,
    SetPasswordHash,
    hash_new_password,
    is_right,
    read_credential,
    renew_hash,
    renewed_hash,
    replace_password,
    set_password_hash,
)
from server.core.credentials.rules import NewPassword
from server.core.principals.actions import ReadPrincipal, read_principal
from server.core.principals.locking import RecordFailure, record_failure
from server.core.principals.model import Counter, RealmPrincipal
from server.core.realms.model import Realm
from server.core.work import Core, Refusal, Work
from tests.support.accounts import PASSWORD, a_realm, an_email
from tests.support.locks import LockPrincipal, lock_principal
from tests.support.sign_in import a_principal
from tests.support.work import OPERATOR, event_names, later

RIGHT, WRONG, NEW = Secret(PASSWORD), Secret("not the password"), Secret("another good password")


@pytest.fixture
async def realm(work: Work) -> Realm:
    """A realm that locks at three."""
    return await a_realm(work, max_failures=5)


@pytest.fixture
async def jane(work: Work, realm: Realm) -> RealmPrincipal:
    """Somebody with a password."""
    return await a_principal(work, realm, password=PASSWORD)


async def credential_of(work: Work, jane: RealmPrincipal) -> Credential:
    """What is kept now."""
    credential = await read_credential(work, ReadCredential(jane.realm_id, principal_id=jane.id))
    assert credential is not None
    return credential


def a_change(
    realm: Realm, jane: RealmPrincipal, *, current: Secret = RIGHT, new: Secret = NEW
) -> ReplacePassword:
    """Jane wants another password."""
    return ReplacePassword(jane.id, current, NewPassword(realm, new, field="new_password"))


async def test_a_person_is_found_with_the_hash_by_address_and_by_id(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    assert jane.email is not None
    by_id = await credential_of(work, jane)

    assert by_id.principal == jane
    assert await read_credential(work, ReadCredential(realm.id, email=jane.email.upper())) == by_id
    assert await is_right(realm.id, by_id, RIGHT)
    assert not await is_right(realm.id, by_id, WRONG)


async def test_nobodys_password_is_right_and_nor_is_one_where_there_is_none(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    without = await a_principal(work, realm)
    other = await a_realm(work)

    for command in (
        ReadCredential(realm.id, email=an_email()),
        ReadCredential(realm.id),
        ReadCredential(other.id, email=jane.email),
        ReadCredential(other.id, principal_id=jane.id),
    ):
        assert await read_credential(work, command) is None
    assert not await is_right(realm.id, None, RIGHT)
    assert not await is_right(realm.id, await credential_of(work, without), RIGHT)


async def test_a_password_that_is_set_takes_the_place_of_the_old(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    then = later(work, minutes=1)

    new_hash = await hash_new_password(then, NewPassword(realm, NEW))
    await set_password_hash(then, SetPasswordHash(realm.id, jane.id, new_hash))

    credential = await credential_of(work, jane)
    assert await is_right(jane.realm_id, credential, NEW)
    assert not await is_right(jane.realm_id, credential, RIGHT)
    assert event_names(then) == ["principal.password_set"]


async def test_a_bad_password_is_not_hashed(work: Work, realm: Realm) -> None:
    with pytest.raises(InvalidFields):
        await hash_new_password(work, NewPassword(realm, Secret("password1")))


async def test_nobody_of_another_realm_is_given_a_password(work: Work, jane: RealmPrincipal) -> None:
    other = await a_realm(work)

    for realm_id, principal_id in ((other.id, jane.id), (jane.realm_id, uuid4())):
        with pytest.raises(UserNotFound):
            await set_password_hash(work, SetPasswordHash(realm_id, principal_id, "$argon2id$"))


async def test_a_new_password_lifts_a_lock_for_wrong_ones(work: Work, jane: RealmPrincipal) -> None:
    await record_failure(work, RecordFailure(jane.realm_id, jane.id, Counter.PASSWORD, 1, None))

    principal = await set_password_hash(work, SetPasswordHash(jane.realm_id, jane.id, "$argon2id$"))

    assert not principal.is_locked(work.now)


async def test_a_new_password_gives_no_new_tries_at_second_factors(work: Work, jane: RealmPrincipal) -> None:
    """Who reads a person's mail could otherwise guess on for ever."""
    await record_failure(work, RecordFailure(jane.realm_id, jane.id, Counter.SECOND_FACTOR, 1, None))

    principal = await set_password_hash(work, SetPasswordHash(jane.realm_id, jane.id, "$argon2id$"))

    assert principal.is_locked(work.now)


async def test_a_new_password_lifts_no_operators_lock(work: Work, jane: RealmPrincipal) -> None:
    await lock_principal(
        work, LockPrincipal(jane.realm_id, jane.id, "operator", work.now + timedelta(days=1))
    )

    principal = await set_password_hash(work, SetPasswordHash(jane.realm_id, jane.id, "$argon2id$"))

    assert principal.is_locked(work.now)


# --- hashed anew ----------------------------------------------------------------------------------


async def test_a_hash_with_old_parameters_is_renewed(work: Work, jane: RealmPrincipal) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    await set_password_hash(work, SetPasswordHash(jane.realm_id, jane.id, old))
    then = later(work)

    renewed = await renewed_hash(await credential_of(work, jane), RIGHT)
    assert renewed is not None
    await renew_hash(then, RenewHash(jane.realm_id, jane.id, old, renewed))

    credential = await credential_of(work, jane)
    assert credential.password_hash == renewed
    assert await is_right(jane.realm_id, credential, RIGHT)
    assert await renewed_hash(credential, RIGHT) is None
    assert event_names(then) == ["principal.password_rehashed"]


async def test_a_password_that_was_changed_meanwhile_is_not_put_back(
    work: Work, jane: RealmPrincipal
) -> None:
    before = await credential_of(work, jane)
    await set_password_hash(work, SetPasswordHash(jane.realm_id, jane.id, "$argon2id$new"))
    then = later(work)

    await renew_hash(then, RenewHash(jane.realm_id, jane.id, before.password_hash or "", "$argon2id$old"))

    assert (await credential_of(work, jane)).password_hash == "$argon2id$new"
    assert event_names(then) == []


# --- changed by its owner -------------------------------------------------------------------------


async def test_who_knows_the_password_may_change_it(work: Work, realm: Realm, jane: RealmPrincipal) -> None:
    then = later(work)

    await replace_password(then, a_change(realm, jane))

    assert await is_right(jane.realm_id, await credential_of(work, jane), NEW)
    assert event_names(then) == ["principal.password_changed"]


async def test_who_does_not_know_it_may_not_and_that_is_remembered(
    uncommitted: Core, work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    for _ in range(4):
        with pytest.raises(WrongPassword):
            await uncommitted.perform(replace_password, a_change(realm, jane, current=WRONG), actor=OPERATOR)

    assert await is_right(jane.realm_id, await credential_of(work, jane), RIGHT)
    assert not (await read_principal(work, ReadPrincipal(realm.id, jane.id))).is_locked(work.now)
    with pytest.raises(WrongPassword):
        await uncommitted.perform(replace_password, a_change(realm, jane, current=WRONG), actor=OPERATOR)
    assert (await read_principal(work, ReadPrincipal(realm.id, jane.id))).is_locked(work.now)


async def test_what_is_wrong_with_the_new_one_is_only_told_to_who_knows_the_old(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    bad = Secret("password1")

    with pytest.raises(InvalidFields) as refused:
        await replace_password(work, a_change(realm, jane, new=bad))
    assert list(refused.value.fields) == ["new_password"]
    with pytest.raises(Refusal) as wrong:
        await replace_password(work, a_change(realm, jane, current=WRONG, new=bad))
    assert isinstance(wrong.value.error, WrongPassword)


async def test_of_two_changes_that_know_the_same_password_one_counts(
    work: Work, realm: Realm, jane: RealmPrincipal
) -> None:
    ready = await replace_password.prepare(work, a_change(realm, jane))
    late = replace(ready, new_hash="$argon2id$late")

    await replace_password.act(work, ready)
    with pytest.raises(Refusal):
        await replace_password.act(work, late)

    assert await is_right(jane.realm_id, await credential_of(work, jane), NEW)


async def test_somebody_without_a_password_has_none_to_change(work: Work, realm: Realm) -> None:
    without = await a_principal(work, realm)

    with pytest.raises(Refusal):
        await replace_password(work, a_change(realm, without, current=Secret("")))
