"""What projects do with their people."""

import pytest

from server.base.errors import EmailTaken, InvalidCredentials, InvalidFields, InvalidSignIn, UserNotFound
from server.base.ids import new_uid
from server.core.principals.actions import ReadPrincipal, read_principal
from server.core.sessions.ending import ListSessions, list_sessions
from server.core.sign_in.administration import (
    ChangeUser,
    DeleteUser,
    UnlockUser,
    change_user,
    delete_user,
    unlock_user,
)
from server.core.work import Core
from tests.support.accounts import an_email
from tests.support.application import Application, signed_in, step
from tests.support.locks import LockPrincipal, lock_principal


async def test_metadata_is_merged(application: Application) -> None:
    person = (await application.sign_up(metadata={"plan": "free", "age": 7})).principal

    changed = await application.do(
        change_user, ChangeUser(application.realm.id, person.id, metadata={"plan": "paid", "age": None})
    )

    assert changed.metadata == {"plan": "paid"}


async def test_a_new_address_is_not_verified_and_both_hear_of_it(application: Application) -> None:
    old, new = an_email(), an_email()
    await application.send_code(old)
    person = signed_in(await application.enter_code((await application.letter(old)).code, old)).principal

    changed = await application.do(change_user, ChangeUser(application.realm.id, person.id, email=new))

    assert person.email_verified
    assert (changed.email, changed.email_verified) == (new, False)
    assert (await application.letter(new)).template == "verify_email"
    assert (await application.letter(old)).template == "email_changed"


async def test_the_same_address_in_another_casing_tells_nobody(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal

    changed = await application.do(
        change_user, ChangeUser(application.realm.id, person.id, email=email.upper())
    )

    assert changed.email == email.upper()
    assert await application.letters(email) == []


async def test_an_address_that_is_taken_is_refused(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    person = (await application.sign_up()).principal

    with pytest.raises(EmailTaken):
        await application.do(change_user, ChangeUser(application.realm.id, person.id, email=email))


async def test_who_is_disabled_has_no_session_and_no_sign_in_left(application: Application) -> None:
    email = an_email()
    person = (new := await application.sign_up(email)).principal
    app = await application.with_totp(new)
    waiting = step(await application.log_in(email))

    disabled = await application.do(change_user, ChangeUser(application.realm.id, person.id, disabled=True))

    assert disabled.is_disabled
    assert await application.do(list_sessions, ListSessions(application.realm.id, person.id)) == ()
    with pytest.raises(InvalidSignIn):
        await application.advance(waiting, app.next_code())


async def test_who_is_enabled_again_signs_in_again(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal
    for disabled in (True, False):
        await application.do(change_user, ChangeUser(application.realm.id, person.id, disabled=disabled))

    signed_in(await application.log_in(email))


async def test_a_person_who_is_deleted_is_gone(application: Application) -> None:
    email = an_email()
    person = (new := await application.sign_up(email)).principal
    await application.with_totp(new)
    await application.log_in(email)

    await application.do(delete_user, DeleteUser(application.realm.id, person.id))

    with pytest.raises(InvalidCredentials):
        await application.log_in(email)
    with pytest.raises(UserNotFound):
        await application.do(read_principal, ReadPrincipal(application.realm.id, person.id))
    for table in ("factors", "sessions", "sign_ins", "one_time_secrets"):
        left = await application.rows(f"SELECT FROM {table} WHERE principal_id = $1", person.id)
        assert left == [], table


async def test_who_is_unlocked_signs_in_again(application: Application) -> None:
    email = an_email()
    person = (await application.sign_up(email)).principal
    await application.do(lock_principal, LockPrincipal(application.realm.id, person.id, "test"))
    with pytest.raises(InvalidCredentials):
        await application.log_in(email)

    await application.do(unlock_user, UnlockUser(application.realm.id, person.id))

    signed_in(await application.log_in(email))


async def test_too_much_metadata_is_refused(application: Application) -> None:
    person = (await application.sign_up()).principal

    with pytest.raises(InvalidFields):
        await application.do(
            change_user, ChangeUser(application.realm.id, person.id, metadata={"a": "x" * 20_000})
        )


async def test_people_of_another_realm_are_nobody(uncommitted: Core, application: Application) -> None:
    person = (await application.sign_up()).principal
    other = await Application.on(uncommitted)

    for user_id in (person.id, new_uid()):
        with pytest.raises(UserNotFound):
            await other.do(change_user, ChangeUser(other.realm.id, user_id, disabled=True))
        with pytest.raises(UserNotFound):
            await other.do(delete_user, DeleteUser(other.realm.id, user_id))
        with pytest.raises(UserNotFound):
            await other.do(unlock_user, UnlockUser(other.realm.id, user_id))
